//! Every way in which a credential can be no good is found, and a good one has no finding.

use std::time::Duration;

use jiff::SignedDuration;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::*;
use crate::tests::{World, authority, node_profile};
use crate::{AuthorityKind, Credential, Grant, Validity};

const BOTH: [KeyPurpose; 2] = [KeyPurpose::ServerAuth, KeyPurpose::ClientAuth];

fn check(credential: &Credential, trust: &str, purposes: &[KeyPurpose], now: Timestamp) -> Vec<Finding> {
    check_credential(credential.key().to_pem().as_str(), credential.chain_pem(), trust, purposes, now)
}

#[test]
fn a_good_credential_has_no_finding() {
    let world = World::new();
    let trust = format!("{}{}", world.users.certificate_pem(), world.nodes.certificate_pem());
    assert_eq!(check(&world.node("brokers-0"), &trust, &BOTH, world.now), []);
    let user = [KeyPurpose::ClientAuth];
    assert_eq!(check(&world.user("alice"), world.users.certificate_pem(), &user, world.now), []);
}

#[test]
fn a_leaf_of_another_authority_is_untrusted_even_where_the_names_agree() {
    let world = World::new();
    let leaf = world.node("brokers-0");
    let untrusted = vec![Finding::Untrusted {
        subject: leaf.facts().subject.clone(),
        issuer: world.nodes.facts().subject.clone(),
    }];
    assert_eq!(check(&leaf, world.users.certificate_pem(), &BOTH, world.now), untrusted);
    let impostor = World::new().nodes;
    assert_eq!(impostor.facts().subject, world.nodes.facts().subject);
    assert_eq!(check(&leaf, impostor.certificate_pem(), &BOTH, world.now), untrusted);
    // a root in the chain is sent, not trusted
    let sent = leaf.with_appended(world.nodes.certificate_pem()).unwrap();
    assert_eq!(check(&sent, impostor.certificate_pem(), &BOTH, world.now), untrusted);
}

#[test]
fn lives_are_checked_along_the_whole_path() {
    let mut world = World::new();
    let life = |seconds| Validity::starting(world.now, Duration::from_secs(seconds)).unwrap();
    let (leaf_life, authority_life) = (life(600), life(3600));
    world.nodes = authority(AuthorityKind::Nodes, "telemetry", 1, authority_life);
    let grant = Grant { validity: leaf_life, ..world.grant(node_profile("brokers-0")) };
    let (key, issued) = world.issue(&grant).unwrap();
    let leaf = Credential::new(key, &issued.chain_pem).unwrap();
    let at = |now: Timestamp| check(&leaf, world.nodes.certificate_pem(), &BOTH, now);
    let later = |moment: Timestamp| moment + SignedDuration::from_secs(1);
    let subject = leaf.facts().subject.clone();
    assert_eq!(at(leaf_life.not_before()), []);
    assert_eq!(at(leaf_life.not_after()), []);
    let expired = Finding::Expired { subject: subject.clone(), not_after: leaf_life.not_after() };
    assert_eq!(at(later(leaf_life.not_after())), std::slice::from_ref(&expired));
    let root = world.nodes.facts().subject.clone();
    let root_expired = Finding::Expired { subject: root.clone(), not_after: authority_life.not_after() };
    assert_eq!(at(later(authority_life.not_after())), [expired, root_expired]);
    let early = authority_life.not_before() - SignedDuration::from_secs(1);
    let not_yet = |subject, not_before| Finding::NotYetValid { subject, not_before };
    assert_eq!(
        at(early),
        [not_yet(subject, leaf_life.not_before()), not_yet(root, authority_life.not_before())]
    );
}

#[test]
fn a_key_of_another_certificate_is_found() {
    let world = World::new();
    let (one, two) = (world.node("brokers-0"), world.node("brokers-1"));
    let key = two.key().to_pem();
    let trust = world.nodes.certificate_pem();
    let found = check_credential(key.as_str(), one.chain_pem(), trust, &BOTH, world.now);
    assert_eq!(found, [Finding::KeyMismatch { subject: one.facts().subject.clone() }]);
}

#[test]
fn a_client_certificate_is_no_servers() {
    let world = World::new();
    let user = world.user("alice");
    let found = check(&user, world.users.certificate_pem(), &BOTH, world.now);
    let subject = user.facts().subject.clone();
    assert_eq!(found, [Finding::WrongPurpose { subject, wanted: KeyPurpose::ServerAuth }]);
}

#[test]
fn an_authority_is_no_leaf() {
    let world = World::new();
    let pem = world.nodes.certificate_pem();
    let key = world.nodes.key().to_pem();
    let found = check_credential(key.as_str(), pem, pem, &[], world.now);
    assert!(
        found.contains(&Finding::IsAuthority { subject: world.nodes.facts().subject.clone() }),
        "{found:?}"
    );
}

#[test]
fn garbage_is_found_part_by_part() {
    let world = World::new();
    let all = check_credential("key", "chain", "trust", &BOTH, world.now);
    let kinds = ["no PKCS#8", "no certificate", "no certificate"];
    assert_eq!(all.len(), 3);
    for (finding, kind) in all.iter().zip(kinds) {
        assert!(finding.to_string().contains(kind), "{finding}");
    }
    let leaf = world.node("brokers-0");
    let found = check_credential("key", leaf.chain_pem(), world.nodes.certificate_pem(), &BOTH, world.now);
    assert!(matches!(found.as_slice(), [Finding::KeyUnreadable { .. }]), "{found:?}");
    let found = check(&leaf, "trust", &BOTH, world.now);
    assert!(matches!(found.as_slice(), [Finding::TrustUnreadable { .. }]), "{found:?}");
}

/// A foreign chain: root, intermediate, leaf; the intermediate is an authority or it only looks like one.
fn foreign_chain(root_path_length: u8, intermediate: IsCa) -> (String, String, String) {
    let named = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let key = || KeyPair::generate().unwrap();
    let mut root = named("root");
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(root_path_length));
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root_key = key();
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let mut middle = named("middle");
    middle.is_ca = intermediate;
    let (middle_key, leaf_key) = (key(), key());
    let middle_pem = middle.signed_by(&middle_key, &Issuer::from_params(&root, &root_key)).unwrap().pem();
    let mut leaf = named("leaf");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let leaf_pem = leaf.signed_by(&leaf_key, &Issuer::from_params(&middle, &middle_key)).unwrap().pem();
    (leaf_key.serialize_pem(), format!("{leaf_pem}{middle_pem}"), root_pem)
}

#[test]
fn a_chain_over_an_intermediate_is_followed() {
    let now = World::new().now;
    let (key, chain, root) = foreign_chain(1, IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(check_credential(&key, &chain, &root, &BOTH, now), []);
    let leaf_only = &chain[..chain.find("-----END CERTIFICATE-----\n").unwrap() + 26];
    let found = check_credential(&key, leaf_only, &root, &BOTH, now);
    assert!(matches!(found.as_slice(), [Finding::Untrusted { .. }]), "{found:?}");
}

#[test]
fn a_leaf_cannot_issue_and_a_root_cannot_be_stretched() {
    let now = World::new().now;
    for (length, middle) in
        [(1, IsCa::ExplicitNoCa), (1, IsCa::NoCa), (0, IsCa::Ca(BasicConstraints::Unconstrained))]
    {
        let (key, chain, root) = foreign_chain(length, middle);
        let found = check_credential(&key, &chain, &root, &BOTH, now);
        assert!(matches!(found.as_slice(), [Finding::Untrusted { .. }]), "{found:?}");
    }
}
