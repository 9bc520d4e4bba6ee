//! Archives: what is unpacked, and what is refused before anything is written.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

fn archive(folder: &Path, names: &[&str]) -> PathBuf {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        // As the wheels are: without any execute bit.
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(0o644)).unwrap();
        zip.write_all(name.as_bytes()).unwrap();
    }
    let path = folder.join("archive.zip");
    fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
    path
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_the_wanted_folder_is_unpacked_and_launchers_can_be_executed() {
    let scratch = tempfile::tempdir().unwrap();
    let path = archive(scratch.path(), &["pkg/__init__.py", "pkg/java/bin/java", "pkg/java/lib/modules"]);
    let into = scratch.path().join("out");
    unpack_folder(&path, "pkg/java", &into, |file| file.starts_with("bin")).unwrap();
    assert_eq!(fs::read(into.join("lib/modules")).unwrap(), b"pkg/java/lib/modules");
    assert_eq!((mode(into.join("bin/java")), mode(into.join("lib/modules"))), (0o755, 0o644));
    assert_eq!(fs::read_dir(&into).unwrap().count(), 2);
}

#[test]
fn an_entry_that_would_land_outside_is_refused_and_nothing_is_written() {
    for evil in ["pkg/../../evil", "/evil", "pkg/java/../../../evil", "pkg\\..\\evil"] {
        let scratch = tempfile::tempdir().unwrap();
        let path = archive(scratch.path(), &["pkg/java/bin/java", evil]);
        let into = scratch.path().join("deep/out");
        let refused = unpack_folder(&path, "pkg/java", &into, |_| false).unwrap_err();
        assert!(
            matches!(&refused, UnpackError::Outside { entry, .. } if entry == evil),
            "{evil}: {refused:?}"
        );
        assert!(!into.exists() && !scratch.path().join("evil").exists());
    }
}

#[test]
fn a_link_in_an_archive_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("pkg/java/bin", "/usr/bin", SimpleFileOptions::default()).unwrap();
    let path = scratch.path().join("archive.zip");
    fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
    let refused = unpack_folder(&path, "pkg/java", &scratch.path().join("out"), |_| false).unwrap_err();
    assert!(matches!(refused, UnpackError::Outside { .. }));
}

#[test]
fn a_file_that_is_no_archive_and_an_archive_without_the_folder_are_told_apart() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("not.zip");
    fs::write(&path, b"<html>sign in</html>").unwrap();
    let into = scratch.path().join("out");
    assert!(matches!(unpack_folder(&path, "a", &into, |_| false), Err(UnpackError::Archive { .. })));
    let path = archive(scratch.path(), &["other/file"]);
    assert!(matches!(unpack_folder(&path, "a", &into, |_| false), Err(UnpackError::Empty { .. })));
}
