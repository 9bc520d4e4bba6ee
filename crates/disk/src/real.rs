//! The disk of the machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::{Disk, DiskError};

/// The disk of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn ensure_folder(&self, path: &Path) -> Result<(), DiskError> {
        ensure_folder(path)
    }

    fn replace_file(&self, path: &Path, content: &[u8]) -> Result<(), DiskError> {
        replace_file(path, content)
    }

    fn read_file(&self, path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
        read_file(path)
    }

    fn list_folder(&self, path: &Path) -> Result<Option<Vec<String>>, DiskError> {
        let Some(entries) = present(fs::read_dir(path)).map_err(failed(path, "listing"))? else {
            return Ok(None);
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let mut names: Vec<String> = names.collect::<Result<_, _>>().map_err(failed(path, "listing"))?;
        names.sort();
        Ok(Some(names))
    }

    fn delete(&self, path: &Path) -> Result<(), DiskError> {
        delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, DiskError> {
        let metadata = present(fs::symlink_metadata(path)).map_err(failed(path, "look"))?;
        Ok(metadata.is_some())
    }

    fn replace_link(&self, link: &Path, destination: &Path) -> Result<(), DiskError> {
        replace_link(link, destination)
    }

    fn read_link(&self, link: &Path) -> Result<Option<PathBuf>, DiskError> {
        match fs::read_link(link) {
            // Something else is there under the link's name.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            read => present(read).map_err(failed(link, "read")),
        }
    }
}

fn failed<'a>(path: &'a Path, operation: &'static str) -> impl FnOnce(io::Error) -> DiskError + 'a {
    move |source| DiskError { path: path.to_owned(), operation, source }
}

/// None where there is nothing of that name.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name beside which something is made before it takes its place.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().expect("what is replaced has a name").to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// [`Disk::ensure_folder`].
pub fn ensure_folder(path: &Path) -> Result<(), DiskError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        ensure_folder(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Somebody else made it at the same moment, and may not have synced it yet.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made.map_err(failed(path, "making the folder"))?,
    }
    parent.map_or(Ok(()), sync_folder)
}

/// [`Disk::replace_file`].
pub fn replace_file(path: &Path, content: &[u8]) -> Result<(), DiskError> {
    let folder = path.parent().expect("a file lives in a folder");
    ensure_folder(folder)?;
    let beside = beside(path);
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

/// [`Disk::read_file`].
pub fn read_file(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    present(fs::read(path)).map_err(failed(path, "read"))
}

/// [`Disk::replace_link`].
pub fn replace_link(link: &Path, destination: &Path) -> Result<(), DiskError> {
    let beside = beside(link);
    present(fs::remove_file(&beside)).map_err(failed(&beside, "removal"))?;
    std::os::unix::fs::symlink(destination, &beside).map_err(failed(&beside, "creation"))?;
    fs::rename(&beside, link).map_err(failed(link, "replacement"))?;
    sync_folder(link.parent().expect("a link lives in a folder"))
}

/// [`Disk::delete`].
pub fn delete(path: &Path) -> Result<(), DiskError> {
    let found = present(fs::symlink_metadata(path)).map_err(failed(path, "look"))?;
    let Some(metadata) = found else { return Ok(()) };
    let deleted = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    present(deleted).map_err(failed(path, "deletion"))?;
    match path.parent() {
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_disk_of_the_machine_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        crate::contract::check(&RealDisk, folder.path());
    }

    #[test]
    fn a_replaced_file_is_private_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/key.pem");
        replace_file(&path, b"one").unwrap();
        replace_file(&path, b"two").unwrap();
        assert_eq!(read_file(&path).unwrap().unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("deep")).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(RealDisk.list_folder(path.parent().unwrap()).unwrap().unwrap(), ["key.pem"]);
    }

    #[test]
    fn a_folder_is_made_also_where_a_relative_path_begins() {
        // The parent of a single word is the empty path, which is no folder that could be made or synced.
        ensure_folder(Path::new(".")).unwrap();
        assert!(ensure_folder(Path::new("Cargo.toml/below-a-file")).is_err());
    }
}
