//! Files that are whole or not there: written beside, synced, renamed, and the folder synced.
//!
//! It must never leave half a file under its final name, nor make one that others than its owner can read. Start
//! at [`replace_file`].

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file or folder operation that failed.
#[derive(Debug, Error)]
#[error("{path}: {operation} failed")]
pub struct DiskError {
    /// On which path.
    pub path: PathBuf,
    /// What was tried.
    pub operation: &'static str,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}

fn failed<'a>(path: &'a Path, operation: &'static str) -> impl FnOnce(io::Error) -> DiskError + 'a {
    move |source| DiskError { path: path.to_owned(), operation, source }
}

/// Makes a folder that only its owner may enter, and its parents.
pub fn ensure_folder(path: &Path) -> Result<(), DiskError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path, "making the folder"))
}

/// Replaces a file, readable by its owner only. After a crash at any instant the old or the new content is there.
pub fn replace_file(path: &Path, content: &[u8]) -> Result<(), DiskError> {
    let folder = path.parent().expect("a file lives in a folder");
    ensure_folder(folder)?;
    let mut name = path.file_name().expect("a file has a name").to_owned();
    name.push(".new");
    let beside = folder.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed(&beside, "creation"))?;
    file.write_all(content).map_err(failed(&beside, "write"))?;
    file.sync_all().map_err(failed(&beside, "sync"))?;
    fs::rename(&beside, path).map_err(failed(path, "replacement"))?;
    sync_folder(folder)
}

/// Makes what was created, renamed or removed in a folder durable.
pub fn sync_folder(folder: &Path) -> Result<(), DiskError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder, "sync"))
}

/// Reads a file; none where there is none.
pub fn read_file(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, "read")(error)),
    }
}

/// Points the symbolic link `link` at `destination` in one step.
pub fn replace_link(link: &Path, destination: &Path) -> Result<(), DiskError> {
    let beside = link.with_extension("new");
    match fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&beside, "removal")(error)),
    }
    std::os::unix::fs::symlink(destination, &beside).map_err(failed(&beside, "creation"))?;
    fs::rename(&beside, link).map_err(failed(link, "replacement"))?;
    sync_folder(link.parent().expect("a link lives in a folder"))
}

/// Deletes a folder and all in it; one that is not there is deleted already.
pub fn delete_folder(path: &Path) -> Result<(), DiskError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(path, "deletion")(error)),
    }
}

/// The names in a folder, sorted; none where there is no folder.
pub fn list_folder(path: &Path) -> Result<Option<Vec<String>>, DiskError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "listing")(error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<Result<_, _>>().map_err(failed(path, "listing"))?;
    names.sort();
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_replaced_file_is_private_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/key.pem");
        replace_file(&path, b"one").unwrap();
        replace_file(&path, b"two").unwrap();
        assert_eq!(read_file(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(list_folder(path.parent().unwrap()).unwrap().unwrap(), ["key.pem"]);
    }

    #[test]
    fn a_link_is_swapped_in_one_step_also_after_a_swap_was_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("current");
        replace_link(&link, Path::new("gen-1")).unwrap();
        std::os::unix::fs::symlink("gen-7", link.with_extension("new")).unwrap();
        replace_link(&link, Path::new("gen-2")).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("gen-2"));
    }
}
