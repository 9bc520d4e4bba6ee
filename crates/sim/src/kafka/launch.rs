//! What a process is started with.

use klamm_core::kafka::NodeRole;
use klamm_core::kafka::storage::MetaProperties;
use klamm_core::model::{DirectoryId, NodeId};

use super::{DiskNumber, HostNumber};

/// A voter of the quorum: an id and the directory that it votes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VoterKey {
    /// The node.
    pub node: NodeId,
    /// The directory with its metadata log.
    pub directory: DirectoryId,
}

/// What the files of a data directory say at the moment of a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// There is no `meta.properties`.
    Unformatted,
    /// There is one.
    Formatted {
        /// What it says.
        meta: MetaProperties,
        /// The voters in the snapshot that a new quorum begins with; empty where that file is not.
        voters: Vec<VoterKey>,
    },
}

/// The start of one Kafka process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Where.
    pub host: HostNumber,
    /// On which data. What Kafka wrote there before is known to the model by this number.
    pub disk: DiskNumber,
    /// `node.id` of its `server.properties`.
    pub node: NodeId,
    /// `process.roles`.
    pub role: NodeRole,
    /// What the files say that Kafka does not write itself.
    pub storage: Storage,
    /// Why Kafka refuses the settings, in its own words; none where they are fine.
    pub refused: Option<String>,
    /// `min.insync.replicas` of its `server.properties`: the first active controller of a new cluster makes its own the
    /// cluster's (measured on 4.3.1).
    pub min_in_sync: u32,
}
