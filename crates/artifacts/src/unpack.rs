//! Unpacks one folder of a zip file (a Python wheel is one) and refuses everything that would land outside.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::cache::ensure_folder;

/// Why an archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The file is not a zip file, or is damaged.
    #[error("{archive:?} is not a readable zip file")]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        source: ZipError,
    },
    /// An entry has an absolute path, one with `..`, or is a link: it could write anywhere.
    #[error("{archive:?} holds {entry:?}, which would be unpacked outside of its folder")]
    Outside {
        /// The archive.
        archive: PathBuf,
        /// The entry's name.
        entry: String,
    },
    /// There is nothing below the folder that is wanted.
    #[error("{archive:?} holds no folder {folder:?}")]
    Empty {
        /// The archive.
        archive: PathBuf,
        /// The folder that was asked for.
        folder: String,
    },
    /// An unpacked file could not be written.
    #[error("{path:?} could not be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes what lies below `folder` in `archive` to `into`, an empty folder. Entries that `is_executable` (asked with
/// the path below `folder`) get mode 0755, others 0644. All names are checked before the first byte is written.
pub(crate) fn unpack_folder(
    archive: &Path,
    folder: &str,
    into: &Path,
    is_executable: impl Fn(&Path) -> bool,
) -> Result<(), UnpackError> {
    let unreadable = |source: ZipError| UnpackError::Archive { archive: archive.to_owned(), source };
    let file = File::open(archive).map_err(|failed| unreadable(failed.into()))?;
    let mut zip = ZipArchive::new(io::BufReader::new(file)).map_err(unreadable)?;
    let mut files = Vec::new();
    for place in 0..zip.len() {
        let entry = zip.by_index(place).map_err(unreadable)?;
        let name = entry.name().map_err(unreadable)?;
        let outside = || UnpackError::Outside { archive: archive.to_owned(), entry: name.to_string() };
        if entry.is_symlink() || !stays_inside(&name) {
            return Err(outside());
        }
        if let Ok(below) = Path::new(&*name).strip_prefix(folder)
            && !entry.is_dir()
        {
            files.push((place, below.to_owned()));
        }
    }
    if files.is_empty() {
        return Err(UnpackError::Empty { archive: archive.to_owned(), folder: folder.to_owned() });
    }
    let mut folders = BTreeSet::from([into.to_owned()]);
    for (place, below) in files {
        let path = into.join(&below);
        let failed = |source| UnpackError::Write { path: path.clone(), source };
        let mut entry = zip.by_index(place).map_err(unreadable)?;
        let parent = path.parent().expect("a file below a folder has a parent").to_owned();
        ensure_folder(&parent).map_err(failed)?;
        folders.insert(parent);
        let mode = if is_executable(&below) { 0o755 } else { 0o644 };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(failed)?;
        // The mode at creation is cut by the umask, and another account may have to run this.
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
        io::copy(&mut entry, &mut file).map_err(failed)?;
        file.sync_all().map_err(failed)?;
    }
    for folder in folders {
        crate::cache::sync_folder(&folder).map_err(|source| UnpackError::Write { path: folder, source })?;
    }
    Ok(())
}

fn stays_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\\', '\0'])
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests;
