//! The identity that a process presents in handshakes, which can be replaced at any time.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::crypto_provider;
use crate::{Credential, TlsError};

/// What a process presents in every handshake from now on, as a client and as a server. Key and chain change
/// together, without a lock; handshakes under way keep what they began with.
#[derive(Debug, Default)]
pub struct LiveIdentity {
    current: ArcSwapOption<CertifiedKey>,
}

impl LiveIdentity {
    /// Presents `credential` until it is replaced.
    pub fn new(credential: &Credential) -> Result<Self, TlsError> {
        let identity = Self::empty();
        identity.replace(credential)?;
        Ok(identity)
    }

    /// Presents nothing yet: clients stay anonymous, servers refuse each handshake.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Presents `credential` from now on. When it cannot be presented, the present one stays.
    pub fn replace(&self, credential: &Credential) -> Result<(), TlsError> {
        self.current.store(Some(credential.certified_key()?));
        Ok(())
    }
}

impl Credential {
    /// The credential as rustls presents it.
    pub fn certified_key(&self) -> Result<Arc<CertifiedKey>, TlsError> {
        CertifiedKey::from_der(self.chain().to_vec(), self.key().to_rustls(), &crypto_provider())
            .map(Arc::new)
            .map_err(|source| TlsError::Identity { subject: self.facts().subject.clone(), source })
    }
}

impl ResolvesClientCert for LiveIdentity {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.current.load_full()
    }

    fn has_certs(&self) -> bool {
        self.current.load().is_some()
    }
}

impl ResolvesServerCert for LiveIdentity {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load_full()
    }
}
