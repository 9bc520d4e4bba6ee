//! How a host joins a server: a token that names the server and proves the host once, and what comes of it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::HostId;
use crate::model::cluster::HostSelector;
use crate::signature::VerifyingKey;

/// The version of the bodies in this file.
pub const JOIN_VERSION: u32 = 1;

/// What a token's text begins with, so that people and scanners for secrets know it when they see it.
const TOKEN: &str = "klamm-join-1.";

/// A secret on its way: never shown by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Makes a secret of random bytes of a cryptographic source.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The one-time secret with which a host joins, and all that it must know to give it to nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinToken {
    /// `https://HOST:PORT` of the server.
    pub server: String,
    /// SHA-256 of the certificate of Klamm's own authority, 64 hexadecimal digits: the server is known by it.
    pub authority: String,
    /// What is presented once.
    pub secret: Secret,
}

/// A text that is not a token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this is not a whole token of `klamm token create`")]
pub struct InvalidToken;

impl JoinToken {
    /// One line of text, which is as secret as what is in it.
    pub fn to_text(&self) -> String {
        let document = serde_json::to_vec(self).expect("a token has only string keys");
        format!("{TOKEN}{}", URL_SAFE_NO_PAD.encode(document))
    }
}

impl FromStr for JoinToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let encoded = text.trim().strip_prefix(TOKEN).ok_or(InvalidToken)?;
        let document = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| InvalidToken)?;
        serde_json::from_slice(&document).map_err(|_| InvalidToken)
    }
}

/// A person asks for a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenWanted {
    /// For how long it is good.
    pub lifetime_seconds: u64,
    /// The names that the host may have.
    pub hosts: HostSelector,
}

/// A token for one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMade {
    /// [`JoinToken::to_text`].
    pub token: Secret,
    /// The server that it is for.
    pub server: String,
    /// When it is good no longer.
    pub expires: Timestamp,
}

/// A host joins: the only request that is answered without a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinWanted {
    /// [`JOIN_VERSION`].
    pub version: u32,
    /// Of the token.
    pub secret: Secret,
    /// Who it will be; made by the host, once.
    pub host: HostId,
    /// The host's own name, for people.
    pub name: String,
    /// PKCS#10 in PEM, for a key that was made on the host and stays there.
    pub request: String,
}

/// What a host that has joined must keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// [`JOIN_VERSION`].
    pub version: u32,
    /// Its certificate, PEM.
    pub chain: String,
    /// What the server's certificate is verified with, PEM.
    pub trust: String,
    /// What targets are verified with.
    pub targets: VerifyingKey,
}

/// An agent asks for a new certificate of its own, for the key with which it joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityWanted {
    /// PKCS#10 in PEM.
    pub request: String,
}

/// The hosts that have joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedHosts {
    /// By id.
    pub hosts: Vec<JoinedHost>,
    /// The server's clock.
    pub now: Timestamp,
}

/// A host that has joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedHost {
    /// Its id.
    pub id: HostId,
    /// The name under which it joined.
    pub name: String,
    /// When it joined.
    pub joined: Timestamp,
    /// When its agent reported last; none since the server started.
    pub seen: Option<Timestamp>,
    /// The address that its listeners bind; none as long as it was not seen.
    pub address: Option<std::net::IpAddr>,
    /// The Klamm version of its agent.
    pub klamm: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_neither_a_part_of_it_nor_something_else_does() {
        let token = JoinToken {
            server: "https://10.0.0.5:7420".into(),
            authority: "ab".repeat(32),
            secret: Secret::from_random([7; 32]),
        };
        let text = token.to_text();
        assert_eq!(format!("  {text}\n").parse(), Ok(token.clone()));
        assert_eq!(text[..text.len() - 4].parse::<JoinToken>(), Err(InvalidToken));
        assert_eq!("hello".parse::<JoinToken>(), Err(InvalidToken));
        assert!(!format!("{token:?}").contains(token.secret.expose()), "a secret is not printed");
    }
}
