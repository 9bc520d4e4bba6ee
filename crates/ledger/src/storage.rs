//! A slot's data directories: what is in them, the writing of a fresh one's seeds, and their end.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use klamm_core::kafka::storage::MetaProperties;
use klamm_core::machines::reconcile::{Claim, DirectoryFacts};
use klamm_core::model::target::DataDirectory;
use klamm_core::model::{ClusterId, Epoch, HostId, NodeId, Sha256, SlotName};
use klamm_disk::{Disk, DiskError};

use crate::{Contents, FillError, content_of};

/// Who a data directory belongs to, beside Kafka's own `meta.properties`. The first file that is written into it, and
/// the last that is deleted.
const OWNER: &str = "klamm-slot.json";

/// What a file system makes by itself.
const LOST_AND_FOUND: &str = "lost+found";

#[derive(Debug, Serialize, Deserialize)]
struct OwnerNote {
    version: u32,
    cluster: ClusterId,
    slot: SlotName,
    node_id: NodeId,
    owner: HostId,
    epoch: Epoch,
}

/// Who writes into a directory.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The cluster.
    pub cluster: ClusterId,
    /// The slot.
    pub slot: &'a SlotName,
    /// Its node id.
    pub node_id: NodeId,
    /// This host.
    pub host: &'a HostId,
    /// The claim under which it writes.
    pub claim: Epoch,
}

/// Looks into a directory.
pub fn inspect(disk: &dyn Disk, directory: &DataDirectory) -> Result<DirectoryFacts, DiskError> {
    let path = Path::new(&directory.path);
    let names = disk.list_folder(path)?.unwrap_or_default();
    if names.iter().all(|name| name == LOST_AND_FOUND) {
        return Ok(DirectoryFacts::Empty);
    }
    let Some(meta) = disk.read_file(&path.join(MetaProperties::FILE))? else {
        // A file that was being written when the agent was killed stands beside its final name.
        let begun = |name: &str| {
            let name = name.strip_suffix(".new").unwrap_or(name);
            let first = |seed: &String| seed.split('/').next() == Some(name);
            name == OWNER || directory.seeds.keys().any(first)
        };
        let foreign = names.iter().find(|name| !begun(name) && *name != LOST_AND_FOUND);
        return Ok(match foreign {
            Some(name) => DirectoryFacts::Foreign { found: format!("{name} and no meta.properties") },
            None => DirectoryFacts::HalfFormatted,
        });
    };
    let foreign = |found: String| DirectoryFacts::Foreign { found };
    Ok(match String::from_utf8_lossy(&meta).parse::<MetaProperties>() {
        Ok(MetaProperties { cluster_id, node_id, directory_id: Some(directory) }) => {
            let claim = read_note(disk, path)?.map(|note| Claim { owner: note.owner, epoch: note.epoch });
            DirectoryFacts::Formatted { cluster: cluster_id, node: node_id, directory, claim }
        }
        Ok(MetaProperties { directory_id: None, .. }) => {
            foreign("a meta.properties without directory.id".to_owned())
        }
        Err(problem) => foreign(format!("an unreadable meta.properties ({problem})")),
    })
}

/// Whether what is in a directory is this slot's to delete: formatted for it, or begun to be.
pub fn is_own(disk: &dyn Disk, directory: &DataDirectory, owner: Owner<'_>) -> Result<bool, DiskError> {
    let path = Path::new(&directory.path);
    Ok(match inspect(disk, directory)? {
        DirectoryFacts::Empty => disk.exists(path)?,
        DirectoryFacts::Formatted { cluster, node, directory: id, claim: _ } => {
            cluster == owner.cluster && node == owner.node_id && id == directory.id
        }
        DirectoryFacts::HalfFormatted => match read_note(disk, path)? {
            Some(note) => note.cluster == owner.cluster && note.slot == *owner.slot,
            // Nothing was written yet but the beginning of the note itself.
            None => disk.list_folder(path)?.is_some_and(|names| names == [format!("{OWNER}.new")]),
        },
        DirectoryFacts::Foreign { .. } => false,
    })
}

fn read_note(disk: &dyn Disk, folder: &Path) -> Result<Option<OwnerNote>, DiskError> {
    let note = disk.read_file(&folder.join(OWNER))?;
    Ok(note.and_then(|note| serde_json::from_slice(&note).ok()))
}

/// The contents that [`format()`] will ask for.
pub fn contents_wanted(
    disk: &dyn Disk,
    directories: &[DataDirectory],
) -> Result<BTreeSet<Sha256>, DiskError> {
    let mut wanted = BTreeSet::new();
    for directory in directories {
        if !is_formatted(disk, directory)? {
            wanted.extend(directory.seeds.values().copied());
        }
    }
    Ok(wanted)
}

fn is_formatted(disk: &dyn Disk, directory: &DataDirectory) -> Result<bool, DiskError> {
    Ok(matches!(inspect(disk, directory)?, DirectoryFacts::Formatted { .. }))
}

/// Claims the directories for `owner` and writes the seeds of those that have none, `meta.properties` last: a directory
/// that has it is formatted, and its seeds are never written again.
pub fn format(
    disk: &dyn Disk,
    directories: &[DataDirectory],
    owner: Owner<'_>,
    contents: Contents<'_>,
) -> Result<(), FillError> {
    let Owner { cluster, slot, node_id, host, claim } = owner;
    let note =
        OwnerNote { version: 1, cluster, slot: slot.clone(), node_id, owner: host.clone(), epoch: claim };
    let note = serde_json::to_vec_pretty(&note).expect("a note has only string keys");
    for directory in directories {
        let formatted = is_formatted(disk, directory)?;
        let folder = Path::new(&directory.path);
        disk.replace_file(&folder.join(OWNER), &note)?;
        if formatted {
            continue;
        }
        let (meta, others): (Vec<_>, Vec<_>) =
            directory.seeds.iter().partition(|(path, _)| *path == MetaProperties::FILE);
        for (path, digest) in others.into_iter().chain(meta) {
            disk.replace_file(&folder.join(path), &content_of(contents, *digest, path)?)?;
        }
    }
    Ok(())
}

/// Deletes a directory of the slot's own, so that what a crash leaves of it is still known as the slot's: who it belongs
/// to goes last.
pub(crate) fn delete(disk: &dyn Disk, directory: &DataDirectory) -> Result<(), DiskError> {
    let folder = Path::new(&directory.path);
    let names = disk.list_folder(folder)?.unwrap_or_default();
    for name in names.iter().filter(|name| ![OWNER, MetaProperties::FILE].contains(&name.as_str())) {
        disk.delete(&folder.join(name))?;
    }
    disk.delete(&folder.join(MetaProperties::FILE))?;
    disk.delete(folder)
}

#[cfg(test)]
mod tests;
