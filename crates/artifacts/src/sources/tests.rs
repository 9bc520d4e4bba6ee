//! The operator's three files: what they say, and what they must not say.

use std::io::Write as _;
use std::net::TcpListener;

use super::*;
use crate::cache::Cache;
use crate::mirrors::Registry;

struct Place {
    scratch: tempfile::TempDir,
    files: SourceFiles,
}

fn place() -> Place {
    let scratch = tempfile::tempdir().unwrap();
    let files = SourceFiles::in_folder(scratch.path());
    Place { scratch, files }
}

impl Place {
    fn apply(&self) -> Result<Supply, SourcesError> {
        self.files.apply(&Supply::new(Cache::open(self.scratch.path().join("cache")).unwrap()))
    }

    fn login(&self, text: &str) {
        fs::write(&self.files.logins, text).unwrap();
        fs::set_permissions(&self.files.logins, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn sources(supply: &Supply) -> Vec<String> {
    supply.mirrors.sources(Registry::Maven, "a.jar").iter().map(ToString::to_string).collect()
}

#[test]
fn without_files_nothing_changes_and_only_keeps_downloads_from_the_default_hosts() {
    let place = place();
    assert_eq!(sources(&place.apply().unwrap()).len(), 1);
    fs::write(&place.files.mirrors, "# ours\nhttps://one.example/m\n\n  https://two.example\n").unwrap();
    assert_eq!(sources(&place.apply().unwrap()).len(), 3);
    fs::write(&place.files.mirrors, "https://one.example/m\nonly\n").unwrap();
    assert_eq!(sources(&place.apply().unwrap()), ["https://one.example/m/a.jar"]);
    fs::write(&place.files.mirrors, "only\n").unwrap();
    assert!(matches!(place.apply(), Err(SourcesError::Mirror { .. })));
}

#[test]
fn a_bundle_of_authorities_holds_at_least_one() {
    let place = place();
    fs::write(&place.files.authorities, "nothing of the kind").unwrap();
    assert!(matches!(place.apply(), Err(SourcesError::NoCertificate { .. })));
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["x".into()]).unwrap().self_signed(&key).unwrap();
    fs::write(&place.files.authorities, own.pem().repeat(2)).unwrap();
    assert_eq!(place.apply().unwrap().access.authorities.len(), 2);
}

#[test]
fn logins_are_the_owners_alone_and_never_shown() {
    let place = place();
    place.login("# comment\nmachine m.example login me password hunter2\n");
    let supply = place.apply().unwrap();
    let url = Url::parse("https://m.example/x").unwrap();
    let login = supply.access.login_of(&url).unwrap();
    assert_eq!((login.user.as_str(), login.password.as_str()), ("me", "hunter2"));
    assert!(supply.access.login_of(&Url::parse("https://other.example/x").unwrap()).is_none());
    assert!(!format!("{:?}", supply.access).contains("hunter2"));
    fs::set_permissions(&place.files.logins, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(place.apply(), Err(SourcesError::Readable { mode: 0o644, .. })));
    place.login("machine m.example login me\n");
    let told = place.apply().err().unwrap();
    assert!(matches!(told, SourcesError::Login { line: 1, .. }) && !told.to_string().contains("hunter2"));
}

#[test]
fn a_password_does_not_travel_in_the_clear() {
    let place = place();
    place.login("machine m.example login me password hunter2\n");
    fs::write(&place.files.mirrors, "http://m.example/maven\n").unwrap();
    assert!(matches!(place.apply(), Err(SourcesError::InTheClear { .. })));
    fs::write(&place.files.mirrors, "https://m.example/maven\n").unwrap();
    assert!(place.apply().is_ok());
}

#[tokio::test]
async fn a_mirror_with_a_login_is_asked_with_it() {
    let place = place();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    place.login("machine 127.0.0.1 login me password hunter2\n");
    fs::write(&place.files.mirrors, format!("http://127.0.0.1:{port}/\nonly\n")).unwrap();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut request = [0; 4096];
        let count = io::Read::read(&mut stream, &mut request).unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&request[..count]).into_owned()
    });
    let lock = crate::Lock::carried().first().unwrap();
    let mut supply = place.apply().unwrap();
    supply.pace.parallel = 1;
    // act
    let refused = crate::ensure_kafka(&supply, lock, crate::ClassPathRole::Node).await;
    // assert: `me:hunter2` in base64
    assert!(refused.is_err());
    let request = asked.join().unwrap().to_ascii_lowercase();
    assert!(request.contains("authorization: basic bwu6ahvudgvymg=="), "{request}");
}
