//! The inventory: what was observed, each item with the moment it was seen. What could not be observed is
//! unknown, never absent.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::cluster::{AclOperation, ResourcePattern};
use super::{
    ByteCount, ClusterId, DirectoryId, Epoch, HostId, NodeId, Sha256, SlotName, TargetNumber, UserName,
};

/// A value and the moment it was seen, by the clock of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed<T> {
    /// When.
    pub at: Timestamp,
    /// What.
    pub value: T,
}

/// An older report proves nothing: agents report every two seconds.
pub const REPORT_MAY_BE_OLD: SignedDuration = SignedDuration::from_secs(10);

/// Everything the planner knows of the world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The last report of each enrolled host.
    pub hosts: BTreeMap<HostId, Observed<HostReport>>,
    /// The last look at Kafka itself; none while it could not be asked.
    pub kafka: Option<Observed<KafkaView>>,
}

impl Inventory {
    /// The report of a host that was heard lately. A report of the future is as good as none: the clock was set.
    pub fn heard(&self, host: &HostId, now: Timestamp) -> Option<&HostReport> {
        let report = self.hosts.get(host)?;
        let age = now.duration_since(report.at);
        (!age.is_negative() && age <= REPORT_MAY_BE_OLD).then_some(&report.value)
    }

    /// The last report about one slot, from whichever host told it.
    pub fn slot(&self, cluster: ClusterId, slot: &SlotName) -> Option<Observed<&SlotReport>> {
        self.hosts.values().find_map(|report| {
            let value = report.value.clusters.get(&cluster)?.slots.get(slot)?;
            Some(Observed { at: report.at, value })
        })
    }
}

/// What an agent says of its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Format version, 1.
    pub version: u32,
    /// The host's own name.
    pub name: String,
    /// The Klamm version of the agent.
    pub klamm: String,
    /// Where the agent keeps things.
    pub folders: HostFolders,
    /// Memory that processes may use, the control group's limit included.
    pub memory: ByteCount,
    /// Processors that processes may use.
    pub processors: u32,
    /// The loopback or network address that this host's listeners bind.
    pub address: std::net::IpAddr,
    /// The host name under which others reach it.
    pub advertised: String,
    /// TCP ports that something on the host listens on.
    pub ports_taken: BTreeSet<u16>,
    /// What it keeps of each cluster.
    pub clusters: BTreeMap<ClusterId, ClusterReport>,
    /// The last target of each cluster that it does not obey, until it obeys one again.
    #[serde(default)]
    pub refused: BTreeMap<ClusterId, RefusedTarget>,
}

/// A genuine target that an agent does not obey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedTarget {
    /// The epoch it came with.
    pub epoch: Epoch,
    /// Its number.
    pub number: TargetNumber,
    /// Why, on which object, and what to do.
    pub reason: String,
}

/// The folders under which an agent keeps a cluster's slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFolders {
    /// Slots' folders: `STATE/clusters/CLUSTER-ID/SLOT`.
    pub state: String,
    /// Logs: `LOGS/clusters/CLUSTER-ID/SLOT`.
    pub logs: String,
}

impl HostFolders {
    /// The folder of one slot.
    pub fn slot(&self, cluster: ClusterId, slot: &SlotName) -> String {
        format!("{}/clusters/{cluster}/{slot}", self.state)
    }

    /// The log folder of one slot.
    pub fn slot_logs(&self, cluster: ClusterId, slot: &SlotName) -> String {
        format!("{}/clusters/{cluster}/{slot}", self.logs)
    }
}

/// What an agent says of one cluster on its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterReport {
    /// The epoch of the target it obeys.
    pub epoch: Epoch,
    /// The number of the target it obeys.
    pub number: TargetNumber,
    /// Digest of that target's root.
    pub root: Sha256,
    /// Its slots, also those that the target no longer names but whose folder is still there.
    pub slots: BTreeMap<SlotName, SlotReport>,
}

/// What an agent says of one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotReport {
    /// Where it is on the way to its target.
    pub stage: Stage,
    /// What is amiss although the process does its work: its certificate cannot be renewed, its disk not be read.
    #[serde(default)]
    pub remark: Option<String>,
    /// The process, while there is one.
    pub process: Option<ProcessReport>,
    /// How often the process came back by itself since the agent started.
    pub restarts: u32,
    /// How often in a row it ended by itself without a long healthy run in between.
    pub failures: u32,
    /// The certificate on disk.
    pub certificate: Option<CertificateReport>,
}

impl SlotReport {
    /// A slot of which nothing is known yet.
    pub fn waiting() -> Self {
        let stage = Stage::Waiting;
        Self { stage, remark: None, process: None, restarts: 0, failures: 0, certificate: None }
    }
}

/// A live process of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessReport {
    /// Its process id.
    pub pid: u32,
    /// When it was started.
    pub since: Timestamp,
    /// What it was started with, [`super::target::SlotTarget::launch`].
    pub launch: Sha256,
    /// Kafka's `BrokerState` as the observer tells it; none while unknown.
    pub broker_state: Option<u8>,
    /// Resident memory; none while unknown.
    pub resident: Option<ByteCount>,
}

/// The certificate that a slot has on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
    /// Subject alternative names, sorted.
    pub names: Vec<String>,
    /// The generation folder it is in.
    pub generation: String,
    /// Serial numbers that the running process says it serves; empty while unknown.
    pub served: BTreeSet<String>,
}

/// Where a slot is on the way to its target, with what it is waiting for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub enum Stage {
    /// Nothing was done yet.
    Waiting,
    /// Kafka or Java is being downloaded, or checked in the cache.
    Fetching {
        /// What, for people.
        item: String,
        /// Bytes that are there.
        done: ByteCount,
        /// Bytes in all.
        total: ByteCount,
    },
    /// Folders, files, keys and certificates are being made.
    Preparing {
        /// Which of them.
        step: String,
    },
    /// The process was started and does not answer its observer yet.
    Launching,
    /// Kafka loads its logs.
    Recovering {
        /// Logs that are still to load; none while unknown.
        logs: Option<u64>,
        /// Segments that are still to load; none while unknown.
        segments: Option<u64>,
    },
    /// The broker catches up with the metadata log and registers.
    Joining,
    /// Running, unfenced, every listener open.
    Ready,
    /// Asked to stop, and stopping.
    Stopping,
    /// Stopped as asked.
    Stopped,
    /// The process ended by itself and is started again after a while.
    Crashed {
        /// How it ended and, where the log tells, why.
        cause: String,
        /// When it is started again.
        retry_at: Timestamp,
    },
    /// It cannot go on without a person or a changed spec.
    Blocked {
        /// What is wrong, on which object, and what to do.
        reason: String,
    },
    /// Deleted as asked.
    Removed,
}

impl Stage {
    /// A few words for people: what is going on, without the slot's name.
    pub fn describe(&self) -> String {
        match self {
            Self::Waiting => "waiting".to_owned(),
            Self::Fetching { item, done, total } => format!("fetching {item}: {done} of {total}"),
            Self::Preparing { step } => step.clone(),
            Self::Launching => "starting".to_owned(),
            Self::Recovering { logs, segments } => match (logs, segments) {
                (Some(logs), Some(segments)) => format!("recovering: {logs} logs, {segments} segments left"),
                (Some(logs), None) => format!("recovering: {logs} logs left"),
                (None, _) => "recovering its logs".to_owned(),
            },
            Self::Joining => "joining".to_owned(),
            Self::Ready => "ready".to_owned(),
            Self::Stopping => "stopping".to_owned(),
            Self::Stopped => "stopped".to_owned(),
            Self::Crashed { cause, .. } => format!("ended by itself: {cause}; starts again"),
            Self::Blocked { reason } => format!("blocked: {reason}"),
            Self::Removed => "removed".to_owned(),
        }
    }
}

/// Kafka as its own protocol shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KafkaView {
    /// The quorum; none while it could not be asked.
    pub quorum: Option<QuorumView>,
    /// Registered brokers that are not fenced.
    pub brokers: BTreeSet<NodeId>,
    /// Every partition.
    pub partitions: Vec<PartitionView>,
    /// Topics' `min.insync.replicas`.
    pub min_isr: BTreeMap<String, u32>,
    /// Cluster-wide dynamic settings (the broker resource with the empty name).
    pub cluster_config: BTreeMap<String, String>,
    /// Access rules.
    pub access: BTreeSet<AccessEntry>,
    /// Topics' own settings, for those that have any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topic_config: BTreeMap<String, BTreeMap<String, String>>,
    /// The settings that each broker can alter live, as it tells them itself; only in a look that asked for them,
    /// and only of brokers that answered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub broker_config: BTreeMap<NodeId, BTreeMap<String, BrokerSetting>>,
}

/// One setting of a running broker: what is in force, and from where it may come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerSetting {
    /// What is in force.
    pub in_force: Option<String>,
    /// What it would be without anything altered live: the file's at the start of the process, or Kafka's default.
    pub started_with: Option<String>,
    /// What was altered for all brokers.
    pub of_cluster: Option<String>,
    /// What was altered for this broker; it wins.
    pub of_broker: Option<String>,
}

/// The quorum as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumView {
    /// The active controller; none while there is none.
    pub leader: Option<NodeId>,
    /// Its epoch.
    pub epoch: i32,
    /// The voters.
    pub voters: BTreeMap<NodeId, VoterView>,
}

/// One voter as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoterView {
    /// Its directory id; none in a static quorum.
    pub directory: Option<DirectoryId>,
    /// Where its log ends.
    pub log_end: i64,
    /// When it last was caught up with the leader, in milliseconds of the leader's clock; none if never.
    pub caught_up_ms: Option<i64>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionView {
    /// Its topic.
    pub topic: String,
    /// Its index.
    pub index: i32,
    /// Its leader; none while it has none.
    pub leader: Option<NodeId>,
    /// Where its replicas belong, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// The replicas that are in sync.
    pub in_sync: BTreeSet<NodeId>,
    /// The replicas whose directory failed or whose broker is down.
    pub offline: BTreeSet<NodeId>,
    /// Whether replicas are being added or removed.
    pub moving: bool,
}

/// One access rule of Kafka's authorizer: allowed, from any host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccessEntry {
    /// Who.
    pub user: UserName,
    /// On what.
    pub resource: ResourcePattern,
    /// What.
    pub operation: AclOperation,
}
