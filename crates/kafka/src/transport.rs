//! Reaching a listener: TCP, then TLS with the host as server name.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::Address;
use crate::connection::RequestError;

/// How to speak to a listener.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Unencrypted; for tests and listeners that are plain on purpose.
    Plain,
    /// TLS. Trust, client certificate and their renewal are the verifier's and the resolver's inside.
    Tls(Arc<ClientConfig>),
}

/// Why no usable connection to a listener came about.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The name did not resolve, or nothing accepted the connection.
    #[error("could not connect to {address}")]
    Tcp {
        /// The listener.
        address: Address,
        /// What the operating system said.
        source: io::Error,
    },
    /// The host is neither a DNS name nor an IP address, so that no certificate can match it.
    #[error("{address} cannot be checked against a certificate")]
    ServerName {
        /// The listener.
        address: Address,
        /// What is wrong with the name.
        source: rustls::pki_types::InvalidDnsNameError,
    },
    /// TLS was refused by either side.
    #[error("the TLS handshake with {address} failed")]
    Tls {
        /// The listener.
        address: Address,
        /// The alert, the verifier's finding or the broken connection.
        source: io::Error,
    },
    /// The listener accepted but did not finish in time.
    #[error("{address} did not answer within {after:?}")]
    TimedOut {
        /// The listener.
        address: Address,
        /// How long was waited.
        after: Duration,
    },
    /// The connection stands, but the first exchange, which also shows whether the listener accepted
    /// our certificate, failed.
    #[error("{address} did not agree on protocol versions")]
    Negotiate {
        /// The listener.
        address: Address,
        /// What happened to the exchange.
        source: Box<RequestError>,
    },
}

impl ConnectError {
    /// Whether the same attempt may succeed later: true when nobody answered, false when somebody
    /// answered and refused.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Tcp { .. } | Self::TimedOut { .. } => true,
            Self::ServerName { .. } => false,
            Self::Tls { source, .. } => !is_tls_refusal(source),
            Self::Negotiate { source, .. } => source.is_retriable(),
        }
    }
}

/// Whether an I/O failure is TLS saying no, not the network failing.
pub(crate) fn is_tls_refusal(failure: &io::Error) -> bool {
    failure.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Both directions of an open connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Connects within `patience`. Dropping the future leaves nothing behind.
pub(crate) async fn dial(
    address: &Address,
    transport: &Transport,
    patience: Duration,
) -> Result<Box<dyn Duplex>, ConnectError> {
    let attempt = async {
        let tcp = dial_tcp(address).await?;
        Ok(match transport {
            Transport::Plain => Box::new(tcp) as Box<dyn Duplex>,
            Transport::Tls(config) => Box::new(shake_hands(address, tcp, config).await?),
        })
    };
    timeout(patience, attempt)
        .await
        .unwrap_or_else(|_| Err(ConnectError::TimedOut { address: address.clone(), after: patience }))
}

pub(crate) async fn dial_tcp(address: &Address) -> Result<TcpStream, ConnectError> {
    let refused = |source| ConnectError::Tcp { address: address.clone(), source };
    let tcp = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(refused)?;
    // Requests are small and wait for their answers: Nagle only adds 40 ms.
    tcp.set_nodelay(true).map_err(refused)?;
    Ok(tcp)
}

pub(crate) async fn shake_hands(
    address: &Address,
    tcp: TcpStream,
    config: &ClientConfig,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let name = ServerName::try_from(address.host.clone())
        .map_err(|source| ConnectError::ServerName { address: address.clone(), source })?;
    // A resumed session keeps the certificates of the first handshake on both sides: a renewed one would
    // neither be shown nor seen.
    let mut config = config.clone();
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .map_err(|source| ConnectError::Tls { address: address.clone(), source })
}
