//! The cluster's metadata as of one entry of the metadata log. An entry of the model's log is the whole image after it,
//! parts of which it shares with its neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_core::model::NodeId;
use klamm_core::model::inventory::AccessEntry;

use super::{PartitionName, ProcessNumber, VoterKey};

/// A partition's place in every image of one model; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartitionNumber(pub(super) u32);

/// One entry of the metadata log.
#[derive(Debug, Clone)]
pub(super) struct MetadataEntry {
    /// Epoch of the leader that wrote it; 0 for the snapshot that a quorum begins with.
    pub(super) epoch: u32,
    /// The metadata after it.
    pub(super) image: Arc<Image>,
}

/// All metadata.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) voters: Arc<BTreeSet<VoterKey>>,
    pub(super) brokers: Arc<BTreeMap<NodeId, Registration>>,
    pub(super) topics: Arc<BTreeMap<String, Topic>>,
    /// By [`PartitionNumber`]; none for a partition of which this history of the log knows nothing.
    pub(super) partitions: Vec<Option<Arc<Partition>>>,
    pub(super) cluster_config: Arc<BTreeMap<String, String>>,
    pub(super) access: Arc<BTreeSet<AccessEntry>>,
}

/// A registered broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registration {
    /// The run that registered (`incarnationId`).
    pub(super) process: ProcessNumber,
    /// The offset of its registration, which is its broker epoch.
    pub(super) epoch: u64,
    pub(super) fenced: bool,
    /// `inControlledShutdown`.
    pub(super) stopping: bool,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) config: BTreeMap<String, String>,
    pub(super) partitions: Vec<PartitionNumber>,
}

/// A partition (`PartitionRegistration`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) name: PartitionName,
    /// The preferred leader first.
    pub(super) replicas: Vec<NodeId>,
    pub(super) in_sync: BTreeSet<NodeId>,
    /// Eligible leader replicas (KIP-966): were in sync when the partition fell below its minimum.
    pub(super) eligible: BTreeSet<NodeId>,
    /// Who led last, while nobody does.
    pub(super) last_leader: Option<NodeId>,
    pub(super) leader: Option<NodeId>,
    pub(super) leader_epoch: u32,
    pub(super) moving: bool,
}

/// `min.insync.replicas`.
pub(super) const MIN_IN_SYNC: &str = "min.insync.replicas";

impl Image {
    pub(super) fn partition(&self, number: PartitionNumber) -> Option<&Arc<Partition>> {
        self.partitions.get(number.0 as usize)?.as_ref()
    }

    /// All partitions that there are, by number.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (PartitionNumber, &Arc<Partition>)> {
        (0..)
            .map(PartitionNumber)
            .zip(&self.partitions)
            .filter_map(|(number, partition)| Some((number, partition.as_ref()?)))
    }

    pub(super) fn set_partition(&mut self, number: PartitionNumber, partition: Partition) {
        let index = number.0 as usize;
        if self.partitions.len() <= index {
            self.partitions.resize(index + 1, None);
        }
        self.partitions[index] = Some(Arc::new(partition));
    }

    pub(super) fn find(&self, name: &PartitionName) -> Option<PartitionNumber> {
        self.topics.get(&name.topic)?.partitions.get(name.index as usize).copied()
    }

    /// The minimum of in-sync replicas that counts for a topic: its own, else the cluster's, else Kafka's default.
    pub(super) fn min_in_sync(&self, topic: &str) -> u32 {
        let own = self.topics.get(topic).and_then(|topic| topic.config.get(MIN_IN_SYNC));
        let value = own.or_else(|| self.cluster_config.get(MIN_IN_SYNC));
        value.and_then(|value| value.parse().ok()).unwrap_or(1)
    }

    /// The minimum that counts for a partition: more replicas than there are cannot be in sync.
    pub(super) fn effective_min_in_sync(&self, partition: &Partition) -> u32 {
        let replicas = u32::try_from(partition.replicas.len()).unwrap_or(u32::MAX);
        self.min_in_sync(&partition.name.topic).min(replicas)
    }

    /// Registered, unfenced and not about to stop: may lead and may be in sync (`ClusterControlManager.isActive`).
    pub(super) fn is_active(&self, node: NodeId) -> bool {
        self.brokers.get(&node).is_some_and(|broker| !broker.fenced && !broker.stopping)
    }

    pub(super) fn is_unfenced(&self, node: NodeId) -> bool {
        self.brokers.get(&node).is_some_and(|broker| !broker.fenced)
    }

    /// Whether enough of the given voters are there.
    pub(super) fn is_majority(&self, count: usize) -> bool {
        count > self.voters.len() / 2
    }
}
