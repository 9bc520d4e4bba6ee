//! The rendered files of a slot.

use std::collections::BTreeMap;
use std::path::Path;

use klamm_core::model::Sha256;

use super::storage::FillError;
use crate::link::Link;
use klamm_disk::{self as disk, DiskError};

/// The files that are missing or have another content.
pub(super) fn outdated<'a>(
    folder: &Path,
    files: &'a BTreeMap<String, Sha256>,
) -> Result<Vec<(&'a str, Sha256)>, DiskError> {
    let mut outdated = Vec::new();
    for (path, digest) in files {
        let content = disk::read_file(&folder.join(path))?;
        if content.map(|content| Sha256::of(&content)) != Some(*digest) {
            outdated.push((path.as_str(), *digest));
        }
    }
    Ok(outdated)
}

/// Fetches and replaces what is outdated.
pub(super) async fn write(
    folder: &Path,
    files: &BTreeMap<String, Sha256>,
    link: &Link,
) -> Result<(), FillError> {
    for (path, digest) in outdated(folder, files)? {
        let content = link.blob(digest).await?;
        disk::replace_file(&folder.join(path), &content)?;
    }
    Ok(())
}
