//! Bundles there and back, and what must not come out of one.

use super::*;
use crate::kafka::{ensure_kafka, laid_out_kafka};
use crate::lock::Artifact;
use crate::mirrors::Mirrors;
use crate::supply::Supply;

fn artifact(name: &str, content: &[u8]) -> Artifact {
    Artifact {
        coordinate: format!("{name}:{name}:1"),
        path: format!("{name}/{name}.jar"),
        size: content.len() as u64,
        sha256: Sha256::of(content),
        roles: vec![ClassPathRole::Node, ClassPathRole::Tools],
    }
}

struct Place {
    scratch: tempfile::TempDir,
    lock: Lock,
}

fn place() -> Place {
    let artifacts = vec![artifact("a", b"first"), artifact("b", b"second")];
    Place { scratch: tempfile::tempdir().unwrap(), lock: Lock::new("1.2.3", &[17], artifacts).unwrap() }
}

impl Place {
    fn cache(&self, name: &str) -> Cache {
        Cache::open(self.scratch.path().join(name)).unwrap()
    }

    fn filled(&self, name: &str) -> Cache {
        let cache = self.cache(name);
        for content in [b"first".as_slice(), b"second"] {
            let path = self.scratch.path().join("download");
            std::fs::write(&path, content).unwrap();
            blob::put_in_place(&File::open(&path).unwrap(), &path, &cache.blob(Sha256::of(content))).unwrap();
        }
        cache
    }

    fn known(&self) -> impl Fn(Sha256) -> Option<u64> {
        let sizes: BTreeMap<Sha256, u64> =
            self.lock.artifacts().iter().map(|it| (it.sha256, it.size)).collect();
        move |digest| sizes.get(&digest).copied()
    }

    fn export(&self, cache: &Cache, name: &str) -> Result<(BundleContents, PathBuf), BundleError> {
        let to = self.scratch.path().join(name);
        let contents = export_bundle(cache, &[&self.lock], ClassPathRole::Node, &[], &to)?;
        Ok((contents, to))
    }
}

#[tokio::test]
async fn what_a_bundle_brought_is_laid_out_without_any_network() {
    let place = place();
    let (contents, bundle) = place.export(&place.filled("here"), "kafka.zip").unwrap();
    assert_eq!((contents.files(), contents.bytes()), (2, 11));
    let there = place.cache("there");
    // act
    let imported = import(&there, &bundle, &place.known()).unwrap();
    let again = import(&there, &bundle, &place.known()).unwrap();
    // assert
    assert_eq!(imported, Imported { contents, unknown: Vec::new() });
    assert_eq!(again, imported);
    let mut supply = Supply::new(there.clone());
    supply.mirrors = Mirrors::new(&["http://127.0.0.1:1/".to_owned()], true).unwrap();
    ensure_kafka(&supply, &place.lock, ClassPathRole::Node).await.unwrap();
    assert!(laid_out_kafka(&there, &place.lock, ClassPathRole::Node).is_some());
}

#[test]
fn the_same_content_gives_the_same_bundle_and_never_over_another_file() {
    let place = place();
    let cache = place.filled("here");
    let (_, first) = place.export(&cache, "one.zip").unwrap();
    let (_, second) = place.export(&cache, "two.zip").unwrap();
    assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
    assert!(matches!(place.export(&cache, "one.zip"), Err(BundleError::Exists(_))));
}

#[test]
fn a_bundle_is_not_written_without_everything_that_belongs_into_it() {
    let place = place();
    let cache = place.filled("here");
    let missing = cache.blob(place.lock.artifacts()[1].sha256);
    std::fs::remove_file(&missing).unwrap();
    let refused = place.export(&cache, "kafka.zip");
    assert!(matches!(refused, Err(BundleError::Missing { file }) if file == "b.jar"));
    assert_eq!(std::fs::read_dir(place.scratch.path()).unwrap().count(), 1, "half a bundle was left");
}

#[test]
fn a_file_that_was_changed_or_that_nobody_knows_does_not_get_into_the_cache() {
    let place = place();
    let (_, bundle) = place.export(&place.filled("here"), "kafka.zip").unwrap();
    let bytes = std::fs::read(&bundle).unwrap();
    let at = bytes.windows(6).position(|it| it == b"second").unwrap();
    let mut changed = bytes;
    changed[at] = b'S';
    let evil = place.scratch.path().join("evil.zip");
    std::fs::write(&evil, changed).unwrap();
    let there = place.cache("there");
    // act
    let refused = import(&there, &evil, &place.known());
    let unknown = import(&there, &bundle, &|_| None).unwrap();
    // assert: the zip's own check sum may be the first to notice
    assert!(matches!(refused, Err(BundleError::Digest { .. } | BundleError::Storage { .. })), "{refused:?}");
    assert!(!there.blob(Sha256::of(b"Second")).exists() && !there.blob(Sha256::of(b"second")).exists());
    let mut left_out = unknown.unknown;
    left_out.sort();
    assert_eq!(left_out, ["a.jar", "b.jar"]);
    assert_eq!(std::fs::read_dir(there.root().join("partial")).unwrap().count(), 0);
}

#[test]
fn what_is_no_bundle_is_told_so() {
    let place = place();
    let file = place.scratch.path().join("x.zip");
    std::fs::write(&file, "not a zip").unwrap();
    assert!(matches!(import_bundle(&place.cache("there"), &file), Err(BundleError::Zip { .. })));
    let mut archive = ZipWriter::new(File::create(&file).unwrap());
    archive.start_file("other", SimpleFileOptions::default()).unwrap();
    archive.finish().unwrap();
    assert!(matches!(import_bundle(&place.cache("there"), &file), Err(BundleError::Description { .. })));
}
