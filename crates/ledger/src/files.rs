//! The rendered files of a slot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use klamm_core::model::Sha256;
use klamm_disk::{Disk, DiskError};

use crate::{Contents, FillError, content_of};

/// The files that are missing or have another content.
pub fn outdated<'a>(
    disk: &dyn Disk,
    folder: &Path,
    files: &'a BTreeMap<String, Sha256>,
) -> Result<Vec<(&'a str, Sha256)>, DiskError> {
    let mut outdated = Vec::new();
    for (path, digest) in files {
        let content = disk.read_file(&folder.join(path))?;
        if content.map(|content| Sha256::of(&content)) != Some(*digest) {
            outdated.push((path.as_str(), *digest));
        }
    }
    Ok(outdated)
}

/// The contents that [`write()`] will ask for.
pub fn contents_wanted(
    disk: &dyn Disk,
    folder: &Path,
    files: &BTreeMap<String, Sha256>,
) -> Result<BTreeSet<Sha256>, DiskError> {
    Ok(outdated(disk, folder, files)?.into_iter().map(|(_, digest)| digest).collect())
}

/// Replaces what is outdated.
pub fn write(
    disk: &dyn Disk,
    folder: &Path,
    files: &BTreeMap<String, Sha256>,
    contents: Contents<'_>,
) -> Result<(), FillError> {
    for (path, digest) in outdated(disk, folder, files)? {
        disk.replace_file(&folder.join(path), &content_of(contents, digest, path)?)?;
    }
    Ok(())
}
