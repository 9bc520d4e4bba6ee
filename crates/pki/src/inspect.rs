//! Reading certificates: what is in them, for lists, logs and checks.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName};
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

use crate::pem::decode_certificates;
use crate::request::read_address;
use crate::rfc2253::render_name;
use crate::{Fingerprint, PemError};

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// Subject as RFC 2253 and Java write it, `CN=brokers-0,OU=nodes,O=telemetry`.
    pub subject: String,
    /// Issuer, written likewise.
    pub issuer: String,
    /// Serial number, lower-case hexadecimal, whole bytes, no leading zero bytes.
    pub serial: String,
    /// Alternative names in the certificate's order: `dns:…`, `ip:…`, and `other:…` for what Klamm does not issue.
    pub names: Vec<String>,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
    /// What it may be used for; empty where it does not say, which allows everything.
    pub key_purposes: Vec<KeyPurpose>,
    /// Whether it may issue certificates.
    pub is_authority: bool,
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub public_key_fingerprint: Fingerprint,
}

/// An extended key usage. Written as `serverAuth`, `clientAuth`, or by object identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum KeyPurpose {
    /// To accept connections.
    ServerAuth,
    /// To make connections.
    ClientAuth,
    /// Any other, by its object identifier.
    Other(String),
}

/// Why certificates could not be read.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The text holds no certificates.
    #[error("the certificates could not be read")]
    Pem(#[source] PemError),
    /// An extension is damaged or there twice.
    #[error("the extensions of {subject} are not readable")]
    Extensions {
        /// The certificate's subject, RFC 2253.
        subject: String,
        /// What the parser said.
        #[source]
        source: x509_parser::error::X509Error,
    },
    /// A moment is outside of the years that can be counted.
    #[error("the life of {subject} has an end that is no moment in time")]
    Time {
        /// The certificate's subject, RFC 2253.
        subject: String,
    },
}

/// Reads every certificate of a PEM text, in order.
pub fn inspect(chain_pem: &str) -> Result<Vec<CertificateFacts>, InspectError> {
    decode_certificates(chain_pem).map_err(InspectError::Pem)?.iter().map(|der| inspect_der(der)).collect()
}

/// Reads one certificate in DER, as a TLS peer presents it.
pub fn inspect_der(der: &[u8]) -> Result<CertificateFacts, InspectError> {
    let (_, certificate) = parse_x509_certificate(der).map_err(|_| {
        InspectError::Pem(PemError::NotACertificate {
            place: 1,
            source: x509_parser::error::X509Error::InvalidCertificate,
        })
    })?;
    let subject = render_name(certificate.subject());
    let extensions = |source| InspectError::Extensions { subject: subject.clone(), source };
    let names = certificate.subject_alternative_name().map_err(extensions)?;
    let purposes = certificate.extended_key_usage().map_err(extensions)?;
    let validity = certificate.validity();
    let moment = |time: ASN1Time| {
        Timestamp::from_second(time.timestamp()).map_err(|_| InspectError::Time { subject: subject.clone() })
    };
    Ok(CertificateFacts {
        issuer: render_name(certificate.issuer()),
        serial: render_serial(certificate.raw_serial()),
        names: names
            .map_or_else(Vec::new, |names| names.value.general_names.iter().map(render_alt_name).collect()),
        not_before: moment(validity.not_before)?,
        not_after: moment(validity.not_after)?,
        key_purposes: purposes.map_or_else(Vec::new, |purposes| read_purposes(purposes.value)),
        is_authority: may_issue(&certificate).map_err(extensions)?,
        fingerprint: Fingerprint::of(der),
        public_key_fingerprint: Fingerprint::of(certificate.public_key().raw),
        subject,
    })
}

/// An authority says so in its basic constraints, and in its key usage where it has one.
pub(crate) fn may_issue(certificate: &X509Certificate<'_>) -> Result<bool, x509_parser::error::X509Error> {
    let is_ca = certificate.basic_constraints()?.is_some_and(|constraints| constraints.value.ca);
    let signs = certificate.key_usage()?.is_none_or(|usage| usage.value.key_cert_sign());
    Ok(is_ca && signs)
}

impl CertificateFacts {
    /// Whether it may be used for `purpose`: where a certificate names no purpose, it may be used for all.
    pub fn allows(&self, purpose: &KeyPurpose) -> bool {
        self.key_purposes.is_empty()
            || self.key_purposes.contains(purpose)
            || self.key_purposes.contains(&KeyPurpose::Other(ANY_PURPOSE.to_owned()))
    }
}

const SERVER_AUTH: &str = "serverAuth";
const CLIENT_AUTH: &str = "clientAuth";
/// `anyExtendedKeyUsage` of RFC 5280 §4.2.1.12.
const ANY_PURPOSE: &str = "2.5.29.37.0";

fn read_purposes(usage: &ExtendedKeyUsage<'_>) -> Vec<KeyPurpose> {
    let known = [
        (usage.server_auth, KeyPurpose::ServerAuth),
        (usage.client_auth, KeyPurpose::ClientAuth),
        (usage.any, KeyPurpose::Other(ANY_PURPOSE.to_owned())),
        (usage.code_signing, KeyPurpose::Other("1.3.6.1.5.5.7.3.3".to_owned())),
        (usage.email_protection, KeyPurpose::Other("1.3.6.1.5.5.7.3.4".to_owned())),
        (usage.time_stamping, KeyPurpose::Other("1.3.6.1.5.5.7.3.8".to_owned())),
        (usage.ocsp_signing, KeyPurpose::Other("1.3.6.1.5.5.7.3.9".to_owned())),
    ];
    let known = known.into_iter().filter_map(|(present, purpose)| present.then_some(purpose));
    known.chain(usage.other.iter().map(|oid| KeyPurpose::Other(oid.to_id_string()))).collect()
}

fn render_alt_name(name: &GeneralName<'_>) -> String {
    if let GeneralName::DNSName(host) = name {
        return format!("dns:{host}");
    }
    match read_address(name) {
        Some(address) => format!("ip:{address}"),
        None => format!("other:{name}"),
    }
}

fn render_serial(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    // the number zero keeps one byte
    let bytes = &bytes[zeros.min(bytes.len().saturating_sub(1))..];
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ServerAuth => SERVER_AUTH,
            Self::ClientAuth => CLIENT_AUTH,
            Self::Other(oid) => oid,
        })
    }
}

impl From<String> for KeyPurpose {
    fn from(text: String) -> Self {
        match text.as_str() {
            SERVER_AUTH => Self::ServerAuth,
            CLIENT_AUTH => Self::ClientAuth,
            _ => Self::Other(text),
        }
    }
}

impl From<KeyPurpose> for String {
    fn from(purpose: KeyPurpose) -> String {
        purpose.to_string()
    }
}

#[cfg(test)]
mod tests;
