//! Listing, checking and pruning a cache.

use super::*;
use crate::Lock;

struct Place {
    scratch: tempfile::TempDir,
    cache: Cache,
}

/// A cache with one laid-out "Kafka" of one jar, a download that belongs to nothing, and one that was begun.
fn place() -> Place {
    let scratch = tempfile::tempdir().unwrap();
    let cache = Cache::open(scratch.path().join("cache")).unwrap();
    for content in ["jar", "loose"] {
        let blob = cache.blob(Sha256::of(content.as_bytes()));
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::write(&blob, content).unwrap();
    }
    let libs = cache.root().join("kafka/1.2.3-0123456789ab/libs");
    fs::create_dir_all(&libs).unwrap();
    fs::hard_link(cache.blob(Sha256::of(b"jar")), libs.join("kafka.jar")).unwrap();
    fs::write(cache.root().join("partial/begun"), "be").unwrap();
    Place { scratch, cache }
}

fn shown(contents: &[Content]) -> Vec<(ContentKind, &str, u64)> {
    contents.iter().map(|it| (it.kind, it.name.as_str(), it.bytes)).collect()
}

#[test]
fn a_jar_counts_with_its_kafka_and_not_twice() {
    let place = place();
    let loose = Sha256::of(b"loose").to_string();
    assert_eq!(
        shown(&list_contents(&place.cache).unwrap()),
        [
            (ContentKind::Kafka, "1.2.3", 3),
            (ContentKind::Download, loose.as_str(), 5),
            (ContentKind::Begun, "begun", 2)
        ]
    );
    let nowhere = Cache::at(place.scratch.path().join("nowhere")).unwrap();
    assert_eq!(list_contents(&nowhere).unwrap(), []);
    assert!(!nowhere.root().exists(), "looking made something");
}

#[test]
fn a_kafka_that_a_record_or_a_process_names_stays_and_goes_with_its_download_otherwise() {
    let place = place();
    let record = place.scratch.path().join("java.args");
    let libs = place.cache.root().join("kafka/1.2.3-0123456789ab/libs/kafka.jar");
    fs::write(&record, format!("\"-cp\"\n\"{}:/x.jar\"\n", libs.display())).unwrap();
    // act and assert: what was brought a moment ago may be on its way into something
    let named = InUse::collect(std::slice::from_ref(&record)).unwrap();
    assert_eq!(find_unused(&place.cache, &named).unwrap(), []);
    let unused = find_unused(&place.cache, &InUse::default()).unwrap();
    assert_eq!(shown(&unused), [(ContentKind::Kafka, "1.2.3", 3)]);
    delete_contents(&place.cache, &unused).unwrap();
    assert!(!libs.exists() && !place.cache.blob(Sha256::of(b"jar")).exists());
    assert!(place.cache.blob(Sha256::of(b"loose")).exists());
}

#[test]
fn a_record_that_cannot_be_read_stops_pruning() {
    let place = place();
    assert!(InUse::collect(&[place.scratch.path().join("gone")]).is_err());
}

#[test]
fn what_a_running_process_has_mapped_is_in_use() {
    let own = std::env::current_exe().unwrap();
    let in_use = InUse::collect(&[]).unwrap();
    assert!(in_use.holds(own.parent().unwrap()));
    assert!(!in_use.holds(Path::new("/no/such/folder")));
}

#[test]
fn a_changed_download_is_named_with_both_digests() {
    let place = place();
    assert_eq!(verify_contents(&place.cache).unwrap(), []);
    let path = place.cache.blob(Sha256::of(b"jar"));
    fs::write(&path, "jbr").unwrap();
    let (expected, found) = (Sha256::of(b"jar"), Sha256::of(b"jbr"));
    assert_eq!(verify_contents(&place.cache).unwrap(), [DamagedFile { path, expected, found }]);
    assert!(!Lock::carried().is_empty());
}
