//! Certificate requests (PKCS#10): made where the key is, read and verified where the authority is.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rcgen::{CertificateParams, SubjectPublicKeyInfo};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::{self, PemObject as _};
use thiserror::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;

use crate::pem::encode;
use crate::rfc2253::render_name;
use crate::{AltName, Fingerprint, InvalidDnsName, PrivateKey, Profile};

/// A wish for a certificate, whose signature proves that the asker holds the key.
///
/// It is only a wish: an authority takes nothing from it but the public key.
#[derive(Debug, Clone)]
pub struct CertificateRequest {
    der: Vec<u8>,
    subject: String,
    names: BTreeSet<AltName>,
    public_key: SubjectPublicKeyInfo,
    public_key_fingerprint: Fingerprint,
}

/// Why a request could not be made or is not accepted.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The library refused to write it.
    #[error("the request for {subject} could not be written")]
    Write {
        /// For whom it was.
        subject: String,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
    /// No PEM, or no `CERTIFICATE REQUEST` section.
    #[error("there is no certificate request in the PEM text")]
    NotPem(#[source] pem::Error),
    /// The bytes are no PKCS#10 request.
    #[error("the certificate request is not readable")]
    Unreadable,
    /// The signature is not one of the key in it, by ECDSA with SHA-256 and in DER throughout: damaged, or made by
    /// somebody who does not hold the key.
    #[error("the certificate request of {subject} is not signed by its own key")]
    NotSigned {
        /// Whose request it says it is.
        subject: String,
    },
    /// Klamm issues for ECDSA keys on P-256 only.
    #[error("the certificate request of {subject} is not for a P-256 key")]
    NotP256 {
        /// Whose request it says it is.
        subject: String,
    },
    /// It asks for an extension other than names, such as to be an authority.
    #[error("the certificate request of {subject} asks for extension {oid}, which requests must not")]
    Extension {
        /// Whose request it says it is.
        subject: String,
        /// The extension's object identifier.
        oid: String,
    },
    /// It asks for a name that is neither a host name nor an address.
    #[error(
        "the certificate request of {subject} asks for the name {name}, which is neither host nor address"
    )]
    NameKind {
        /// Whose request it says it is.
        subject: String,
        /// The name, as far as it can be printed.
        name: String,
    },
    /// It asks for a host name that is none, a wildcard for instance.
    #[error("the certificate request of {subject} asks for a name that no host can have")]
    HostName {
        /// Whose request it says it is.
        subject: String,
        /// Which, and why not.
        #[source]
        source: InvalidDnsName,
    },
}

impl CertificateRequest {
    /// Asks, with `key`, for the certificate that `profile` describes.
    pub fn create(key: &PrivateKey, profile: &Profile) -> Result<Self, RequestError> {
        let subject = profile.subject();
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.to_distinguished_name();
        params.subject_alt_names = profile.names().map(AltName::to_rcgen).collect();
        let request = params
            .serialize_request(key)
            .map_err(|source| RequestError::Write { subject: subject.to_string(), source })?;
        Self::parse(request.der())
    }

    /// Reads the first `CERTIFICATE REQUEST` section of a PEM text, see [`CertificateRequest::parse`].
    pub fn parse_pem(text: &str) -> Result<Self, RequestError> {
        let der =
            CertificateSigningRequestDer::from_pem_slice(text.as_bytes()).map_err(RequestError::NotPem)?;
        Self::parse(&der)
    }

    /// Reads a request and verifies that it was signed with the key in it.
    pub fn parse(der: &[u8]) -> Result<Self, RequestError> {
        let Ok(([], request)) = X509CertificationRequest::from_der(der) else {
            return Err(RequestError::Unreadable);
        };
        let info = &request.certification_request_info;
        let subject = render_name(&info.subject);
        if request.verify_signature().is_err() {
            return Err(RequestError::NotSigned { subject });
        }
        let public_key = SubjectPublicKeyInfo::from_der(info.subject_pki.raw).ok();
        let p256 = |key: &SubjectPublicKeyInfo| {
            rcgen::PublicKeyData::algorithm(key) == &rcgen::PKCS_ECDSA_P256_SHA256
        };
        let Some(public_key) = public_key.filter(p256) else {
            return Err(RequestError::NotP256 { subject });
        };
        // the envelope is not signed, and the parser is lax about it
        if envelope(info.raw, &request.signature_value.data) != der {
            return Err(RequestError::NotSigned { subject });
        }
        let names = read_names(&request, &subject)?;
        Ok(Self {
            der: der.to_vec(),
            subject,
            names,
            public_key,
            public_key_fingerprint: Fingerprint::of(info.subject_pki.raw),
        })
    }

    /// The request as `BEGIN CERTIFICATE REQUEST`.
    pub fn to_pem(&self) -> String {
        encode("CERTIFICATE REQUEST", &self.der)
    }

    /// The request's bytes.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Whom it is for, RFC 2253; what the asker says, proved by nothing.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The names that it asks for, proved by nothing.
    pub fn names(&self) -> &BTreeSet<AltName> {
        &self.names
    }

    /// SHA-256 of the SubjectPublicKeyInfo whose private half signed the request.
    pub fn public_key_fingerprint(&self) -> Fingerprint {
        self.public_key_fingerprint
    }

    pub(crate) fn public_key(&self) -> &SubjectPublicKeyInfo {
        &self.public_key
    }
}

/// AlgorithmIdentifier of ecdsa-with-SHA256, RFC 5758 §3.2.
const ECDSA_WITH_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// The one DER encoding of a request with this content and this signature by a P-256 key.
fn envelope(info: &[u8], signature: &[u8]) -> Vec<u8> {
    // a bit string begins with the number of bits unused in its last byte
    let signature = [&[0], signature].concat();
    let signature = [der_header(0x03, signature.len()).as_slice(), &signature].concat();
    let body = [info, &ECDSA_WITH_SHA256, &signature].concat();
    [der_header(0x30, body.len()), body].concat()
}

/// Tag and length as DER writes them.
fn der_header(tag: u8, length: usize) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let significant = &bytes[zeros..];
    match significant {
        [] => vec![tag, 0],
        [short @ 0..0x80] => vec![tag, *short],
        long => [&[tag, 0x80 | long.len() as u8], long].concat(),
    }
}

/// The names asked for. An extension of any other kind is refused rather than left out: who asks for it would
/// believe to have got it.
fn read_names(
    request: &X509CertificationRequest<'_>,
    subject: &str,
) -> Result<BTreeSet<AltName>, RequestError> {
    let mut names = BTreeSet::new();
    for attribute in request.certification_request_info.iter_attributes() {
        let extensions = match attribute.parsed_attribute() {
            ParsedCriAttribute::ExtensionRequest(wish) => wish.extensions.as_slice(),
            // other attributes (a challenge password) say nothing about the certificate
            ParsedCriAttribute::ChallengePassword(_) | ParsedCriAttribute::UnsupportedAttribute => continue,
        };
        for extension in extensions {
            let ParsedExtension::SubjectAlternativeName(wanted) = extension.parsed_extension() else {
                let oid = extension.oid.to_id_string();
                return Err(RequestError::Extension { subject: subject.to_owned(), oid });
            };
            for name in &wanted.general_names {
                names.insert(read_name(name, subject)?);
            }
        }
    }
    Ok(names)
}

fn read_name(name: &GeneralName<'_>, subject: &str) -> Result<AltName, RequestError> {
    let subject = || subject.to_owned();
    if let GeneralName::DNSName(host) = name {
        return host
            .parse()
            .map(AltName::Dns)
            .map_err(|source| RequestError::HostName { subject: subject(), source });
    }
    read_address(name)
        .map(AltName::Ip)
        .ok_or_else(|| RequestError::NameKind { subject: subject(), name: name.to_string() })
}

/// The address that a name is: four octets are one of IPv4, sixteen one of IPv6.
pub(crate) fn read_address(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(octets) = *name else { return None };
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests;
