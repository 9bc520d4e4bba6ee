//! A server that hangs.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn report(name: &str) -> HostReport {
    HostReport {
        version: 1,
        name: name.into(),
        klamm: "0".into(),
        folders: klamm_core::model::inventory::HostFolders { state: "/s".into(), logs: "/l".into() },
        memory: klamm_core::model::ByteCount::gibibytes(1),
        processors: 1,
        address: "127.0.0.1".parse().unwrap(),
        advertised: "localhost".into(),
        ports_taken: Default::default(),
        clusters: BTreeMap::new(),
        refused: BTreeMap::new(),
    }
}

/// Reads one request and gives the report in it.
async fn read_report(stream: &mut BufReader<TcpStream>) -> HostReport {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn while_the_server_hangs_reports_are_made_on_and_only_the_newest_is_sent_then() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = klamm_pki::client_config(None, rustls::RootCertStore::empty()).unwrap();
    let link = Link::new(format!("http://{}", listener.local_addr().unwrap()), tls).unwrap();
    let (reports, latest) = watch::channel(None);
    let (answers, mut answered) = mpsc::channel(1);
    let _telling = AbortOnDrop(tokio::spawn(tell(link, latest, answers)));

    reports.send_replace(Some(report("first")));
    let mut stream = BufReader::new(listener.accept().await.unwrap().0);
    assert_eq!(read_report(&mut stream).await.name, "first");
    // It hangs now. The loop that makes reports waits for nothing.
    for name in ["second", "third", "last"] {
        reports.send_replace(Some(report(name)));
    }
    let answer = ReportAnswer { server_time: jiff::Timestamp::UNIX_EPOCH, destroyed: Default::default() };
    let answer = serde_json::to_string(&answer).unwrap();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    answered.recv().await.unwrap();
    assert_eq!(read_report(&mut stream).await.name, "last");
}
