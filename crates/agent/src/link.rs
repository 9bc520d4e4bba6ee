//! The link to the server. The agent dials; the server never does.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use thiserror::Error;

use klamm_core::api::{
    CertificateIssued, CertificateWanted, Failure, IdentityWanted, JoinWanted, Joined, PermitAnswer,
    PermitWanted, ReportAnswer, ServerMessage,
};
use klamm_core::model::Sha256;
use klamm_core::model::inventory::HostReport;

/// Longest silence of the server's message stream; it says something every ten seconds.
const STREAM_SILENCE: Duration = Duration::from_secs(30);

/// Longest wait for the answer to one request.
const ANSWER: Duration = Duration::from_secs(20);

/// Longest wait for a report to be taken. The server notes when it came; one that was held up for longer would look
/// newer than it is.
const REPORT_TAKEN: Duration = Duration::from_secs(5);

/// A request to the server that failed.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The server could not be reached, or broke off.
    #[error("{operation}: no answer from the server at {url}")]
    Unreachable {
        /// What was asked.
        operation: &'static str,
        /// Of whom.
        url: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The server said no.
    #[error("{operation}: the server refused: {message}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// The server's reason.
        message: String,
    },
    /// What came is not what was asked for.
    #[error("{operation}: the server's answer is not readable")]
    Unreadable {
        /// What was asked.
        operation: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A blob's content does not have its digest.
    #[error("blob {expected} came with digest {found}")]
    Digest {
        /// What was asked for.
        expected: Sha256,
        /// What came.
        found: Sha256,
    },
}

/// A cheap handle; connections are shared and made anew when they break.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    client: reqwest::Client,
    base: String,
}

impl Link {
    /// A link to `https://HOST:PORT` with the agent's identity in `tls`.
    pub(crate) fn new(base: String, tls: rustls::ClientConfig) -> Result<Self, LinkError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .http2_keep_alive_interval(Duration::from_secs(10))
            .build()
            .map_err(|source| LinkError::Unreachable { operation: "set-up", url: base.clone(), source })?;
        Ok(Self { client, base })
    }

    fn url(&self, path: &str) -> String {
        format!("{}/agent/v1{path}", self.base)
    }

    /// Tells what was observed.
    pub(crate) async fn report(&self, report: &HostReport) -> Result<ReportAnswer, LinkError> {
        let operation = "report";
        let request = self.client.post(self.url("/report")).json(report).timeout(REPORT_TAKEN);
        let response = request.send().await.map_err(|source| self.unreachable(operation, source))?;
        let body = self.accept(operation, response).await?;
        serde_json::from_slice(&body).map_err(|source| LinkError::Unreadable { operation, source })
    }

    /// Asks for a certificate.
    pub(crate) async fn certify(&self, wanted: &CertificateWanted) -> Result<CertificateIssued, LinkError> {
        let operation = "certificate request";
        let body = self.send(operation, self.client.post(self.url("/certificates")).json(wanted)).await?;
        serde_json::from_slice(&body).map_err(|source| LinkError::Unreadable { operation, source })
    }

    /// Joins the server.
    pub(crate) async fn join(&self, wanted: &JoinWanted) -> Result<Joined, LinkError> {
        let operation = "joining";
        let body = self.send(operation, self.client.post(self.url("/join")).json(wanted)).await?;
        serde_json::from_slice(&body).map_err(|source| LinkError::Unreadable { operation, source })
    }

    /// Asks for a new certificate of the agent's own.
    pub(crate) async fn renew_identity(
        &self,
        wanted: &IdentityWanted,
    ) -> Result<CertificateIssued, LinkError> {
        let operation = "renewal of the agent's certificate";
        let body = self.send(operation, self.client.post(self.url("/identity")).json(wanted)).await?;
        serde_json::from_slice(&body).map_err(|source| LinkError::Unreadable { operation, source })
    }

    /// Asks whether a process may be stopped now.
    pub(crate) async fn may_stop(&self, wanted: &PermitWanted) -> Result<PermitAnswer, LinkError> {
        let operation = "permit to stop";
        let body = self.send(operation, self.client.post(self.url("/permits")).json(wanted)).await?;
        serde_json::from_slice(&body).map_err(|source| LinkError::Unreadable { operation, source })
    }

    /// Fetches a blob and checks its digest.
    pub(crate) async fn blob(&self, digest: Sha256) -> Result<Bytes, LinkError> {
        let body = self.send("blob", self.client.get(self.url(&format!("/blobs/{digest}")))).await?;
        let found = Sha256::of(&body);
        if found == digest { Ok(body) } else { Err(LinkError::Digest { expected: digest, found }) }
    }

    /// Sends a log as it is read.
    pub(crate) async fn send_log(
        &self,
        id: u64,
        text: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), LinkError> {
        let operation = "log";
        let request =
            self.client.post(self.url(&format!("/logs/{id}"))).body(reqwest::Body::wrap_stream(text));
        let response = request.send().await.map_err(|source| self.unreachable(operation, source))?;
        self.accept(operation, response).await.map(drop)
    }

    /// The server's messages, until the stream breaks.
    pub(crate) async fn messages(
        &self,
    ) -> Result<impl Stream<Item = Result<ServerMessage, LinkError>> + use<>, LinkError> {
        let operation = "message stream";
        let request = self.client.get(self.url("/messages"));
        let response = request.send().await.map_err(|source| self.unreachable(operation, source))?;
        let response = self.accept_status(operation, response).await?;
        let url = self.base.clone();
        let chunks = response.bytes_stream().map_err(move |source| LinkError::Unreachable {
            operation,
            url: url.clone(),
            source,
        });
        let chunks = until_silent(chunks, STREAM_SILENCE);
        Ok(lines(chunks).try_filter_map(move |line| async move {
            let Some(data) = line.strip_prefix("data:") else { return Ok(None) };
            let message = serde_json::from_str(data.trim());
            message.map(Some).map_err(|source| LinkError::Unreadable { operation, source })
        }))
    }

    async fn send(
        &self,
        operation: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<Bytes, LinkError> {
        let response =
            request.timeout(ANSWER).send().await.map_err(|source| self.unreachable(operation, source))?;
        self.accept(operation, response).await
    }

    async fn accept(&self, operation: &'static str, response: reqwest::Response) -> Result<Bytes, LinkError> {
        let response = self.accept_status(operation, response).await?;
        response.bytes().await.map_err(|source| self.unreachable(operation, source))
    }

    async fn accept_status(
        &self,
        operation: &'static str,
        response: reqwest::Response,
    ) -> Result<reqwest::Response, LinkError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|source| self.unreachable(operation, source))?;
        let message = match serde_json::from_slice::<Failure>(&body) {
            Ok(failure) => failure.message,
            Err(_) => status.to_string(),
        };
        Err(LinkError::Refused { operation, message })
    }

    fn unreachable(&self, operation: &'static str, source: reqwest::Error) -> LinkError {
        LinkError::Unreachable { operation, url: self.base.clone(), source }
    }
}

/// Ends a stream that says nothing for so long: the line is dead.
fn until_silent<T: Send>(
    stream: impl Stream<Item = T> + Send,
    silence: Duration,
) -> impl Stream<Item = T> + Send {
    futures_util::stream::unfold(Box::pin(stream), move |mut stream| async move {
        let next = tokio::time::timeout(silence, stream.next()).await.ok()??;
        Some((next, stream))
    })
}

/// Cuts a byte stream into lines, whatever the chunks.
fn lines(
    chunks: impl Stream<Item = Result<Bytes, LinkError>> + Send,
) -> impl Stream<Item = Result<String, LinkError>> + Send {
    let state = (Box::pin(chunks), Vec::<u8>::new());
    futures_util::stream::try_unfold(state, |(mut chunks, mut pending)| async move {
        loop {
            if let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                return Ok(Some((line, (chunks, pending))));
            }
            match chunks.next().await {
                Some(chunk) => pending.extend_from_slice(&chunk?),
                None => return Ok(None),
            }
        }
    })
}
