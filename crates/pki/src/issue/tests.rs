//! What is issued, and above all what is not.

use std::collections::BTreeSet;

use x509_parser::extensions::ParsedExtension;
use x509_parser::parse_x509_certificate;

use super::*;
use crate::pem::decode_certificates;
use crate::tests::{DAY, World, authority, name, names, node_profile, serial, user_profile};
use crate::{KeyPurpose, PrivateKey, inspect, renew_at};

fn all_profiles() -> Vec<(Profile, &'static str, bool)> {
    let cluster = || name("telemetry");
    vec![
        (node_profile("brokers-0"), "CN=brokers-0,OU=nodes,O=telemetry", true),
        (Profile::ClusterServer { cluster: cluster() }, "CN=server,OU=klamm,O=telemetry", false),
        (user_profile("alice"), "CN=alice,OU=users,O=telemetry", false),
        (Profile::Agent { host: name("h-1") }, "CN=h-1,OU=agents,O=klamm", false),
        (Profile::Server { names: names(["localhost", "10.0.0.1"]) }, "CN=server,OU=servers,O=klamm", true),
    ]
}

#[test]
fn each_profile_has_its_subject_its_authority_and_its_purposes() {
    let world = World::new();
    for (profile, subject, serves) in all_profiles() {
        let (key, issued) = world.issue(&world.grant(profile.clone())).unwrap();
        let facts = inspect(&issued.chain_pem).unwrap().remove(0);
        assert_eq!(facts, issued.facts);
        assert_eq!(facts.subject, subject);
        assert_eq!(facts.issuer, world.authority(profile.authority()).facts().subject);
        let wanted = match serves {
            true => vec![KeyPurpose::ServerAuth, KeyPurpose::ClientAuth],
            false => vec![KeyPurpose::ClientAuth],
        };
        assert_eq!(facts.key_purposes, wanted, "{subject}");
        assert_eq!(facts.names.is_empty(), !serves, "{subject}");
        assert!(!facts.is_authority);
        assert_eq!(facts.public_key_fingerprint, key.public_key_fingerprint());
        assert_eq!(facts.serial, serial(0xab).to_string());
    }
}

#[test]
fn a_subject_is_encoded_as_organisation_unit_and_common_name() {
    let world = World::new();
    let credential = world.node("brokers-0");
    let der = &decode_certificates(credential.chain_pem()).unwrap()[0];
    let (_, certificate) = parse_x509_certificate(der).unwrap();
    let order: Vec<(String, &str)> = certificate
        .subject()
        .iter_attributes()
        .map(|attribute| (attribute.attr_type().to_id_string(), attribute.as_str().unwrap()))
        .collect();
    let expected = [("2.5.4.10", "telemetry"), ("2.5.4.11", "nodes"), ("2.5.4.3", "brokers-0")];
    assert_eq!(order, expected.map(|(oid, value)| (oid.to_owned(), value)));
    // RULE:^CN=[^,]+,OU=nodes,O=telemetry$/…/ is what Kafka's listeners map
    let rest = credential.facts().subject.strip_prefix("CN=brokers-0").unwrap();
    assert_eq!(rest, ",OU=nodes,O=telemetry");
}

#[test]
fn names_are_host_names_and_addresses_of_both_families() {
    let facts = World::new().node("brokers-0").facts().clone();
    let expected = ["dns:brokers-0.telemetry.klamm", "dns:localhost", "ip:127.0.0.1", "ip:::1"];
    assert_eq!(facts.names, expected);
}

#[test]
fn a_leaf_names_its_issuers_key_and_its_own() {
    let world = World::new();
    let key_id = |pem: &str, of_issuer: bool| {
        let der = decode_certificates(pem).unwrap().remove(0);
        let (_, certificate) = parse_x509_certificate(&der).unwrap();
        let extensions = certificate.extensions().iter();
        let (mut own, mut issuers) = (None, None);
        for extension in extensions {
            if let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() {
                own = Some(id.0.to_vec());
            }
            if let ParsedExtension::AuthorityKeyIdentifier(id) = extension.parsed_extension() {
                issuers = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
        }
        if of_issuer { issuers } else { own }
    };
    let leaf = world.node("brokers-0");
    let issuer = key_id(world.nodes.certificate_pem(), false).unwrap();
    assert_eq!(key_id(leaf.chain_pem(), true), Some(issuer.clone()));
    assert_ne!(key_id(leaf.chain_pem(), false).unwrap(), issuer);
    // the same after the authority was stored and taken up again
    let key = PrivateKey::from_pem(world.nodes.key().to_pem().as_str()).unwrap();
    let loaded = Authority::load(world.nodes.certificate_pem(), key).unwrap();
    let grant = world.grant(node_profile("brokers-1"));
    let request = CertificateRequest::create(&PrivateKey::generate().unwrap(), &grant.profile).unwrap();
    let issued = loaded.issue(&request, &grant).unwrap();
    assert_eq!(key_id(&issued.chain_pem, true), Some(issuer));
}

#[test]
fn only_the_public_key_comes_from_the_request() {
    let world = World::new();
    let key = PrivateKey::generate().unwrap();
    let modest =
        Profile::Node { cluster: name("telemetry"), slot: name("brokers-0"), names: names(["localhost"]) };
    let request = CertificateRequest::create(&key, &modest).unwrap();
    let issued = world.nodes.issue(&request, &world.grant(node_profile("brokers-0"))).unwrap();
    assert_eq!(issued.facts.names.len(), 4, "all that was granted: {:?}", issued.facts.names);
}

#[test]
fn a_name_outside_of_the_grant_is_refused_by_name() {
    let world = World::new();
    let granted = names(["localhost", "127.0.0.1"]);
    for evil in ["evil.example.com", "127.0.0.2", "::ffff:127.0.0.1", "localhost.evil"] {
        let mut wanted: BTreeSet<AltName> = granted.clone();
        wanted.insert(evil.parse().unwrap());
        let profile = |names| Profile::Node { cluster: name("telemetry"), slot: name("brokers-0"), names };
        let request = CertificateRequest::create(&PrivateKey::generate().unwrap(), &profile(wanted)).unwrap();
        let refused = world.nodes.issue(&request, &world.grant(profile(granted.clone()))).unwrap_err();
        assert!(matches!(refused, IssueError::Name { name, .. } if name == evil.parse().unwrap()), "{evil}");
    }
}

#[test]
fn a_client_only_profile_takes_no_names_at_all() {
    let world = World::new();
    let mut params = CertificateParams::default();
    params.distinguished_name = user_profile("alice").subject().to_distinguished_name();
    params.subject_alt_names = vec![names(["localhost"]).first().unwrap().to_rcgen()];
    let der = params.serialize_request(&PrivateKey::generate().unwrap()).unwrap();
    let request = CertificateRequest::parse(der.der()).unwrap();
    let refused = world.users.issue(&request, &world.grant(user_profile("alice"))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the request of CN=alice,OU=users,O=telemetry asks for dns:localhost, which is not granted"
    );
}

#[test]
fn a_request_of_somebody_else_is_refused() {
    let world = World::new();
    let key = PrivateKey::generate().unwrap();
    let cases = [
        (user_profile("mallory"), user_profile("alice")),
        (node_profile("brokers-1"), node_profile("brokers-0")),
        (Profile::User { cluster: name("other"), name: name("alice") }, user_profile("alice")),
        (user_profile("brokers-0"), node_profile("brokers-0")),
    ];
    for (asked, granted) in cases {
        let request = CertificateRequest::create(&key, &asked).unwrap();
        let refused = world.authority(granted.authority()).issue(&request, &world.grant(granted.clone()));
        let Err(IssueError::Subject { wanted, granted: said }) = refused else { panic!("{refused:?}") };
        assert_eq!((wanted, said), (asked.subject().to_string(), granted.subject().to_string()));
    }
    // the right parts in the wrong order are another subject, as Kafka's rules would not match it
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "alice");
    params.distinguished_name.push(rcgen::DnType::OrganizationalUnitName, "users");
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "telemetry");
    let request = CertificateRequest::parse(params.serialize_request(&key).unwrap().der()).unwrap();
    let refused = world.users.issue(&request, &world.grant(user_profile("alice"))).unwrap_err();
    assert!(
        matches!(refused, IssueError::Subject { wanted, .. } if wanted == "O=telemetry,OU=users,CN=alice")
    );
}

#[test]
fn an_authority_issues_its_own_profiles_only() {
    let world = World::new();
    for (profile, subject, _) in all_profiles() {
        let grant = world.grant(profile.clone());
        let request = CertificateRequest::create(&PrivateKey::generate().unwrap(), &profile).unwrap();
        for kind in AuthorityKind::ALL.into_iter().filter(|kind| *kind != profile.authority()) {
            let refused = world.authority(kind).issue(&request, &grant).unwrap_err();
            assert!(
                matches!(&refused, IssueError::WrongAuthority { subject: said, wanted, .. }
                    if said == subject && *wanted == profile.authority()),
                "{kind}: {refused}"
            );
        }
    }
}

#[test]
fn an_authority_issues_for_its_own_cluster_only() {
    let world = World::new();
    let stranger = Profile::User { cluster: name("other"), name: name("alice") };
    assert!(matches!(world.issue(&world.grant(stranger)), Err(IssueError::WrongCluster { .. })));
    let stranger = Profile::ClusterServer { cluster: name("other") };
    assert!(matches!(world.issue(&world.grant(stranger)), Err(IssueError::WrongCluster { .. })));
}

#[test]
fn who_serves_must_have_a_name() {
    let world = World::new();
    let nameless = Profile::Server { names: BTreeSet::new() };
    assert!(matches!(world.issue(&world.grant(nameless)), Err(IssueError::NoNames { .. })));
}

#[test]
fn a_leaf_expires_before_its_issuer() {
    let mut world = World::new();
    let life = Validity::starting(world.now, Duration::from_secs(360)).unwrap();
    world.nodes = authority(AuthorityKind::Nodes, "telemetry", 1, life);
    let leaf = |seconds: u64| {
        let validity = Validity::starting(world.now, Duration::from_secs(seconds)).unwrap();
        Grant { validity, ..world.grant(node_profile("brokers-0")) }
    };
    let equal = Grant { validity: life, ..leaf(45) };
    assert!(matches!(world.issue(&equal), Err(IssueError::OutlivesAuthority { .. })));
    let refused = world.issue(&leaf(400)).unwrap_err();
    assert!(matches!(refused, IssueError::OutlivesAuthority { authority_not_after, .. }
        if authority_not_after == life.not_after()));
    let (_, issued) = world.issue(&leaf(45)).unwrap();
    let facts = issued.facts;
    assert_eq!(facts.not_after.duration_since(facts.not_before).as_secs(), 45);
    assert!(facts.not_before <= world.now && renew_at(facts.not_before, facts.not_after) > world.now);
}

#[test]
fn lives_from_seconds_to_the_next_century_are_written_exactly() {
    let mut world = World::new();
    let long = Validity::starting(world.now, DAY * 40_000).unwrap();
    world.users = authority(AuthorityKind::Users, "telemetry", 1, long);
    assert_eq!(world.users.facts().not_after, long.not_after());
    for lifetime in [Duration::from_secs(1), Duration::from_secs(45), DAY, DAY * 39_000] {
        let validity = Validity::starting(world.now, lifetime).unwrap();
        let grant = Grant { validity, ..world.grant(user_profile("alice")) };
        let (_, issued) = world.issue(&grant).unwrap();
        let life = (issued.facts.not_before, issued.facts.not_after);
        assert_eq!(life, (validity.not_before(), validity.not_after()));
    }
}
