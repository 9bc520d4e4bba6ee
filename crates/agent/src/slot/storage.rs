//! A slot's data directories: what is in them, and the writing of a fresh one's seeds.

use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use klamm_core::kafka::storage::MetaProperties;
use klamm_core::machines::reconcile::DirectoryFacts;
use klamm_core::model::target::DataDirectory;
use klamm_core::model::{ClusterId, Epoch, HostId, NodeId, SlotName};

use crate::link::{Link, LinkError};
use klamm_disk::{self as disk, DiskError};

/// Who a data directory belongs to, beside Kafka's own `meta.properties`.
const OWNER: &str = "klamm-slot.json";

/// Why a folder was not filled.
#[derive(Debug, Error)]
pub enum FillError {
    /// It could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A content could not be fetched.
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl FillError {
    /// Whether the server was the trouble.
    pub(crate) fn is_of_the_link(&self) -> bool {
        matches!(self, Self::Link(_))
    }
}

/// Looks into a directory.
pub(super) fn inspect(directory: &DataDirectory) -> Result<DirectoryFacts, DiskError> {
    let path = Path::new(&directory.path);
    let names = disk::list_folder(path)?.unwrap_or_default();
    if names.iter().all(|name| name == "lost+found") {
        return Ok(DirectoryFacts::Empty);
    }
    let Some(meta) = disk::read_file(&path.join(MetaProperties::FILE))? else {
        // A file that was being written when the agent was killed stands beside its final name.
        let begun = |name: &str| {
            let name = name.strip_suffix(".new").unwrap_or(name);
            let first = |seed: &String| seed.split('/').next() == Some(name);
            name == OWNER || directory.seeds.keys().any(first)
        };
        let foreign = names.iter().find(|name| !begun(name) && *name != "lost+found");
        return Ok(match foreign {
            Some(name) => DirectoryFacts::Foreign { found: format!("{name} and no meta.properties") },
            None => DirectoryFacts::HalfFormatted,
        });
    };
    Ok(match String::from_utf8_lossy(&meta).parse::<MetaProperties>() {
        Ok(meta) => match meta.directory_id {
            Some(id) => {
                DirectoryFacts::Formatted { cluster: meta.cluster_id, node: meta.node_id, directory: id }
            }
            None => DirectoryFacts::Foreign { found: "a meta.properties without directory.id".to_owned() },
        },
        Err(problem) => {
            DirectoryFacts::Foreign { found: format!("an unreadable meta.properties ({problem})") }
        }
    })
}

/// Whether what is in a directory is this slot's to delete: formatted for it, or begun to be.
pub(crate) fn is_own(directory: &DataDirectory, owner: Owner<'_>) -> Result<bool, DiskError> {
    let path = Path::new(&directory.path);
    Ok(match inspect(directory)? {
        DirectoryFacts::Empty => path.exists(),
        DirectoryFacts::Formatted { cluster, node, directory: id } => {
            cluster == owner.cluster && node == owner.node_id && id == directory.id
        }
        DirectoryFacts::HalfFormatted => {
            let note = disk::read_file(&path.join(OWNER))?.unwrap_or_default();
            serde_json::from_slice::<OwnerNote>(&note)
                .is_ok_and(|note| note.cluster == owner.cluster && note.slot == *owner.slot)
        }
        DirectoryFacts::Foreign { .. } => false,
    })
}

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
pub(super) struct Owner<'a> {
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

/// Writes the seeds, `meta.properties` last: a directory that has it is formatted.
pub(super) async fn format(
    directory: &DataDirectory,
    owner: Owner<'_>,
    link: &Link,
) -> Result<(), FillError> {
    let folder = Path::new(&directory.path);
    let Owner { cluster, slot, node_id, host, claim } = owner;
    let note =
        OwnerNote { version: 1, cluster, slot: slot.clone(), node_id, owner: host.clone(), epoch: claim };
    let note = serde_json::to_vec_pretty(&note).expect("a note has only string keys");
    disk::replace_file(&folder.join(OWNER), &note)?;
    let mut meta: Option<Bytes> = None;
    for (path, digest) in &directory.seeds {
        let content = link.blob(*digest).await?;
        if path == MetaProperties::FILE {
            meta = Some(content);
        } else {
            disk::replace_file(&folder.join(path), &content)?;
        }
    }
    if let Some(meta) = meta {
        disk::replace_file(&folder.join(MetaProperties::FILE), &meta)?;
    }
    Ok(())
}
