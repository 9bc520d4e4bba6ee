//! Authorities: who issues which certificates, and what is refused.

use std::fmt;

use rcgen::{BasicConstraints, IsCa, Issuer, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::inspect::inspect_der;
use crate::issue::params_of;
use crate::pem::{decode_certificates, encode};
use crate::subject::LONGEST_NAME;
use crate::{
    CertificateFacts, Fingerprint, InspectError, PemError, PrivateKey, Serial, Subject, SubjectName, Validity,
};

/// The three kinds, kept apart so that a leaked one cannot act for another (`system.md` §13, principals).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorityKind {
    /// Nodes of one cluster, and the server as a client of it: what internal listeners trust.
    Nodes,
    /// Users of one cluster: what client listeners trust.
    Users,
    /// Klamm's own traffic: servers and agents of one installation.
    Klamm,
}

/// An authority that is to be made.
#[derive(Debug, Clone)]
pub struct NewAuthority {
    /// Its kind.
    pub kind: AuthorityKind,
    /// The cluster's name; for [`AuthorityKind::Klamm`] the installation's.
    pub owner: SubjectName,
    /// 1 for the first; a successor counts on, so that no two authorities of one owner share a name.
    pub generation: u32,
    /// Its life.
    pub validity: Validity,
    /// Its certificate's serial number.
    pub serial: Serial,
}

/// A certificate authority with its key: a root, path length 0.
pub struct Authority {
    kind: AuthorityKind,
    owner: SubjectName,
    generation: u32,
    certificate_pem: String,
    facts: CertificateFacts,
    issuer: Issuer<'static, PrivateKey>,
}

/// Why an authority could not be made or loaded.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// Owner and kind together must fit into a common name.
    #[error("the authority's name {0:?} is longer than the 64 characters of a common name")]
    NameTooLong(String),
    /// The library refused.
    #[error("the certificate of {name} could not be written")]
    Write {
        /// The authority's subject.
        name: String,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
    /// The stored certificate is not readable.
    #[error("the authority's certificate is not readable")]
    Pem(#[source] PemError),
    /// The certificate holds something that Klamm cannot make sense of.
    #[error("the authority's certificate cannot be made sense of")]
    Unreadable(#[source] InspectError),
    /// There must be exactly one certificate.
    #[error("the authority's certificate file holds {0} certificates instead of one")]
    NotOne(usize),
    /// The certificate is not one that Klamm made for an authority.
    #[error("{subject} is not an authority of Klamm")]
    NotAnAuthority {
        /// The certificate's subject.
        subject: String,
    },
    /// Key and certificate do not belong together.
    #[error("the key is not the one of authority {name}")]
    KeyMismatch {
        /// The authority's subject.
        name: String,
    },
}

impl AuthorityKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Nodes, Self::Users, Self::Klamm];

    /// The word for it in names and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Users => "users",
            Self::Klamm => "klamm",
        }
    }
}

impl fmt::Display for AuthorityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Authority {
    /// Makes a root of its own for `key`. Name: `O=OWNER, OU=klamm, CN=OWNER KIND CA GENERATION`, which no
    /// certificate that it issues can have, as their names hold no space.
    pub fn create(new: NewAuthority, key: PrivateKey) -> Result<Self, AuthorityError> {
        let NewAuthority { kind, owner, generation, validity, serial } = new;
        let subject = authority_subject(kind, &owner, generation);
        if subject.common_name().len() > LONGEST_NAME {
            return Err(AuthorityError::NameTooLong(subject.common_name().to_owned()));
        }
        let mut params = params_of(&subject, validity, serial);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params
            .self_signed(&key)
            .map_err(|source| AuthorityError::Write { name: subject.to_string(), source })?;
        Self::load_der(certificate.der(), key)
    }

    /// Takes up an authority that [`Authority::create`] made. Kind, owner and generation are read from its name; the
    /// key must be its own.
    pub fn load(certificate_pem: &str, key: PrivateKey) -> Result<Self, AuthorityError> {
        let certificates = decode_certificates(certificate_pem).map_err(AuthorityError::Pem)?;
        let [certificate] = certificates.as_slice() else {
            return Err(AuthorityError::NotOne(certificates.len()));
        };
        Self::load_der(certificate, key)
    }

    fn load_der(certificate: &CertificateDer<'_>, key: PrivateKey) -> Result<Self, AuthorityError> {
        let certificate_pem = encode("CERTIFICATE", certificate);
        let facts = inspect_der(certificate).map_err(AuthorityError::Unreadable)?;
        let not_an_authority = || AuthorityError::NotAnAuthority { subject: facts.subject.clone() };
        let (kind, owner, generation) =
            read_authority_subject(&facts.subject).ok_or_else(not_an_authority)?;
        if !facts.is_authority || facts.subject != facts.issuer {
            return Err(not_an_authority());
        }
        if facts.public_key_fingerprint != key.public_key_fingerprint() {
            return Err(AuthorityError::KeyMismatch { name: facts.subject });
        }
        let name = facts.subject.clone();
        let issuer = Issuer::from_ca_cert_der(certificate, key)
            .map_err(|source| AuthorityError::Write { name, source })?;
        Ok(Self { kind, owner, generation, certificate_pem, facts, issuer })
    }

    /// Its kind.
    pub fn kind(&self) -> AuthorityKind {
        self.kind
    }

    /// The cluster or the installation that it belongs to.
    pub fn owner(&self) -> &SubjectName {
        &self.owner
    }

    /// 1 for the first of its owner and kind.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Its certificate: what verifiers trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// What is in its certificate.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// SHA-256 of its certificate, as join tokens carry it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.facts.fingerprint
    }

    /// Its key, to be stored.
    pub fn key(&self) -> &PrivateKey {
        self.issuer.key()
    }

    pub(crate) fn issuer(&self) -> &Issuer<'static, PrivateKey> {
        &self.issuer
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({} {})", self.facts.subject, self.facts.fingerprint)
    }
}

fn authority_subject(kind: AuthorityKind, owner: &SubjectName, generation: u32) -> Subject {
    Subject::new(owner.as_str(), "klamm", format!("{owner} {kind} CA {generation}"))
}

/// Undoes [`authority_subject`], as RFC 2253 writes it.
fn read_authority_subject(subject: &str) -> Option<(AuthorityKind, SubjectName, u32)> {
    let mut words = subject.strip_prefix("CN=")?.split(&[' ', ',']);
    let owner: SubjectName = words.next()?.parse().ok()?;
    let kind = words.next()?;
    let kind = AuthorityKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    let generation = words.nth(1)?.parse().ok()?;
    (authority_subject(kind, &owner, generation).to_string() == subject).then_some((kind, owner, generation))
}

#[cfg(test)]
mod tests;
