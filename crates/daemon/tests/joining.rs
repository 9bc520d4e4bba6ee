//! Hosts join a server over real sockets: with a token, once, and only the server that the token names.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use klamm_core::api::JoinToken;
use klamm_daemon::{
    DaemonError, Folders, JoinError, JoinOptions, ServerArguments, join, run_host, run_server,
};

/// Long for a handshake, short for a person who waits for a test.
const PATIENCE: Duration = Duration::from_secs(20);

fn folders(root: &Path) -> Folders {
    Folders {
        state: root.join("state"),
        logs: root.join("log"),
        run: root.join("run"),
        cache: root.join("cache"),
        sources: klamm_artifacts::SourceFiles::in_folder(root),
    }
}

/// A server whose task ends with the test.
struct Running {
    folders: Folders,
    task: JoinHandle<Result<(), DaemonError>>,
    _root: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    async fn start() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        let folders = folders(root.path());
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let arguments = ServerArguments { listen: Some(listen), advertise: None };
        let task = tokio::spawn(run_server(folders.clone(), arguments));
        let running = Self { folders, task, _root: root };
        running.until("the server to answer", |hosts| hosts.is_some()).await;
        running
    }

    /// One request to the people's socket; none while nobody answers.
    async fn ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
        let mut stream = UnixStream::connect(self.folders.socket()).await.ok()?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: klamm\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?))
    }

    async fn token(&self) -> JoinToken {
        let made = self.ask("POST", "/v1/tokens", r#"{"lifetime_seconds": 600, "hosts": "*"}"#).await;
        let (status, made) = made.expect("the server answers");
        assert_eq!(status, 200, "{made}");
        made["token"].as_str().and_then(|token| token.parse().ok()).expect("it is a token")
    }

    /// Waits until the list of hosts is as it shall be.
    async fn until(&self, what: &str, is_so: impl Fn(Option<&Vec<Value>>) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask("GET", "/v1/hosts", "").await;
            if is_so(answer.as_ref().and_then(|(_, hosts)| hosts["hosts"].as_array())) {
                return;
            }
            assert!(Instant::now() < deadline, "waited too long for {what}; last seen: {answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn with(token: JoinToken, name: &str) -> JoinOptions {
    JoinOptions { token, server: None, name: Some(name.to_owned()), address: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_joins_with_a_token_and_its_agent_is_heard() {
    let server = Running::start().await;
    let root = tempfile::tempdir().unwrap();
    let host = folders(root.path());
    let token = server.token().await;
    let joined = join(&host, with(token.clone(), "alpha")).await.unwrap();
    assert_eq!((joined.name.as_str(), joined.address.to_string().as_str()), ("alpha", "127.0.0.1"));
    // Its answer may have been lost: the same host asks again.
    join(&host, with(token.clone(), "alpha")).await.unwrap();

    let agent = tokio::spawn(run_host(host.clone()));
    server
        .until("the agent to be heard", |hosts| {
            hosts.is_some_and(|hosts| {
                hosts.len() == 1 && hosts[0]["name"] == "alpha" && hosts[0]["seen"].is_string()
            })
        })
        .await;
    let second = run_host(host).await;
    assert!(matches!(second, Err(DaemonError::Taken { .. })), "{second:?}");
    agent.abort();

    let other = tempfile::tempdir().unwrap();
    let refused = join(&folders(other.path()), with(token, "beta")).await.unwrap_err();
    assert!(
        matches!(&refused, DaemonError::Join(JoinError::Link(error)) if error.to_string().contains("not good")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_tells_nothing_to_a_server_that_its_token_does_not_name() {
    let (wanted, other) = (Running::start().await, Running::start().await);
    let (token, misled) = (wanted.token().await, other.token().await.server);
    let root = tempfile::tempdir().unwrap();
    let options = JoinOptions { server: Some(misled), ..with(token.clone(), "alpha") };
    let refused = join(&folders(root.path()), options).await.unwrap_err();
    let DaemonError::Join(JoinError::Link(error)) = &refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("no answer"), "{refused:?}");
    other.until("the list of hosts", |hosts| hosts.is_some_and(Vec::is_empty)).await;

    join(&folders(root.path()), with(token, "alpha")).await.unwrap();
    let elsewhere = join(&folders(root.path()), with(other.token().await, "alpha")).await.unwrap_err();
    assert!(matches!(elsewhere, DaemonError::Join(JoinError::Elsewhere { .. })), "{elsewhere:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_ever_is_refused() {
    let server = Running::start().await;
    let (status, failure) =
        server.ask("POST", "/v1/tokens", r#"{"lifetime_seconds": 9999999, "hosts": "*"}"#).await.unwrap();
    assert_eq!((status, failure["code"].as_str()), (422, Some("klamm/token/lifetime")));
}
