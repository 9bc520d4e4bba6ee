//! Laying out, noticing damage, repairing it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use tempfile::TempDir;

use super::*;
use crate::test_server::{Reply, TestServer};

const JARS: [(&str, &[u8], &[ClassPathRole]); 3] = [
    ("core", b"the core", &[ClassPathRole::Node, ClassPathRole::Tools]),
    ("log", b"a logging binding", &[ClassPathRole::Node, ClassPathRole::Tools]),
    ("tools", b"the tools", &[ClassPathRole::Tools]),
];

fn lock() -> Lock {
    let artifacts = JARS.map(|(name, content, roles)| Artifact {
        coordinate: format!("k:{name}:1"),
        path: format!("k/{name}/1/{name}-1.jar"),
        size: content.len() as u64,
        sha256: Sha256::of(content),
        roles: roles.to_vec(),
    });
    Lock::new("1.2.3", &[17], artifacts.to_vec()).unwrap()
}

fn server() -> TestServer {
    TestServer::start(|asked| {
        let found = JARS.iter().find(|(name, _, _)| asked.path.contains(&format!("/{name}-1")));
        found.map_or_else(|| Reply::status(404), |(_, content, _)| Reply::ranged(content, asked))
    })
}

fn scratch() -> (TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    (folder, cache)
}

/// Changes a file as an editor or a bad disk would: in place, with other rights and a new time.
fn spoil(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, b"spoilt").unwrap();
}

#[tokio::test]
async fn a_node_gets_its_jars_in_lock_order_and_the_second_time_nothing_is_asked_for() {
    let ((_folder, cache), server, lock) = (scratch(), server(), lock());
    assert_eq!(laid_out_kafka(&cache, &lock, ClassPathRole::Node), None);
    let supply = server.supply(&cache);
    let kafka = ensure_kafka(&supply, &lock, ClassPathRole::Node).await.unwrap();
    let names: Vec<_> =
        kafka.class_path.iter().map(|jar| jar.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["core-1.jar", "log-1.jar"]);
    assert!(kafka.class_path[0].is_absolute());
    assert_eq!(fs::read(&kafka.class_path[1]).unwrap(), b"a logging binding");
    assert_eq!((kafka.version.as_str(), kafka.lock_digest), ("1.2.3", lock.digest()));
    assert_eq!(server.asked().len(), 2);

    assert_eq!(ensure_kafka(&supply, &lock, ClassPathRole::Node).await.unwrap(), kafka);
    assert_eq!(laid_out_kafka(&cache, &lock, ClassPathRole::Node), Some(kafka.clone()));
    assert_eq!(server.asked().len(), 2);

    let tools = ensure_kafka(&supply, &lock, ClassPathRole::Tools).await.unwrap();
    assert_eq!((tools.class_path.len(), server.asked().len()), (3, 3));
    assert_eq!(laid_out_kafka(&cache, &lock, ClassPathRole::Node), Some(kafka));
}

#[tokio::test]
async fn a_changed_jar_is_noticed_without_reading_it_and_repaired_beside_the_open_one() {
    let ((_folder, cache), server, lock) = (scratch(), server(), lock());
    let supply = server.supply(&cache);
    let kafka = ensure_kafka(&supply, &lock, ClassPathRole::Node).await.unwrap();
    let inode = fs::metadata(&kafka.class_path[0]).unwrap().ino();
    spoil(&kafka.class_path[0]);
    assert_eq!(laid_out_kafka(&cache, &lock, ClassPathRole::Node), None);
    let damages = verify_kafka(&cache, &lock, ClassPathRole::Node).unwrap();
    assert_eq!(damages.len(), 1);
    assert_eq!((&damages[0].path, damages[0].found), (&kafka.class_path[0], Some(Sha256::of(b"spoilt"))));

    assert_eq!(ensure_kafka(&supply, &lock, ClassPathRole::Node).await.unwrap(), kafka);
    assert_eq!(fs::read(&kafka.class_path[0]).unwrap(), b"the core");
    assert_ne!(fs::metadata(&kafka.class_path[0]).unwrap().ino(), inode);
    assert_eq!(verify_kafka(&cache, &lock, ClassPathRole::Node).unwrap(), []);
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_missing_jar_is_linked_again_from_the_cache_without_the_network() {
    let ((_folder, cache), server, lock) = (scratch(), server(), lock());
    let supply = server.supply(&cache);
    let kafka = ensure_kafka(&supply, &lock, ClassPathRole::Node).await.unwrap();
    fs::remove_file(&kafka.class_path[1]).unwrap();
    let damages = verify_kafka(&cache, &lock, ClassPathRole::Node).unwrap();
    assert_eq!((damages.len(), damages[0].found), (1, None));
    drop(server);
    assert_eq!(ensure_kafka(&supply, &lock, ClassPathRole::Node).await.unwrap(), kafka);
    assert_eq!(verify_kafka(&cache, &lock, ClassPathRole::Node).unwrap(), []);
}

#[tokio::test]
async fn a_jar_fetched_again_has_the_same_time_so_that_archives_stay_valid() {
    let ((_folder, cache), server, lock) = (scratch(), server(), lock());
    let supply = server.supply(&cache);
    let modified =
        |kafka: &KafkaDistribution| fs::metadata(&kafka.class_path[0]).unwrap().modified().unwrap();
    let first = modified(&ensure_kafka(&supply, &lock, ClassPathRole::Node).await.unwrap());
    fs::remove_dir_all(cache.root()).unwrap();
    Cache::open(cache.root()).unwrap();
    assert_eq!(modified(&ensure_kafka(&supply, &lock, ClassPathRole::Node).await.unwrap()), first);
}

#[tokio::test]
async fn a_failed_download_names_the_version_and_keeps_what_came() {
    let ((_folder, cache), lock) = (scratch(), lock());
    let server = TestServer::start(|asked| {
        if asked.path.contains("core") { Reply::whole(b"the core") } else { Reply::status(404) }
    });
    let failed = ensure_kafka(&server.supply(&cache), &lock, ClassPathRole::Node).await.unwrap_err();
    assert_eq!(failed.to_string(), "the jars of Kafka 1.2.3 are not complete");
    assert_eq!(laid_out_kafka(&cache, &lock, ClassPathRole::Node), None);
}
