//! Commands that write files.

use std::os::unix::fs::PermissionsExt as _;

use klamm_pki::Credential;

use crate::fake_server::{FakeServer, World};
use crate::program::Lab;
use crate::world::healthy;

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn client_config_writes_a_key_that_belongs_to_its_certificate_for_its_owner_only() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, World::of(vec![healthy()]));
    let outcome = lab.run("client-config --user alice --format java --out deep/alice --lifetime 12h");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let folder = lab.folder().join("deep/alice");
    assert_eq!(mode(&folder), 0o700);
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["ca.pem", "certificate.pem", "client.properties", "key.pem", "keystore.pem"]);
    assert!(names.iter().all(|name| mode(&folder.join(name)) == 0o600));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let credential = Credential::from_keystore_pem(&read("keystore.pem")).unwrap();
    assert_eq!(credential.facts().subject, "CN=alice,OU=users,O=dev");
    assert_eq!(credential.key().to_pem().as_str(), read("key.pem"));
    assert_eq!(credential.chain_pem(), read("certificate.pem"));
    assert_eq!(read("ca.pem"), server.nodes_authority().certificate_pem());
    let properties = read("client.properties");
    let keystore = format!("ssl.keystore.location={}", folder.join("keystore.pem").display());
    assert!(
        properties.contains(&keystore) && properties.contains("bootstrap.servers=localhost"),
        "{properties}"
    );
    let asked = server.asked();
    assert_eq!(asked[0].0, "certificate dev alice");
    assert!(asked[0].1.contains("Some(43200)"), "{}", asked[0].1);
}

#[test]
fn each_format_has_its_file_and_a_second_call_replaces_all() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    let key = || std::fs::read(lab.folder().join("out/key.pem")).unwrap();
    let mut keys = Vec::new();
    for (format, file) in
        [("librdkafka", "librdkafka.conf"), ("python", "kafka_client.py"), ("env", "kafka.env")]
    {
        assert_eq!(lab.run(&format!("client-config --user alice --format {format} --out out")).code, 0);
        assert!(lab.folder().join("out").join(file).exists());
        keys.push(key());
    }
    keys.dedup();
    assert_eq!(keys.len(), 3, "each call makes a key of its own");
}

#[test]
fn a_user_without_rights_is_told_what_the_spec_lacks() {
    let lab = Lab::new();
    let mut world = World::of(vec![healthy()]);
    world.known_user = false;
    let _server = FakeServer::start(&lab, world);
    insta::assert_snapshot!(
        "client_config_unknown_user",
        lab.transcript("client-config --user alice --out out")
    );
}

#[test]
fn init_writes_a_spec_that_up_accepts_and_never_overwrites() {
    let lab = Lab::new();
    insta::assert_snapshot!("init", lab.transcript("init"));
    assert_eq!(lab.run("spec check").code, 0, "{}", lab.run("spec check").stderr);
    insta::assert_snapshot!("init_again", lab.transcript("init"));
    assert_eq!(lab.run("init --profile production other.yaml").code, 0);
    assert_eq!(lab.run("spec check other.yaml").code, 0, "{}", lab.run("spec check other.yaml").stderr);
    assert_eq!(lab.run("init -").stdout, std::fs::read_to_string(lab.folder().join("klamm.yaml")).unwrap());
}

#[test]
fn keys_of_the_spec_are_explained() {
    let lab = Lab::new();
    assert!(lab.run("spec explain heap").stdout.contains("pools.NAME.heap"));
    assert_eq!(lab.run("spec explain haep").code, 1);
    let schema = lab.run("spec schema").stdout;
    assert!(serde_json::from_str::<serde_json::Value>(&schema).unwrap()["properties"].is_object());
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let lab = Lab::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = lab.run(&format!("completions {shell}")).stdout;
        assert!(script.contains("client-config"), "{shell}");
    }
    assert_eq!(lab.run("man pages/man1").code, 0);
    for page in ["klamm.1", "klamm-up.1", "klamm-topic-create.1"] {
        assert!(lab.folder().join("pages/man1").join(page).exists(), "{page}");
    }
}

#[test]
fn versions_tell_where_things_lie_with_and_without_a_server() {
    let lab = Lab::new();
    assert!(lab.run("versions").stdout.contains("server  ? (none answers)"));
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    insta::assert_snapshot!("versions", lab.transcript("versions"));
}

#[test]
fn downloads_are_listed_checked_and_carried_without_a_server_or_a_network() {
    let lab = Lab::new();
    let told = |line: &str| lab.transcript(line);
    assert!(told("artifacts list").contains("nothing"));
    assert!(told("artifacts verify").starts_with("exit 0"));
    assert!(told("artifacts prune --dry-run").contains("0 B would be freed"));
    assert!(!lab.folder().join("cache").exists(), "looking made a cache");
    insta::assert_snapshot!("artifacts_no_lock", told("artifacts fetch 1.2.3"));
    std::fs::write(lab.folder().join("kafka.zip"), "not a bundle").expect("a file");
    insta::assert_snapshot!("artifacts_no_bundle", told("artifacts import kafka.zip"));
    insta::assert_snapshot!("artifacts_export_exists", told("artifacts export kafka.zip"));
}

#[test]
fn sources_that_cannot_be_used_are_refused_and_no_password_is_shown() {
    let lab = Lab::new();
    let config = lab.folder().join("config");
    std::fs::create_dir_all(&config).expect("a folder");
    std::fs::write(config.join("mirrors-netrc"), "machine m login me password hunter2\n").expect("a file");
    let told = lab.transcript("artifacts fetch");
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!("artifacts_readable_logins", told);
}
