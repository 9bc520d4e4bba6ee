//! What an authority's certificate says, and which certificates are taken for one.

use x509_parser::extensions::ParsedExtension;
use x509_parser::parse_x509_certificate;

use super::*;
use crate::pem::decode_certificates;
use crate::tests::{DAY, World, authority, name, serial};

#[test]
fn an_authority_is_a_root_that_signs_leaves_only() {
    let world = World::new();
    let der = &decode_certificates(world.nodes.certificate_pem()).unwrap()[0];
    let (_, certificate) = parse_x509_certificate(der).unwrap();
    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = certificate.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    assert_eq!(usage.value.flags, (1 << 5) | (1 << 6), "keyCertSign and cRLSign, nothing else");
    assert!(certificate.extensions().iter().any(|extension| matches!(
        extension.parsed_extension(),
        ParsedExtension::SubjectKeyIdentifier(id) if !id.0.is_empty()
    )));
    certificate.verify_signature(None).unwrap();
    assert_eq!(world.nodes.fingerprint(), Fingerprint::of(der));
}

#[test]
fn an_authority_is_named_after_owner_kind_and_generation() {
    let world = World::new();
    assert_eq!(world.nodes.facts().subject, "CN=telemetry nodes CA 1,OU=klamm,O=telemetry");
    assert_eq!(world.users.facts().subject, "CN=telemetry users CA 1,OU=klamm,O=telemetry");
    assert_eq!(world.klamm.facts().subject, "CN=lab klamm CA 1,OU=klamm,O=lab");
    assert_eq!(world.nodes.facts().issuer, world.nodes.facts().subject);
    let validity = Validity::starting(world.now, DAY).unwrap();
    let successor = authority(AuthorityKind::Nodes, "telemetry", 2, validity);
    assert_eq!(successor.facts().subject, "CN=telemetry nodes CA 2,OU=klamm,O=telemetry");
    assert_eq!(successor.facts().not_after, validity.not_after());
    assert_eq!(successor.facts().serial, serial(2).to_string());
}

#[test]
fn a_stored_authority_is_taken_up_as_it_was() {
    let world = World::new();
    for kind in AuthorityKind::ALL {
        let stored = world.authority(kind);
        let key = PrivateKey::from_pem(stored.key().to_pem().as_str()).unwrap();
        let loaded = Authority::load(stored.certificate_pem(), key).unwrap();
        assert_eq!((loaded.kind(), loaded.owner(), loaded.generation()), (kind, stored.owner(), 1));
        assert_eq!(loaded.facts(), stored.facts());
        assert_eq!(loaded.certificate_pem(), stored.certificate_pem());
    }
}

#[test]
fn an_authority_with_the_key_of_another_is_refused() {
    let world = World::new();
    let key = PrivateKey::from_pem(world.users.key().to_pem().as_str()).unwrap();
    let refused = Authority::load(world.nodes.certificate_pem(), key).unwrap_err();
    assert!(matches!(refused, AuthorityError::KeyMismatch { name } if name == world.nodes.facts().subject));
}

#[test]
fn a_leaf_a_bundle_and_a_foreign_authority_are_no_authority() {
    let world = World::new();
    let load = |pem: &str| Authority::load(pem, PrivateKey::generate().unwrap()).unwrap_err();
    let leaf = load(world.node("brokers-0").chain_pem());
    assert!(matches!(leaf, AuthorityError::NotAnAuthority { subject } if subject.contains("brokers-0")));
    let two = format!("{}{}", world.nodes.certificate_pem(), world.users.certificate_pem());
    assert!(matches!(load(&two), AuthorityError::NotOne(2)));
    assert!(matches!(load("hello"), AuthorityError::Pem(_)));
    for subject in
        ["CN=Corp Root", "CN=telemetry nodes CA x,OU=klamm,O=telemetry", "CN=a nodes CA 1,OU=klamm,O=b"]
    {
        assert_eq!(read_authority_subject(subject), None, "{subject}");
    }
}

#[test]
fn a_name_that_does_not_fit_is_refused() {
    let validity = Validity::starting(World::new().now, DAY).unwrap();
    let owner = name(&"a".repeat(60));
    let new = NewAuthority { kind: AuthorityKind::Users, owner, generation: 1, validity, serial: serial(1) };
    let refused = Authority::create(new, PrivateKey::generate().unwrap()).unwrap_err();
    assert!(matches!(refused, AuthorityError::NameTooLong(_)));
}

#[test]
fn an_authority_prints_without_its_key() {
    let world = World::new();
    let body = world.nodes.key().to_pem().as_str().lines().nth(1).unwrap().to_owned();
    assert!(!format!("{:?}", world.nodes).contains(&body));
}
