//! What is read out of certificates, Klamm's own and others.

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType, SerialNumber};

use super::*;
use crate::tests::World;

fn foreign(change: impl FnOnce(&mut CertificateParams)) -> CertificateFacts {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&[1]));
    change(&mut params);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    inspect(&certificate.pem()).unwrap().remove(0)
}

#[test]
fn a_chain_is_read_in_its_order() {
    let world = World::new();
    let leaf = world.node("brokers-0");
    let chain = format!("{}{}", leaf.chain_pem(), world.nodes.certificate_pem());
    let facts = inspect(&chain).unwrap();
    assert_eq!(facts, [leaf.facts().clone(), world.nodes.facts().clone()]);
    assert!(!facts[0].is_authority && facts[1].is_authority);
    assert!(matches!(inspect("hello"), Err(InspectError::Pem(PemError::Empty))));
}

#[test]
fn foreign_names_and_purposes_are_told_too() {
    let facts = foreign(|params| {
        params.subject_alt_names = vec![
            SanType::DnsName("*.Example.com".try_into().unwrap()),
            SanType::URI("spiffe://a/b".try_into().unwrap()),
        ];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::EmailProtection, ExtendedKeyUsagePurpose::Other(vec![1, 2, 3])];
    });
    assert_eq!(facts.names[0], "dns:*.Example.com");
    assert!(facts.names[1].starts_with("other:") && facts.names[1].contains("spiffe://a/b"));
    let oid = |oid: &str| KeyPurpose::Other(oid.to_owned());
    assert_eq!(facts.key_purposes, [oid("1.3.6.1.5.5.7.3.4"), oid("1.2.3")]);
    assert!(!facts.allows(&KeyPurpose::ClientAuth));
}

#[test]
fn no_purpose_and_any_purpose_allow_everything() {
    assert!(foreign(|_| ()).allows(&KeyPurpose::ServerAuth));
    let any = foreign(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]);
    assert!(any.allows(&KeyPurpose::ServerAuth) && any.allows(&KeyPurpose::ClientAuth));
}

#[test]
fn serials_are_written_as_whole_bytes_without_leading_zeros() {
    for (bytes, text) in [(&[0][..], "00"), (&[0, 0x9a], "9a"), (&[1, 2, 3], "010203"), (&[0xff; 2], "ffff")]
    {
        let facts = foreign(|params| params.serial_number = Some(SerialNumber::from_slice(bytes)));
        assert_eq!(facts.serial, text);
    }
}

#[test]
fn facts_survive_the_way_through_json() {
    let facts = World::new().node("brokers-0").facts().clone();
    let text = serde_json::to_string(&facts).unwrap();
    assert!(text.contains(r#""key_purposes":["serverAuth","clientAuth"]"#), "{text}");
    assert_eq!(serde_json::from_str::<CertificateFacts>(&text).unwrap(), facts);
}
