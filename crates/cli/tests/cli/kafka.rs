//! Commands that talk to Kafka, as far as a listener without a Kafka behind it can tell.

use std::sync::Arc;

use klamm_pki::{
    ClientAuth, Credential, Grant, LiveIdentity, PrivateKey, Profile, Serial, Validity, inspect_der,
    root_store, server_config,
};

use crate::fake_server::{FakeServer, World};
use crate::program::Lab;
use crate::world::healthy;

/// A node's credential for `localhost`, from the authority that the server's users trust.
fn node(server: &FakeServer) -> Credential {
    let profile = Profile::Node {
        cluster: "dev".parse().expect("a name"),
        slot: "nodes-0".parse().expect("a name"),
        names: ["localhost".parse().expect("a name")].into(),
    };
    let key = PrivateKey::generate().expect("a key");
    let request = klamm_pki::CertificateRequest::create(&key, &profile).expect("a request");
    let now = jiff::Timestamp::now();
    let validity = Validity::starting(now, std::time::Duration::from_secs(3600)).expect("a life");
    let grant = Grant { profile, validity, serial: Serial::from_random([3; 16]) };
    let issued = server.nodes_authority().issue(&request, &grant).expect("a certificate");
    Credential::new(key, &issued.chain_pem).expect("key and chain belong together")
}

#[test]
fn kafka_is_asked_with_a_certificate_of_ten_minutes_that_is_nowhere_on_disk() {
    let lab = Lab::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("localhost:0")).unwrap();
    let mut world = World::of(vec![healthy()]);
    world.bootstrap = format!("localhost:{}", listener.local_addr().unwrap().port());
    let server = FakeServer::start(&lab, world);
    let identity = Arc::new(LiveIdentity::new(&node(&server)).unwrap());
    let trust = root_store(server.users_authority().certificate_pem()).unwrap();
    let tls = server_config(identity, ClientAuth::Required(trust)).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));

    let mut child = lab.command("topic list --user alice").spawn().unwrap();
    let shown = runtime.block_on(async {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.expect("a handshake");
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    });
    child.kill().unwrap();
    child.wait().unwrap();

    let facts = inspect_der(&shown).unwrap();
    assert_eq!(facts.subject, "CN=alice,OU=users,O=dev");
    assert_eq!(facts.not_after.duration_since(facts.not_before).as_secs(), 600);
    let (what, told) = &server.asked()[0];
    assert_eq!(what, "certificate dev alice");
    assert!(told.contains("klamm topic list"), "{told}");
    let files = walk(lab.folder());
    assert!(files.iter().all(|name| !name.ends_with(".pem")), "{files:?}");
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            names.extend(walk(&path));
        } else {
            names.push(path.display().to_string());
        }
    }
    names
}
