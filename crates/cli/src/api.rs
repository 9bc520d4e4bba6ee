//! The server's API from this side: HTTP over its Unix socket, JSON bodies, failures as the server tells them.

mod events;
mod past;

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use klamm_core::api::{
    ApplyRequest, Certificates, ClusterStatus, Clusters, Failure, IdleAnswer, JoinedHosts, PlanAnswer,
    PlanRequest, RunStarted, TokenMade, TokenWanted, UserCertificate, UserCertificateRequest,
};
use klamm_core::model::{ClusterName, SlotName, UserName};
use klamm_daemon::SocketAddress;
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use crate::daemon;
use crate::error::CliError;
use crate::root::Root;

pub(crate) use events::RunEvents;

/// The server's host name in URLs; the socket decides where requests go.
const HOST: &str = "http://klamm";
/// For answers that are not streams: planning asks agents and Kafka, which may take their time-outs.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a daemon that said that it ends may take; one that takes longer is left alone.
const FAREWELL: Duration = Duration::from_secs(3);
/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// What to do where no server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Start one.
    Always,
    /// Start one where anything was ever kept; else there is nothing to ask about.
    InUse,
    /// Nothing.
    Never,
}

/// A client of one server. Nothing is opened, and no server is started, before the first request.
#[derive(Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    root: Root,
    start: Start,
    contact: Arc<Contact>,
    reachable: Arc<SocketAddress>,
}

/// How far this client has come with its server.
#[derive(Debug, Default)]
struct Contact {
    /// It answered once. From then on its end is news, and not mended behind the back of who asks.
    heard: AtomicBool,
    /// It was started for this client.
    started: AtomicBool,
}

impl Api {
    /// A client of the server that belongs to `root`.
    pub(crate) fn new(root: &Root, start: Start) -> Result<Self, CliError> {
        if start != Start::Never {
            // The socket is reached through its folder where its path is long.
            klamm_disk::ensure_folder(&root.run)?;
        }
        let reachable =
            root.reachable_socket().map_err(|source| CliError::NoServer { socket: root.socket(), source })?;
        // The socket is plain HTTP; a TLS configuration is given only so that none is looked for.
        let tls = klamm_pki::client_config(None, rustls::RootCertStore::empty())
            .map_err(|source| CliError::Tls { source })?;
        let client = reqwest::Client::builder()
            .unix_socket(reachable.path())
            .tls_backend_preconfigured(tls)
            .http1_only()
            .build()
            .map_err(|source| CliError::Talk { path: "/".to_owned(), source })?;
        let contact = Arc::default();
        Ok(Self { client, root: root.clone(), start, contact, reachable: Arc::new(reachable) })
    }

    /// Lets a server go that was started for this client, unless something needs it now.
    pub(crate) async fn leave(&self) {
        if self.contact.started.swap(false, Ordering::Relaxed) {
            self.let_idle_server_end().await;
        }
    }

    /// Has the daemon end if nothing needs it, and waits until it does not answer any more, so that whatever is typed
    /// next does not talk to one that is about to go. A daemon that stays does no harm.
    pub(crate) async fn let_idle_server_end(&self) {
        let path = "/v1/stop-if-idle";
        let request = self.request(Method::POST, path).timeout(PATIENCE);
        let answer = async { read::<IdleAnswer>(path, self.send(path, request).await?).await };
        match answer.await {
            Ok(IdleAnswer { ends: true }) => {
                let deadline = Instant::now() + FAREWELL;
                while Instant::now() < deadline && self.answers().await {
                    sleep(PAUSE).await;
                }
            }
            Ok(IdleAnswer { ends: false }) => {}
            Err(failure) => tracing::warn!(error = %failure, "the daemon was not asked to stop"),
        }
    }

    async fn answers(&self) -> bool {
        UnixStream::connect(self.reachable.path()).await.is_ok()
    }

    pub(crate) async fn clusters(&self) -> Result<Clusters, CliError> {
        self.get("/v1/clusters").await
    }

    pub(crate) async fn status(&self, cluster: &ClusterName) -> Result<ClusterStatus, CliError> {
        self.get(&format!("/v1/clusters/{cluster}")).await
    }

    pub(crate) async fn plan(
        &self,
        cluster: &ClusterName,
        request: &PlanRequest,
    ) -> Result<PlanAnswer, CliError> {
        self.post(&format!("/v1/clusters/{cluster}/plan"), request).await
    }

    pub(crate) async fn apply(
        &self,
        cluster: &ClusterName,
        request: &ApplyRequest,
    ) -> Result<RunStarted, CliError> {
        self.post(&format!("/v1/clusters/{cluster}/apply"), request).await
    }

    /// The cluster's newest run, as it goes on.
    pub(crate) async fn run(&self, cluster: &ClusterName) -> Result<RunEvents, CliError> {
        let path = format!("/v1/clusters/{cluster}/run");
        let response = self.send(&path, self.request(Method::GET, &path)).await?;
        Ok(RunEvents::new(path, response))
    }

    pub(crate) async fn spec(&self, cluster: &ClusterName) -> Result<String, CliError> {
        let path = format!("/v1/clusters/{cluster}/spec");
        let response = self.send(&path, self.request(Method::GET, &path).timeout(PATIENCE)).await?;
        response.text().await.map_err(|source| CliError::Talk { path, source })
    }

    pub(crate) async fn certificates(&self, cluster: &ClusterName) -> Result<Certificates, CliError> {
        self.get(&format!("/v1/clusters/{cluster}/certificates")).await
    }

    pub(crate) async fn user_certificate(
        &self,
        cluster: &ClusterName,
        user: &UserName,
        request: &UserCertificateRequest,
    ) -> Result<UserCertificate, CliError> {
        self.post(&format!("/v1/clusters/{cluster}/users/{user}/certificate"), request).await
    }

    /// A node's log as a stream of text.
    pub(crate) async fn log(
        &self,
        cluster: &ClusterName,
        slot: &SlotName,
        lines: usize,
        follow: bool,
    ) -> Result<Response, CliError> {
        let path = format!("/v1/clusters/{cluster}/nodes/{slot}/log");
        let request = self.request(Method::GET, &path);
        self.send(&path, request.query(&[("lines", lines.to_string()), ("follow", follow.to_string())])).await
    }

    pub(crate) async fn hosts(&self) -> Result<JoinedHosts, CliError> {
        self.get("/v1/hosts").await
    }

    pub(crate) async fn make_token(&self, wanted: &TokenWanted) -> Result<TokenMade, CliError> {
        self.post("/v1/tokens", wanted).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{HOST}{path}"))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        let response = self.send(path, self.request(Method::GET, path).timeout(PATIENCE)).await?;
        read(path, response).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        let request = self.request(Method::POST, path).timeout(PATIENCE).json(body);
        read(path, self.send(path, request).await?).await
    }

    /// Sends a request; an answer other than a success becomes the failure it tells.
    async fn send(&self, path: &str, request: RequestBuilder) -> Result<Response, CliError> {
        tracing::debug!(path, "asking the server");
        let again = request.try_clone();
        let mut answer = request.send().await;
        if let (Err(failure), Some(again)) = (&answer, again)
            && reason_unreachable(failure).is_some()
            && self.start != Start::Never
            && !self.contact.heard.load(Ordering::Relaxed)
        {
            daemon::ensure_running(&self.root).await.map_err(CliError::Daemon)?;
            self.contact.started.store(true, Ordering::Relaxed);
            answer = again.send().await;
        }
        let response = answer.map_err(|source| match reason_unreachable(&source) {
            Some(source) => CliError::NoServer { socket: self.root.socket(), source },
            None => CliError::Talk { path: path.to_owned(), source },
        })?;
        self.contact.heard.store(true, Ordering::Relaxed);
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body =
            response.bytes().await.map_err(|source| CliError::Talk { path: path.to_owned(), source })?;
        Err(match serde_json::from_slice::<Failure>(&body) {
            Ok(failure) => CliError::Refused(failure),
            Err(_) => CliError::Status {
                path: path.to_owned(),
                status: status.as_u16(),
                body: String::from_utf8_lossy(&body).trim().to_owned(),
            },
        })
    }
}

async fn read<T: DeserializeOwned>(path: &str, response: Response) -> Result<T, CliError> {
    let body = response.bytes().await.map_err(|source| CliError::Talk { path: path.to_owned(), source })?;
    serde_json::from_slice(&body).map_err(|source| CliError::Answer { path: path.to_owned(), source })
}

/// Why nobody listens: no socket, or one that a dead server left behind. None when the trouble is another.
fn reason_unreachable(error: &reqwest::Error) -> Option<io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let unreachable =
                matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
            return error.raw_os_error().filter(|_| unreachable).map(io::Error::from_raw_os_error);
        }
        cause = error.source();
    }
    None
}
