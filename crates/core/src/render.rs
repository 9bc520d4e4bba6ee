//! What is written for a node and for its clients: one place per file, the same bytes for the same input.

pub mod client;
pub mod logging;
pub mod properties;
pub mod server_properties;

use std::collections::BTreeMap;

use crate::kafka::defaults::Size;
use crate::kafka::{KafkaVersion, NodeRole, Profile};
use crate::model::target::SlotIdentity;
use crate::model::{ClusterName, SlotName};

/// All that the files of one node are made of.
#[derive(Debug, Clone)]
pub struct NodeContext<'a> {
    /// The cluster's name: the organisation in every certificate.
    pub cluster: &'a ClusterName,
    /// Which Kafka.
    pub version: KafkaVersion,
    /// What the cluster is for.
    pub profile: Profile,
    /// What the node does.
    pub role: NodeRole,
    /// Its slot.
    pub slot: &'a SlotName,
    /// Node id, directories, listeners.
    pub identity: &'a SlotIdentity,
    /// How large the cluster and its host are.
    pub size: Size,
    /// `HOST:PORT` of every controller.
    pub controllers: &'a [String],
    /// Failure domain of the host.
    pub zone: Option<&'a str>,
    /// The slot's folder on its host.
    pub folder: &'a str,
    /// The slot's log folder on its host.
    pub logs: &'a str,
    /// The spec's own settings for this slot, already layered.
    pub settings: &'a BTreeMap<String, String>,
}

#[cfg(test)]
mod tests;
