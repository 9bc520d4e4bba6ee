//! Ed25519 over targets: servers sign, agents verify with the key they pinned when they were enrolled.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::api::SignedRoot;
use crate::model::target::TargetRoot;

/// Why a key or a signed root was not accepted.
#[derive(Debug, Error)]
pub enum SignatureError {
    /// The stored signing key is damaged.
    #[error("the target-signing key is not an Ed25519 key in PKCS#8")]
    Key,
    /// The signature is not one of the pinned key over these bytes.
    #[error("the target is not signed by the server's key {0}")]
    NotSigned(VerifyingKey),
    /// Signed, and yet not a target: a version of Klamm that this one does not understand.
    #[error("the signed target is not readable")]
    Unreadable(#[source] serde_json::Error),
}

/// The private half; lives on the server only.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    pkcs8: Vec<u8>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifying_key())
    }
}

impl SigningKey {
    /// Makes a key from a 32-byte seed of a cryptographic random source.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are an Ed25519 seed");
        let document = pair.to_pkcs8().expect("a generated key has a PKCS#8 form");
        let pkcs8 = document.as_ref().to_vec();
        Self { pair, pkcs8 }
    }

    /// Reads what [`SigningKey::to_pkcs8`] wrote.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SignatureError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| SignatureError::Key)?;
        Ok(Self { pair, pkcs8: pkcs8.to_vec() })
    }

    /// The key as DER, a secret.
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(STANDARD.encode(self.pair.public_key().as_ref()))
    }

    /// Signs a root.
    pub fn sign(&self, root: &TargetRoot) -> SignedRoot {
        let bytes = root.to_bytes();
        let signature = STANDARD.encode(self.pair.sign(&bytes));
        SignedRoot { root: String::from_utf8(bytes).expect("JSON is UTF-8"), signature }
    }
}

/// The public half, base64: pinned by agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VerifyingKey(String);

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl VerifyingKey {
    /// Reads a root after its signature was found good.
    pub fn verify(&self, signed: &SignedRoot) -> Result<TargetRoot, SignatureError> {
        let not_signed = || SignatureError::NotSigned(self.clone());
        let key = STANDARD.decode(&self.0).map_err(|_| not_signed())?;
        let signature = STANDARD.decode(&signed.signature).map_err(|_| not_signed())?;
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(signed.root.as_bytes(), &signature).map_err(|_| not_signed())?;
        serde_json::from_str(&signed.root).map_err(SignatureError::Unreadable)
    }
}
