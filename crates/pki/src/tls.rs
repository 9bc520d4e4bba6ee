//! The bridge to rustls: configurations, trust, and identities that change while connections are being made.

mod enrolment;
mod live;

use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption, VerifierBuilderError};
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;

use crate::PemError;
use crate::pem::decode_certificates;

pub use enrolment::enrolment_client_config;
pub use live::LiveIdentity;

/// Whom a server admits.
#[derive(Debug, Clone)]
pub enum ClientAuth {
    /// Only clients that present a certificate of these authorities.
    Required(RootCertStore),
    /// Those, and clients without a certificate, which the application must not trust: enrolling agents.
    Optional(RootCertStore),
}

/// Why a TLS configuration could not be made.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The trust is not readable.
    #[error("the trusted authorities are not readable")]
    Trust(#[source] PemError),
    /// A trusted certificate cannot be an anchor.
    #[error("a trusted certificate cannot be an authority")]
    Anchor(#[source] rustls::Error),
    /// There is nobody to trust.
    #[error("no authority is trusted for the certificates of clients")]
    NoRoots(#[source] VerifierBuilderError),
    /// The key or the chain is not one that rustls can present.
    #[error("the certificate of {subject} cannot be presented")]
    Identity {
        /// The leaf's subject.
        subject: String,
        /// What rustls said.
        #[source]
        source: rustls::Error,
    },
    /// The provider knows none of the protocol versions.
    #[error("TLS 1.2 and 1.3 cannot be spoken")]
    Protocol(#[source] rustls::Error),
}

/// aws-lc-rs, given explicitly everywhere, so that nothing depends on a process-wide default.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The trust of a PEM text: every certificate of it is an anchor.
pub fn root_store(trust_pem: &str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in decode_certificates(trust_pem).map_err(TlsError::Trust)? {
        roots.add(certificate).map_err(TlsError::Anchor)?;
    }
    Ok(roots)
}

/// TLS 1.2 and 1.3 as a client that trusts `roots`, and presents `identity` where it has one.
///
/// Sessions are never resumed: a resumed session shows the certificate of its first handshake, and a renewed or
/// rotated one must be seen from the next connection on. ALPN is the caller's.
pub fn client_config(
    identity: Option<Arc<dyn ResolvesClientCert>>,
    roots: RootCertStore,
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .map_err(TlsError::Protocol)?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// TLS 1.2 and 1.3 as a server that presents `identity` and admits `clients`. Sessions are never resumed, see
/// [`client_config`]. ALPN is the caller's.
pub fn server_config(
    identity: Arc<dyn ResolvesServerCert>,
    clients: ClientAuth,
) -> Result<ServerConfig, TlsError> {
    let verifier = |roots| WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto_provider());
    let verifier = match clients {
        ClientAuth::Required(roots) => verifier(roots).build(),
        ClientAuth::Optional(roots) => verifier(roots).allow_unauthenticated().build(),
    };
    let mut config = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .map_err(TlsError::Protocol)?
        .with_client_cert_verifier(verifier.map_err(TlsError::NoRoots)?)
        .with_cert_resolver(identity);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

#[cfg(test)]
mod tests;
