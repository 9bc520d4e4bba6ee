//! Real handshakes, in memory.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};

use super::*;
use crate::tests::{World, authority, name, names, node_profile, user_profile};
use crate::{AuthorityKind, CertificateFacts, Credential, Fingerprint, Grant, Profile, Validity};

/// What came of a handshake: the subjects that each side saw of the other, or which side refused and why.
#[derive(Debug)]
struct Met {
    by_client: CertificateFacts,
    by_server: Option<CertificateFacts>,
    resumed: bool,
}

fn meet(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, dialled: &str) -> Result<Met, String> {
    let dialled = ServerName::try_from(dialled.to_owned()).unwrap();
    let mut client = ClientConnection::new(client.clone(), dialled).unwrap();
    let mut server = ServerConnection::new(server.clone()).unwrap();
    let mut wire = Vec::new();
    for _ in 0..10 {
        wire.clear();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().map_err(|error| format!("server: {error}"))?;
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().map_err(|error| format!("client: {error}"))?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    client.writer().write_all(b"hello").unwrap();
    wire.clear();
    client.write_tls(&mut wire).unwrap();
    server.read_tls(&mut wire.as_slice()).unwrap();
    server.process_new_packets().map_err(|error| format!("server: {error}"))?;
    let mut said = [0; 5];
    server.reader().read_exact(&mut said).unwrap();
    assert_eq!(&said, b"hello");
    let facts =
        |chain: &[rustls::pki_types::CertificateDer<'_>]| crate::inspect::inspect_der(&chain[0]).unwrap();
    Ok(Met {
        by_client: facts(client.peer_certificates().unwrap()),
        by_server: server.peer_certificates().map(facts),
        resumed: client.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
    })
}

fn live(credential: &Credential) -> Arc<LiveIdentity> {
    Arc::new(LiveIdentity::new(credential).unwrap())
}

fn roots(authority: &crate::Authority) -> RootCertStore {
    root_store(authority.certificate_pem()).unwrap()
}

/// A node's listener for users.
fn listener(world: &World, identity: Arc<LiveIdentity>) -> Arc<ServerConfig> {
    Arc::new(server_config(identity, ClientAuth::Required(roots(&world.users))).unwrap())
}

fn user_of(world: &World, credential: &Credential) -> Arc<ClientConfig> {
    Arc::new(client_config(Some(live(credential)), roots(&world.nodes)).unwrap())
}

#[test]
fn a_user_and_a_node_meet_under_every_name_of_the_node() {
    let world = World::new();
    let server = listener(&world, live(&world.node("brokers-0")));
    let client = user_of(&world, &world.user("alice"));
    for dialled in ["localhost", "brokers-0.telemetry.klamm", "127.0.0.1", "::1"] {
        let met = meet(&client, &server, dialled).unwrap();
        assert_eq!(met.by_client.subject, "CN=brokers-0,OU=nodes,O=telemetry");
        assert_eq!(met.by_server.unwrap().subject, "CN=alice,OU=users,O=telemetry");
    }
    let refused = meet(&client, &server, "brokers-1.telemetry.klamm").unwrap_err();
    assert!(refused.starts_with("client: ") && refused.contains("not valid for name"), "{refused}");
}

#[test]
fn both_protocol_versions_are_spoken() {
    let world = World::new();
    let server = listener(&world, live(&world.node("brokers-0")));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = ClientConfig::builder_with_provider(crypto_provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots(&world.nodes))
            .with_client_cert_resolver(live(&world.user("alice")));
        meet(&Arc::new(client), &server, "localhost").unwrap();
    }
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_required() {
    let world = World::new();
    let identity = live(&world.node("brokers-0"));
    let server = listener(&world, identity.clone());
    let anonymous = Arc::new(client_config(None, roots(&world.nodes)).unwrap());
    let refused = meet(&anonymous, &server, "localhost").unwrap_err();
    assert!(refused.starts_with("server: ") && refused.contains("no certificates"), "{refused}");
    let unset = Some(Arc::new(LiveIdentity::empty()) as Arc<dyn ResolvesClientCert>);
    let unset = Arc::new(client_config(unset, roots(&world.nodes)).unwrap());
    assert!(meet(&unset, &server, "localhost").is_err());
    let open = server_config(identity, ClientAuth::Optional(roots(&world.users))).unwrap();
    let met = meet(&anonymous, &Arc::new(open), "localhost").unwrap();
    assert!(met.by_server.is_none());
}

#[test]
fn foreign_authorities_are_refused_on_both_sides() {
    let (world, foreign) = (World::new(), World::new());
    let server = listener(&world, live(&world.node("brokers-0")));
    // same names everywhere, other keys
    let stranger = user_of(&world, &foreign.user("alice"));
    let refused = meet(&stranger, &server, "localhost").unwrap_err();
    assert!(refused.starts_with("server: "), "{refused}");
    let open = server_config(live(&world.node("brokers-0")), ClientAuth::Optional(roots(&world.users)));
    assert!(meet(&stranger, &Arc::new(open.unwrap()), "localhost").is_err(), "optional is not any");
    let misled = user_of(&foreign, &world.user("alice"));
    let refused = meet(&misled, &server, "localhost").unwrap_err();
    assert!(refused.starts_with("client: "), "{refused}");
}

#[test]
fn a_node_certificate_opens_no_client_listener_and_a_user_certificate_no_internal_one() {
    let world = World::new();
    let node = world.node("brokers-0");
    let clients = listener(&world, live(&node));
    assert!(meet(&user_of(&world, &world.node("brokers-1")), &clients, "localhost").is_err());
    let internal = server_config(live(&node), ClientAuth::Required(roots(&world.nodes))).unwrap();
    let internal = Arc::new(internal);
    assert!(meet(&user_of(&world, &world.user("brokers-1")), &internal, "localhost").is_err());
    meet(&user_of(&world, &world.node("brokers-1")), &internal, "localhost").unwrap();
    let server = Profile::ClusterServer { cluster: name("telemetry") };
    meet(&user_of(&world, &world.credential(server)), &internal, "localhost").unwrap();
}

#[test]
fn a_client_only_certificate_cannot_serve() {
    let world = World::new();
    // issued by the authority that dialling nodes trust, and yet not for serving
    let server = world.credential(Profile::ClusterServer { cluster: name("telemetry") });
    let posing = server_config(live(&server), ClientAuth::Required(roots(&world.nodes))).unwrap();
    let refused =
        meet(&user_of(&world, &world.node("brokers-1")), &Arc::new(posing), "localhost").unwrap_err();
    assert!(refused.starts_with("client: "), "{refused}");
}

#[test]
fn expired_certificates_are_refused() {
    let mut world = World::new();
    let past: Timestamp = world.now - SignedDuration::from_hours(2);
    let life = |seconds| Validity::starting(past, Duration::from_secs(seconds)).unwrap();
    world.users = authority(AuthorityKind::Users, "telemetry", 1, life(24 * 3600));
    let grant = Grant { validity: life(45), ..world.grant(user_profile("alice")) };
    let (key, issued) = world.issue(&grant).unwrap();
    let expired = Credential::new(key, &issued.chain_pem).unwrap();
    let server = listener(&world, live(&world.node("brokers-0")));
    let refused = meet(&user_of(&world, &expired), &server, "localhost").unwrap_err();
    assert!(refused.contains("expired"), "{refused}");
}

#[test]
fn a_replaced_identity_is_shown_from_the_next_handshake_on() {
    let world = World::new();
    let (node, alice) = (live(&world.node("brokers-0")), live(&world.user("alice")));
    let server = listener(&world, node.clone());
    let client = Arc::new(client_config(Some(alice.clone()), roots(&world.nodes)).unwrap());
    let first = meet(&client, &server, "localhost").unwrap();
    let (next_node, next_alice) = (world.node("brokers-0"), world.user("alice"));
    node.replace(&next_node).unwrap();
    alice.replace(&next_alice).unwrap();
    let second = meet(&client, &server, "localhost").unwrap();
    assert_eq!(second.by_client, *next_node.facts());
    assert_eq!(second.by_server.as_ref(), Some(next_alice.facts()));
    assert_ne!(second.by_client.fingerprint, first.by_client.fingerprint);
    assert!(!second.resumed, "a resumed session would have shown the old certificates");
}

#[test]
fn no_handshake_works_before_there_is_an_identity() {
    let world = World::new();
    let node = Arc::new(LiveIdentity::empty());
    let server = listener(&world, node.clone());
    let client = user_of(&world, &world.user("alice"));
    assert!(meet(&client, &server, "localhost").unwrap_err().starts_with("server: "));
    node.replace(&world.node("brokers-0")).unwrap();
    meet(&client, &server, "localhost").unwrap();
}

#[test]
fn an_agent_finds_its_server_by_the_fingerprint_of_its_token() {
    let world = World::new();
    let bare = || world.credential(Profile::Server { names: names(["localhost"]) });
    let serve = |credential: &Credential| {
        Arc::new(server_config(live(credential), ClientAuth::Optional(roots(&world.klamm))).unwrap())
    };
    let complete = serve(&bare().with_appended(world.klamm.certificate_pem()).unwrap());
    let pin = |fingerprint: Fingerprint| Arc::new(enrolment_client_config(fingerprint).unwrap());
    let agent = pin(world.klamm.fingerprint());
    let met = meet(&agent, &complete, "localhost").unwrap();
    assert_eq!(met.by_client.subject, "CN=server,OU=servers,O=klamm");
    assert!(met.by_server.is_none());
    // all else is refused: another name, another pin, an authority that is not sent, one that did not sign
    assert!(meet(&agent, &complete, "example.com").is_err());
    assert!(meet(&pin(World::new().klamm.fingerprint()), &complete, "localhost").is_err());
    assert!(meet(&agent, &serve(&bare()), "localhost").is_err());
    let impostor = World::new().credential(Profile::Server { names: names(["localhost"]) });
    let impostor = serve(&impostor.with_appended(world.klamm.certificate_pem()).unwrap());
    assert!(meet(&agent, &impostor, "localhost").is_err());
    // nor is the pinned authority's certificate a server's
    let itself = pin(bare().facts().fingerprint);
    assert!(meet(&itself, &complete, "localhost").is_err());
}

#[test]
fn trust_that_holds_nothing_usable_is_refused() {
    assert!(matches!(root_store("hello"), Err(TlsError::Trust(PemError::Empty))));
    let identity = Arc::new(LiveIdentity::empty());
    let nobody = server_config(identity, ClientAuth::Required(RootCertStore::empty()));
    assert!(matches!(nobody, Err(TlsError::NoRoots(_))));
    let node = World::new().credential(node_profile("brokers-0"));
    assert_eq!(node.certified_key().unwrap().cert.len(), 1);
}
