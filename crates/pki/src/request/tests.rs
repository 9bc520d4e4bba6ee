//! Which requests are read, and which wishes are refused outright.

use rcgen::{BasicConstraints, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType};

use super::*;
use crate::tests::{names, node_profile, user_profile};

fn parse(change: impl FnOnce(&mut CertificateParams)) -> Result<CertificateRequest, RequestError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = user_profile("alice").subject().to_distinguished_name();
    change(&mut params);
    CertificateRequest::parse(params.serialize_request(&PrivateKey::generate().unwrap()).unwrap().der())
}

#[test]
fn a_request_says_who_asks_for_what_with_which_key() {
    let key = PrivateKey::generate().unwrap();
    let made = CertificateRequest::create(&key, &node_profile("brokers-0")).unwrap();
    let text = made.to_pem();
    assert!(text.starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
    let read = CertificateRequest::parse_pem(&text).unwrap();
    assert_eq!(read.subject(), "CN=brokers-0,OU=nodes,O=telemetry");
    assert_eq!(*read.names(), names(["localhost", "brokers-0.telemetry.klamm", "127.0.0.1", "::1"]));
    assert_eq!(read.public_key_fingerprint(), key.public_key_fingerprint());
    assert_eq!(read.as_der(), made.as_der());
}

#[test]
fn a_request_with_any_bit_flipped_is_refused() {
    let request =
        CertificateRequest::create(&PrivateKey::generate().unwrap(), &node_profile("brokers-0")).unwrap();
    for place in 0..request.as_der().len() * 8 {
        let mut der = request.as_der().to_vec();
        der[place / 8] ^= 1 << (place % 8);
        assert!(CertificateRequest::parse(&der).is_err(), "bit {place} was flipped unnoticed");
    }
}

#[test]
fn a_request_signed_by_another_key_is_refused() {
    let key = PrivateKey::generate().unwrap();
    let honest = CertificateRequest::create(&key, &user_profile("alice")).unwrap();
    let other = CertificateRequest::create(&PrivateKey::generate().unwrap(), &user_profile("alice")).unwrap();
    let point = |request: &CertificateRequest| rcgen::PublicKeyData::der_bytes(request.public_key()).to_vec();
    let (from, to) = (point(&honest), point(&other));
    let at = honest.as_der().windows(from.len()).position(|window| window == from).unwrap();
    let mut der = honest.as_der().to_vec();
    der[at..at + to.len()].copy_from_slice(&to);
    let refused = CertificateRequest::parse(&der).unwrap_err();
    assert!(matches!(refused, RequestError::NotSigned { subject } if subject == honest.subject()));
}

#[test]
fn bytes_after_the_request_are_refused() {
    let mut der = parse(|_| ()).unwrap().as_der().to_vec();
    der.push(0);
    assert!(matches!(CertificateRequest::parse(&der), Err(RequestError::Unreadable)));
    assert!(matches!(CertificateRequest::parse_pem("hello"), Err(RequestError::NotPem(_))));
}

#[test]
fn a_wish_to_be_an_authority_is_refused() {
    let refused = parse(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)).unwrap_err();
    assert!(matches!(refused, RequestError::Extension { oid, .. } if oid == "2.5.29.19"));
    let refused = parse(|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]).unwrap_err();
    assert!(matches!(refused, RequestError::Extension { oid, .. } if oid == "2.5.29.15"));
}

#[test]
fn names_that_are_neither_host_nor_address_are_refused() {
    let with = |san: SanType| parse(|params| params.subject_alt_names = vec![san]);
    let wildcard = with(SanType::DnsName("*.telemetry.klamm".try_into().unwrap())).unwrap_err();
    assert!(matches!(wildcard, RequestError::HostName { source, .. } if source.name == "*.telemetry.klamm"));
    for odd in
        [SanType::URI("spiffe://a/b".try_into().unwrap()), SanType::Rfc822Name("a@b".try_into().unwrap())]
    {
        assert!(matches!(with(odd), Err(RequestError::NameKind { .. })));
    }
}

#[test]
fn keys_of_other_kinds_are_refused_however_they_sign() {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "alice");
    for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = params.serialize_request(&key).unwrap();
        let refused = CertificateRequest::parse(der.der()).unwrap_err();
        assert!(matches!(refused, RequestError::NotP256 { .. }), "{refused}");
    }
}
