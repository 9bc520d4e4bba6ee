//! The files of a freshly formatted data directory, byte for byte as `kafka-storage format` makes them, without a
//! Java process. `tests/storage_tool.rs` holds them against Kafka's own tool.

mod batch;
mod features;
mod meta_properties;
mod snapshot;

pub use features::{FeatureLevel, feature_levels};
pub use meta_properties::{MetaProperties, MetaPropertiesProblem};
pub use snapshot::{Voter, VoterEndpoint, bootstrap_checkpoint, initial_quorum_checkpoint};

use thiserror::Error;

use super::{KafkaLine, KafkaVersion, NodeRole};
use crate::model::{ClusterId, DirectoryId, NodeId};

/// Where Kafka keeps the snapshot that a new quorum begins with, relative to the metadata directory: offset 0 of
/// epoch 0 of the metadata partition (`Snapshots.snapshotPath`).
pub const INITIAL_QUORUM_CHECKPOINT: &str = "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";

/// One data directory that is to be formatted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageFormat<'a> {
    /// The Kafka that will start on it; it decides the finalised features of a new cluster.
    pub version: KafkaVersion,
    /// The cluster it will belong to.
    pub cluster_id: ClusterId,
    /// The node it will belong to.
    pub node_id: NodeId,
    /// Its own id; a voter's metadata directory must have the one the voter set names.
    pub directory_id: DirectoryId,
    /// What the node keeps in it.
    pub holds: DirectoryUse,
    /// What the node does.
    pub role: NodeRole,
    /// The voters a new quorum begins with, the same list in the same order on every controller. Empty for a
    /// controller that joins an existing quorum later (`--no-initial-controllers`). Brokers ignore it.
    pub voters: &'a [Voter],
    /// Milliseconds since 1970, for the record batches; Kafka does not act on it.
    pub timestamp_ms: i64,
}

/// What a node keeps in one of its data directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryUse {
    /// The metadata log (`metadata.log.dir`, or else the first of `log.dirs`), and perhaps partitions too.
    Metadata,
    /// Partitions only.
    Partitions,
}

/// One file to write into the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageFile {
    /// Path relative to the data directory, with `/` between folders.
    pub path: &'static str,
    /// Its whole content.
    pub content: Vec<u8>,
}

/// Why a data directory is not formatted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatRefused {
    /// The data tables do not know this line.
    #[error("the storage format of Kafka {line} is not known")]
    UnknownLine {
        /// The line that was asked for.
        line: KafkaLine,
    },
    /// A controller that is not one of the voters would wait for ever: it must be formatted without voters.
    #[error("controller {node_id} is not among the initial voters")]
    NotAVoter {
        /// The controller that was to be formatted.
        node_id: NodeId,
    },
    /// The voter set names another directory than the one that is to be formatted: the node could never vote.
    #[error("controller {node_id} is a voter with directory {expected}, not {found}")]
    DirectoryDiffers {
        /// The controller that was to be formatted.
        node_id: NodeId,
        /// The directory id in the voter set.
        expected: DirectoryId,
        /// The directory id that was given.
        found: DirectoryId,
    },
}

/// Makes the files of one data directory. Write `meta.properties` last: Kafka, and Klamm, take a directory that
/// has it as formatted.
pub fn format_storage(format: &StorageFormat<'_>) -> Result<Vec<StorageFile>, FormatRefused> {
    let line = format.version.line();
    let features = feature_levels(line).ok_or(FormatRefused::UnknownLine { line })?;
    let mut files = vec![StorageFile {
        path: "bootstrap.checkpoint",
        content: bootstrap_checkpoint(features, format.timestamp_ms),
    }];
    let begins_quorum =
        format.role.is_controller() && format.holds == DirectoryUse::Metadata && !format.voters.is_empty();
    if begins_quorum {
        let voter = format
            .voters
            .iter()
            .find(|voter| voter.id == format.node_id)
            .ok_or(FormatRefused::NotAVoter { node_id: format.node_id })?;
        if voter.directory_id != format.directory_id {
            return Err(FormatRefused::DirectoryDiffers {
                node_id: format.node_id,
                expected: voter.directory_id,
                found: format.directory_id,
            });
        }
        files.push(StorageFile {
            path: INITIAL_QUORUM_CHECKPOINT,
            content: initial_quorum_checkpoint(format.voters, format.timestamp_ms),
        });
    }
    let meta = MetaProperties {
        cluster_id: format.cluster_id,
        node_id: format.node_id,
        directory_id: Some(format.directory_id),
    };
    files.push(StorageFile { path: MetaProperties::FILE, content: meta.to_string().into_bytes() });
    Ok(files)
}

#[cfg(test)]
mod tests;
