//! A handshake for its facts: which certificate a listener shows right now.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::address::Address;
use crate::transport::{ConnectError, dial_tcp, shake_hands};

/// What a listener showed in a full (never resumed) handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeFacts {
    /// The certificates in the order sent, leaf first, each as DER.
    pub chain: Vec<Vec<u8>>,
    /// Such as `TLSv1_3`.
    pub protocol: String,
}

/// Shakes hands with `address` and hangs up. The server is verified by `tls`.
///
/// With TLS 1.3 the client is done before the server has judged the client's certificate: that it is
/// accepted is shown by [`Connection::open`](crate::Connection::open), not here.
pub async fn probe(
    address: &Address,
    tls: &Arc<ClientConfig>,
    patience: Duration,
) -> Result<HandshakeFacts, ConnectError> {
    let attempt = async {
        let tcp = dial_tcp(address).await?;
        let mut stream = shake_hands(address, tcp, tls).await?;
        let session = stream.get_ref().1;
        let facts = HandshakeFacts {
            chain: session
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|certificate| certificate.to_vec())
                .collect(),
            protocol: session
                .protocol_version()
                .and_then(|version| version.as_str().map(str::to_owned))
                .unwrap_or_default(),
        };
        // The listener's log should see a goodbye; whether it still listens does not matter.
        if let Err(gone) = stream.shutdown().await {
            tracing::debug!(%address, error = %gone, "probe could not say goodbye");
        }
        Ok(facts)
    };
    timeout(patience, attempt)
        .await
        .unwrap_or_else(|_| Err(ConnectError::TimedOut { address: address.clone(), after: patience }))
}
