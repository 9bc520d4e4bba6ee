//! A slot's data directories: what is in them, and the writing of a fresh one's seeds.

use std::path::Path;

use bytes::Bytes;
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
        let own = |name: &String| {
            name == OWNER || directory.seeds.keys().any(|seed| seed.starts_with(name.as_str()))
        };
        let foreign = names.iter().find(|name| !own(name) && *name != "lost+found");
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
    let note = serde_json::json!({
        "version": 1, "cluster": cluster, "slot": slot, "node_id": node_id, "owner": host, "epoch": claim,
    });
    disk::replace_file(&folder.join(OWNER), note.to_string().as_bytes())?;
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
