//! Checking a credential before it is used: every reason at once why peers would refuse it.

use std::fmt;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;

use crate::inspect::{inspect_der, may_issue};
use crate::pem::decode_certificates;
use crate::{CertificateFacts, KeyPurpose, PrivateKey};

/// No chain of ours is longer than leaf, intermediate, root; this bounds the search in foreign ones.
const LONGEST_CHAIN: usize = 8;

/// A reason why a credential is no good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The key's text is not a P-256 key in PKCS#8.
    KeyUnreadable {
        /// What is wrong with it.
        problem: String,
    },
    /// The chain's text is not a list of certificates.
    ChainUnreadable {
        /// What is wrong with it.
        problem: String,
    },
    /// The trust's text is not a list of certificates.
    TrustUnreadable {
        /// What is wrong with it.
        problem: String,
    },
    /// The key is not the one of the first certificate.
    KeyMismatch {
        /// The first certificate's subject.
        subject: String,
    },
    /// A certificate of the chain, or the authority that it leads to, is not valid any more.
    Expired {
        /// Whose.
        subject: String,
        /// Its last moment.
        not_after: Timestamp,
    },
    /// A certificate of the chain, or the authority that it leads to, is not valid yet.
    NotYetValid {
        /// Whose.
        subject: String,
        /// Its first moment.
        not_before: Timestamp,
    },
    /// No signature leads from the first certificate to a trusted one.
    Untrusted {
        /// The first certificate's subject.
        subject: String,
        /// Who says to have issued it.
        issuer: String,
    },
    /// The first certificate must not be used for this.
    WrongPurpose {
        /// Its subject.
        subject: String,
        /// What it was wanted for.
        wanted: KeyPurpose,
    },
    /// The first certificate is an authority's; peers want a leaf.
    IsAuthority {
        /// Its subject.
        subject: String,
    },
}

/// Checks that `key_pem` and `chain_pem` together can be used for every one of `purposes` with peers that trust
/// `trust_pem`, at `now`. No finding means that they can.
pub fn check_credential(
    key_pem: &str,
    chain_pem: &str,
    trust_pem: &str,
    purposes: &[KeyPurpose],
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let key = PrivateKey::from_pem(key_pem)
        .map_err(|error| findings.push(Finding::KeyUnreadable { problem: error.to_string() }));
    let chain = read(chain_pem).map_err(|problem| findings.push(Finding::ChainUnreadable { problem }));
    let trust = read(trust_pem).map_err(|problem| findings.push(Finding::TrustUnreadable { problem }));
    let Ok(chain) = chain else { return findings };
    let leaf = &chain[0].1;
    let subject = || leaf.subject.clone();
    if key.is_ok_and(|key| key.public_key_fingerprint() != leaf.public_key_fingerprint) {
        findings.push(Finding::KeyMismatch { subject: subject() });
    }
    if leaf.is_authority {
        findings.push(Finding::IsAuthority { subject: subject() });
    }
    for wanted in purposes.iter().filter(|wanted| !leaf.allows(wanted)) {
        findings.push(Finding::WrongPurpose { subject: subject(), wanted: wanted.clone() });
    }
    let path = trust.map(|trust| find_path(&chain, &trust));
    if path.as_ref().is_ok_and(Option::is_none) {
        findings.push(Finding::Untrusted { subject: subject(), issuer: leaf.issuer.clone() });
    }
    // without a path to trust, the leaf's own life is still worth telling
    let lives = path.ok().flatten().unwrap_or_else(|| vec![leaf.clone()]);
    findings.extend(lives.iter().filter_map(|facts| reason_not_alive(facts, now)));
    findings
}

type Read = (CertificateDer<'static>, CertificateFacts);

fn read(text: &str) -> Result<Vec<Read>, String> {
    let certificates = decode_certificates(text).map_err(|error| error.to_string())?;
    let facts = certificates.into_iter().map(|der| {
        let facts = inspect_der(&der).map_err(|error| error.to_string())?;
        Ok((der, facts))
    });
    facts.collect()
}

fn reason_not_alive(facts: &CertificateFacts, now: Timestamp) -> Option<Finding> {
    let subject = facts.subject.clone();
    // a certificate is valid until the end of the second that it names
    if now.as_second() > facts.not_after.as_second() {
        Some(Finding::Expired { subject, not_after: facts.not_after })
    } else if now < facts.not_before {
        Some(Finding::NotYetValid { subject, not_before: facts.not_before })
    } else {
        None
    }
}

/// The certificates from the leaf to a trusted one, both included, each signed by the next.
fn find_path(chain: &[Read], trust: &[Read]) -> Option<Vec<CertificateFacts>> {
    let mut path: Vec<&Read> = vec![&chain[0]];
    while path.len() <= LONGEST_CHAIN {
        let last = path[path.len() - 1];
        let below = path.len() - 1;
        if let Some(anchor) = trust.iter().find(|anchor| issued(anchor, last, below)) {
            path.push(anchor);
            return Some(path.into_iter().map(|(_, facts)| facts.clone()).collect());
        }
        let next = chain[1..].iter().find(|next| !path.contains(next) && issued(next, last, below))?;
        path.push(next);
    }
    None
}

/// Whether `issuer` signed `issued`, and may, with `below` intermediates between `issued` and the leaf.
fn issued(issuer: &Read, issued: &Read, below: usize) -> bool {
    let (Ok((_, by)), Ok((_, what))) = (parse_x509_certificate(&issuer.0), parse_x509_certificate(&issued.0))
    else {
        return false;
    };
    by.subject().as_raw() == what.issuer().as_raw()
        && may_issue(&by).unwrap_or(false)
        && long_enough(&by, below)
        && what.verify_signature(Some(by.public_key())).is_ok()
}

fn long_enough(issuer: &X509Certificate<'_>, below: usize) -> bool {
    let constraints = issuer.basic_constraints().ok().flatten();
    let most = constraints.and_then(|constraints| constraints.value.path_len_constraint);
    most.is_none_or(|most| usize::try_from(most).is_ok_and(|most| below <= most))
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyUnreadable { problem }
            | Self::ChainUnreadable { problem }
            | Self::TrustUnreadable { problem } => f.write_str(problem),
            Self::KeyMismatch { subject } => write!(f, "the private key is not the one of {subject}"),
            Self::Expired { subject, not_after } => write!(f, "{subject} expired at {not_after}"),
            Self::NotYetValid { subject, not_before } => {
                write!(f, "{subject} is not valid before {not_before}")
            }
            Self::Untrusted { subject, issuer } => {
                write!(f, "{subject}, issued by {issuer}, does not lead to a trusted authority")
            }
            Self::WrongPurpose { subject, wanted } => write!(f, "{subject} must not be used for {wanted}"),
            Self::IsAuthority { subject } => write!(f, "{subject} is an authority, not a leaf"),
        }
    }
}

#[cfg(test)]
mod tests;
