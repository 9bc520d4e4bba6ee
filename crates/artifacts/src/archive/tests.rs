//! Which archives are handed out, with a stand-in for Java that takes or refuses.

use super::*;
use crate::java::JavaSource;

struct Place {
    archives: Archives,
    java: Java,
    class_path: Vec<PathBuf>,
    scratch: tempfile::TempDir,
}

/// A `java` that ends well or not, a jar, and an empty cache.
fn place(major: u32, takes: bool) -> Place {
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("java");
    for folder in ["bin", "lib/server"] {
        fs::create_dir_all(home.join(folder)).unwrap();
    }
    let executable = home.join("bin/java");
    fs::write(&executable, if takes { "#!/bin/sh\n" } else { "#!/bin/sh\necho no\nexit 1\n" }).unwrap();
    fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).unwrap();
    for file in ["lib/modules", "lib/server/libjvm.so"] {
        fs::write(home.join(file), file).unwrap();
    }
    let jar = scratch.path().join("kafka.jar");
    fs::write(&jar, "classes").unwrap();
    let java = Java {
        executable,
        home,
        major,
        version: format!("{major}.0.1"),
        vendor: "nobody".into(),
        virtual_machine: "OpenJDK 64-Bit Server VM".into(),
        source: JavaSource::Machine,
    };
    let archives = Archives::new(Cache::open(scratch.path().join("cache")).unwrap());
    Place { archives, java, class_path: vec![jar], scratch }
}

impl Place {
    fn of<'a>(&'a self, options: &'a [String]) -> ArchiveOf<'a> {
        ArchiveOf { java: &self.java, class_path: &self.class_path, options }
    }

    fn written(&self) -> PathBuf {
        let written = self.scratch.path().join("written");
        fs::write(&written, "an archive").unwrap();
        written
    }
}

#[tokio::test]
async fn a_kept_archive_is_handed_out_until_java_a_jar_or_the_archive_changes() {
    for change in ["jar", "java", "archive", "description"] {
        let place = place(17, true);
        let of = place.of(&[]);
        assert_eq!(place.archives.kept(&of).unwrap(), None);
        let kept = place.archives.keep(&of, &place.written()).await.unwrap();
        assert_eq!(place.archives.kept(&of).unwrap(), Some(kept.clone()));
        // act
        let changed = match change {
            "jar" => place.class_path[0].clone(),
            "java" => place.java.home.join("lib/modules"),
            "archive" => kept.clone(),
            _ => kept.with_file_name(DESCRIPTION),
        };
        fs::remove_file(&changed).unwrap();
        fs::write(&changed, "something else").unwrap();
        // assert
        assert_eq!(place.archives.kept(&of).unwrap(), None, "{change}");
        assert!(!kept.exists(), "{change}: a stale archive was left");
    }
}

#[tokio::test]
async fn a_change_that_keeps_size_and_time_is_noticed_too() {
    let place = place(17, true);
    let of = place.of(&[]);
    let kept = place.archives.keep(&of, &place.written()).await.unwrap();
    let time = fs::metadata(&kept).unwrap().modified().unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&kept, "An archive").unwrap();
    fs::File::options().write(true).open(&kept).unwrap().set_modified(time).unwrap();
    // the next process, which has not compared it yet
    let cache = Cache::open(place.scratch.path().join("cache")).unwrap();
    assert_eq!(Archives::new(cache).kept(&of).unwrap(), None);
}

#[tokio::test]
async fn an_archive_that_java_refuses_is_not_kept() {
    let place = place(25, false);
    let of = place.of(&[]);
    let written = place.written();
    let refused = place.archives.keep(&of, &written).await;
    assert!(matches!(refused, Err(KeepArchiveError::Refused(_))));
    assert_eq!(place.archives.kept(&of).unwrap(), None);
    assert!(written.exists());
}

#[tokio::test]
async fn another_collector_has_another_archive_and_a_larger_heap_has_not() {
    let place = place(25, true);
    let options = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
    let (serial, larger, other) = (
        options("-Xmx512m -XX:+UseSerialGC"),
        options("-Xmx4g -XX:+UseSerialGC"),
        options("-Xmx512m -XX:+UseG1GC"),
    );
    let kept = place.archives.keep(&place.of(&serial), &place.written()).await.unwrap();
    assert!(kept.ends_with("classes.aot"));
    assert_eq!(place.archives.kept(&place.of(&larger)).unwrap(), Some(kept.clone()));
    assert_eq!(place.archives.kept(&place.of(&other)).unwrap(), None);
    place.archives.discard(&kept).unwrap();
    place.archives.discard(&kept).unwrap();
    place.archives.discard(&place.class_path[0]).unwrap();
    assert!(place.class_path[0].exists(), "what is no archive was deleted");
    assert_eq!(place.archives.kept(&place.of(&larger)).unwrap(), None);
}

#[test]
fn each_java_is_told_in_its_own_words() {
    let path = Path::new("/a b/x");
    for (major, using, writing) in [
        (11, "-XX:SharedArchiveFile=/a b/x", None),
        (17, "-XX:SharedArchiveFile=/a b/x", Some("-XX:ArchiveClassesAtExit=/a b/x")),
        (21, "-XX:SharedArchiveFile=/a b/x", Some("-XX:ArchiveClassesAtExit=/a b/x")),
        (25, "-XX:AOTCache=/a b/x", Some("-XX:AOTCacheOutput=/a b/x")),
    ] {
        let place = place(major, true);
        let of = place.of(&[]);
        assert_eq!(of.option_to_use(path), using);
        assert_eq!(of.option_to_write(path).as_deref(), writing);
    }
}
