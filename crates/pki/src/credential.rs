//! A credential: a private key and the chain that certifies it.

use rustls::pki_types::CertificateDer;
use thiserror::Error;

use crate::inspect::inspect_der;
use crate::pem::{decode_certificates, encode_certificates};
use crate::{CertificateFacts, InspectError, KeyError, PemError, PrivateKey, SecretPem, keystore_pem};

/// A private key and its certificates, leaf first; they belong together.
#[derive(Debug)]
pub struct Credential {
    key: PrivateKey,
    chain: Vec<CertificateDer<'static>>,
    chain_pem: String,
    facts: CertificateFacts,
}

/// Why a key and a chain are not a credential.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// The key is not readable.
    #[error("the credential's key is not readable")]
    Key(#[source] KeyError),
    /// The chain is not readable.
    #[error("the credential's chain is not readable")]
    Chain(#[source] PemError),
    /// The leaf cannot be made sense of.
    #[error("the credential's certificate cannot be made sense of")]
    Leaf(#[source] InspectError),
    /// They do not belong together.
    #[error("the private key is not the one of {subject}")]
    KeyMismatch {
        /// The leaf's subject.
        subject: String,
    },
}

impl Credential {
    /// Puts a key and its chain together; the leaf must be the key's.
    pub fn new(key: PrivateKey, chain_pem: &str) -> Result<Self, CredentialError> {
        let chain = decode_certificates(chain_pem).map_err(CredentialError::Chain)?;
        let facts = inspect_der(&chain[0]).map_err(CredentialError::Leaf)?;
        if facts.public_key_fingerprint != key.public_key_fingerprint() {
            return Err(CredentialError::KeyMismatch { subject: facts.subject });
        }
        let chain_pem = encode_certificates(&chain);
        Ok(Self { key, chain, chain_pem, facts })
    }

    /// Reads what [`Credential::keystore_pem`] wrote.
    pub fn from_keystore_pem(text: &str) -> Result<Self, CredentialError> {
        Self::new(PrivateKey::from_pem(text).map_err(CredentialError::Key)?, text)
    }

    /// The same credential with more certificates after its chain. A server that agents enrol with presents its
    /// authority too, so that they find the fingerprint of their token in the handshake.
    pub fn with_appended(self, chain_pem: &str) -> Result<Self, CredentialError> {
        let chain_pem = format!("{}{chain_pem}", self.chain_pem);
        Self::new(self.key, &chain_pem)
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The certificates, leaf first.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// What is in the leaf.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// Key and chain in one file, as Kafka's PEM key stores want them.
    pub fn keystore_pem(&self) -> SecretPem {
        keystore_pem(&self.key, &self.chain_pem).expect("the chain was read before")
    }

    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::World;

    #[test]
    fn a_credential_survives_the_way_through_its_key_store() {
        let credential = World::new().node("brokers-0");
        let read = Credential::from_keystore_pem(credential.keystore_pem().as_str()).unwrap();
        assert_eq!(read.facts(), credential.facts());
        assert_eq!(read.chain_pem(), credential.chain_pem());
    }

    #[test]
    fn a_key_with_the_chain_of_another_is_refused() {
        let world = World::new();
        let (one, two) = (world.node("brokers-0"), world.node("brokers-1"));
        let key = PrivateKey::from_pem(one.key().to_pem().as_str()).unwrap();
        let refused = Credential::new(key, two.chain_pem()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the private key is not the one of CN=brokers-1,OU=nodes,O=telemetry"
        );
    }
}
