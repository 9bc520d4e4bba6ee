//! PEM text: the files that Kafka and other programs read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use thiserror::Error;
use x509_parser::parse_x509_certificate;
use zeroize::Zeroize as _;

use crate::{PrivateKey, SecretPem};

/// RFC 7468 §2: lines of exactly 64 characters.
const LINE: usize = 64;

/// Why a PEM text is not a list of certificates.
#[derive(Debug, Error)]
pub enum PemError {
    /// A section is not base64, or has no end.
    #[error("the text is not well-formed PEM")]
    Malformed(#[source] pem::Error),
    /// There is no `BEGIN CERTIFICATE` in it.
    #[error("there is no certificate in the PEM text")]
    Empty,
    /// A section's bytes are no certificate.
    #[error("certificate {place} of the PEM text is not readable")]
    NotACertificate {
        /// Its place in the text, from 1.
        place: usize,
        /// What the parser said.
        #[source]
        source: x509_parser::error::X509Error,
    },
}

/// Reads every certificate of a text, at least one, in order. Other sections are passed over.
pub(crate) fn decode_certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(PemError::Malformed)?;
    if certificates.is_empty() {
        return Err(PemError::Empty);
    }
    for (index, der) in certificates.iter().enumerate() {
        check_certificate(der).map_err(|source| PemError::NotACertificate { place: index + 1, source })?;
    }
    Ok(certificates)
}

fn check_certificate(der: &[u8]) -> Result<(), x509_parser::error::X509Error> {
    match parse_x509_certificate(der) {
        Ok(([], _)) => Ok(()),
        Ok(_) => Err(x509_parser::error::X509Error::InvalidCertificate),
        Err(x509_parser::nom::Err::Error(source) | x509_parser::nom::Err::Failure(source)) => Err(source),
        Err(x509_parser::nom::Err::Incomplete(_)) => Err(x509_parser::error::X509Error::InvalidCertificate),
    }
}

/// One section of PEM, with a line feed at the end.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let mut body = STANDARD.encode(der);
    // made large enough at once: a string that grows leaves copies of a key behind in memory
    let mut text = String::with_capacity(body.len() + body.len() / LINE + 2 * label.len() + 40);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    body.zeroize();
    text
}

/// Certificates as PEM, one after the other.
pub(crate) fn encode_certificates(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|der| encode("CERTIFICATE", der)).collect()
}

/// Kafka's PEM key store: the private key, then its chain with the leaf first, in one file
/// (`ssl.keystore.type=PEM`, Kafka 2.7 and later).
pub fn keystore_pem(key: &PrivateKey, chain_pem: &str) -> Result<SecretPem, PemError> {
    let chain = encode_certificates(&decode_certificates(chain_pem)?);
    let key = key.to_pem();
    let mut text = String::with_capacity(key.as_str().len() + chain.len());
    text.push_str(key.as_str());
    text.push_str(&chain);
    Ok(SecretPem::new(text))
}

/// One trust file out of several: every certificate once, in the order given, comments and other sections dropped.
/// Trusting an old and a new authority at once gives the same bytes each time.
pub fn trust_bundle<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<String, PemError> {
    let mut bundle: Vec<CertificateDer<'static>> = Vec::new();
    for text in texts {
        for certificate in decode_certificates(text)? {
            if !bundle.contains(&certificate) {
                bundle.push(certificate);
            }
        }
    }
    if bundle.is_empty() {
        return Err(PemError::Empty);
    }
    Ok(encode_certificates(&bundle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::World;

    #[test]
    fn a_bundle_holds_each_authority_once_in_the_order_given() {
        let world = World::new();
        let (nodes, users) = (world.nodes.certificate_pem(), world.users.certificate_pem());
        let noisy = format!("a comment\n{nodes}\nanother\n{users}{nodes}");
        assert_eq!(trust_bundle([noisy.as_str(), users]).unwrap(), format!("{nodes}{users}"));
        assert!(matches!(trust_bundle([]), Err(PemError::Empty)));
    }

    #[test]
    fn a_key_store_is_the_key_and_then_the_chain() {
        let world = World::new();
        let credential = world.node("brokers-0");
        let text = credential.keystore_pem();
        let (key, chain) = text.as_str().split_once("-----END PRIVATE KEY-----\n").unwrap();
        assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert_eq!(chain, credential.chain_pem());
        let again = keystore_pem(credential.key(), text.as_str()).unwrap();
        assert_eq!(again.as_str(), text.as_str());
    }

    #[test]
    fn garbage_is_told_apart() {
        assert!(matches!(decode_certificates("hello"), Err(PemError::Empty)));
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(decode_certificates(cut), Err(PemError::Malformed(_))));
        let world = World::new();
        let text = format!("{}{}", world.nodes.certificate_pem(), encode("CERTIFICATE", b"x"));
        assert!(matches!(decode_certificates(&text), Err(PemError::NotACertificate { place: 2, .. })));
    }
}
