//! The two doors: a Unix socket for people's tools on the own machine, a TLS port for agents.

mod agents;
mod joining;
mod past;
mod people;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use crate::Server;
use crate::error::ServerError;
use crate::joining::admitted_host;

/// The pause after a connection that could not be accepted, for want of descriptors.
const BREATH: Duration = Duration::from_millis(50);
/// How long those who ask may take to read their answers when the server ends. Some, as readers of a log, never do.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// A peer that shakes hands for longer is none.
const HANDSHAKE: Duration = Duration::from_secs(10);

impl IntoResponse for ServerError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(error = crate::error::chain(&self), "a request failed");
        }
        (status, Json(self.to_failure())).into_response()
    }
}

/// Serves people until the server stops; who was asking then still gets an answer. Only the server's own account, and
/// root, may talk to it.
pub(crate) async fn serve_people(server: Arc<Server>, listener: UnixListener) {
    let router = people::router(server.clone());
    let own = rustix::process::geteuid().as_raw();
    let answering = GracefulShutdown::new();
    let mut stopping = server.stopping.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let peer = stream.peer_cred().ok().filter(|peer| peer.uid() == own || peer.uid() == 0);
        if let Some(peer) = peer {
            let visit = server.visitors.enter(peer.pid());
            let service = TowerToHyperService::new(router.clone());
            let builder = auto::Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
            let connection = answering.watch(connection);
            tokio::spawn(async move {
                // A connection that breaks is the peer's business.
                drop(connection.await);
                drop(visit);
            });
        }
    }
    drop(listener);
    if tokio::time::timeout(LAST_ANSWERS, answering.shutdown()).await.is_err() {
        tracing::info!("somebody still listens while the server ends");
    }
}

/// Serves agents until the process ends. Without the certificate of a host that has joined there is nothing but joining.
pub(crate) async fn serve_agents(server: Arc<Server>, listener: TcpListener, tls: Arc<rustls::ServerConfig>) {
    let acceptor = TlsAcceptor::from(tls);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let (server, acceptor) = (server.clone(), acceptor.clone());
        tokio::spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
            let Ok(Ok(stream)) = shaken else { return };
            let (_, connection) = stream.get_ref();
            let Some(chain) = connection.peer_certificates().map(<[_]>::to_vec) else {
                return serve_connection(stream, joining::router(server)).await;
            };
            if let Some(host) = admitted_host(&server, &chain).await {
                serve_connection(stream, agents::router(server, host.id, host.name)).await;
            }
        });
    }
}

async fn serve_connection<S>(stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let builder = auto::Builder::new(TokioExecutor::new());
    // A connection that breaks is the peer's business.
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}

/// A body of server-sent events, each as [`event`] or [`HEARTBEAT`] writes it.
fn events(lines: impl futures_util::Stream<Item = String> + Send + 'static) -> Response {
    use futures_util::StreamExt as _;
    let lines = lines.map(Ok::<_, std::convert::Infallible>);
    ([("content-type", "text/event-stream")], Body::from_stream(lines)).into_response()
}

/// One JSON document as an event.
fn event(document: &impl serde::Serialize) -> String {
    let document = serde_json::to_string(document).expect("what the API tells has only string keys");
    format!("data: {document}\n\n")
}

/// A comment, which readers pass over.
const HEARTBEAT: &str = ":\n\n";
