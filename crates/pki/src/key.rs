//! Private keys: ECDSA on P-256, PKCS#8 without encryption, as Kafka and Java 17 read them from PEM.

use std::fmt;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;
use zeroize::Zeroize as _;

use crate::Fingerprint;
use crate::pem::encode;

/// A P-256 key pair. Prints as its public fingerprint; its encoding is wiped when it is dropped.
pub struct PrivateKey {
    pair: KeyPair,
}

/// PEM that holds a private key: prints as redacted, is wiped when dropped.
pub struct SecretPem(String);

/// Why a key could not be made or read. Never tells what the key's text was.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The random source or the library failed.
    #[error("a P-256 key could not be generated")]
    Generate(#[source] rcgen::Error),
    /// The text is no PEM, or holds no `PRIVATE KEY` section.
    #[error("there is no PKCS#8 private key (BEGIN PRIVATE KEY) in the PEM text")]
    NotPkcs8(#[source] pem::Error),
    /// The section is damaged, or its key is of another kind.
    #[error("the private key is not a P-256 key in PKCS#8")]
    NotP256(#[source] rcgen::Error),
}

impl PrivateKey {
    /// Makes a new key from the operating system's random source.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(KeyError::Generate)?;
        Ok(Self { pair })
    }

    /// Reads the first `PRIVATE KEY` section of a PEM text; other sections may surround it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(KeyError::NotPkcs8)?;
        let pair =
            KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256).map_err(KeyError::NotP256);
        der.zeroize();
        Ok(Self { pair: pair? })
    }

    /// The key as unencrypted PKCS#8, `BEGIN PRIVATE KEY`.
    pub fn to_pem(&self) -> SecretPem {
        SecretPem(encode("PRIVATE KEY", self.pair.serialized_der()))
    }

    /// SHA-256 of the public half's SubjectPublicKeyInfo: the same as in
    /// [`CertificateFacts::public_key_fingerprint`](crate::CertificateFacts::public_key_fingerprint).
    pub fn public_key_fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.pair.subject_public_key_info())
    }

    pub(crate) fn to_rustls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.pair.serialized_der().to_vec().into())
    }
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        self.pair.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.pair.algorithm()
    }
}

impl SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.pair.sign(message)
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.pair.zeroize();
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(public key {})", self.public_key_fingerprint())
    }
}

impl SecretPem {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, to be written to a file of mode 0600 and nowhere else.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Drop for SecretPem {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPem(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_way_through_pem() {
        let key = PrivateKey::generate().unwrap();
        let text = key.to_pem();
        assert!(text.as_str().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(text.as_str().ends_with("-----END PRIVATE KEY-----\n"));
        let read = PrivateKey::from_pem(text.as_str()).unwrap();
        assert_eq!(read.public_key_fingerprint(), key.public_key_fingerprint());
        assert_eq!(read.to_pem().as_str(), text.as_str());
        assert_ne!(PrivateKey::generate().unwrap().public_key_fingerprint(), key.public_key_fingerprint());
    }

    #[test]
    fn nothing_of_a_key_is_printed() {
        let key = PrivateKey::generate().unwrap();
        let text = key.to_pem();
        let body = text.as_str().lines().nth(1).unwrap();
        let printed = format!("{key:?} {text:?}");
        assert!(printed.contains("redacted") && !printed.contains(body));
        assert!(printed.contains(&key.public_key_fingerprint().to_string()));
    }

    #[test]
    fn keys_of_other_kinds_and_garbage_are_refused() {
        let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        assert!(matches!(PrivateKey::from_pem(&p384.serialize_pem()), Err(KeyError::NotP256(_))));
        let sec1 = PrivateKey::generate().unwrap().to_pem().as_str().replace("PRIVATE KEY", "EC PRIVATE KEY");
        assert!(matches!(PrivateKey::from_pem(&sec1), Err(KeyError::NotPkcs8(_))));
        assert!(matches!(PrivateKey::from_pem("hello"), Err(KeyError::NotPkcs8(_))));
        let damaged = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(matches!(PrivateKey::from_pem(damaged), Err(KeyError::NotP256(_))));
    }
}
