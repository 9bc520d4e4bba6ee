//! Targets: immutable, numbered, complete descriptions of what every host must run.
//!
//! A target travels as a signed root over per-host slices: an agent verifies and stores its own slice, and a
//! change costs what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    ClusterId, ClusterName, DirectoryId, Epoch, HostId, ListenerName, NodeId, Sha256, SlotName, TargetNumber,
    UserName,
};

/// The format version of everything in this file, written into each document.
pub const TARGET_VERSION: u32 = 1;

/// A whole target, as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Format version, [`TARGET_VERSION`].
    pub version: u32,
    /// Whose target.
    pub cluster: ClusterId,
    /// The cluster's name, for people.
    pub name: ClusterName,
    /// Its place in the cluster's history.
    pub number: TargetNumber,
    /// [`Target::digest`] of the one it was derived from; none for the first.
    pub parent: Option<Sha256>,
    /// The spec it was planned from, a blob.
    pub spec: Sha256,
    /// The next node id to allocate: ids are never reused, so it only rises.
    pub next_node_id: NodeId,
    /// What Klamm keeps inside Kafka.
    #[serde(default, skip_serializing_if = "KafkaHoldings::is_empty")]
    pub holdings: KafkaHoldings,
    /// What each host must run.
    pub slices: BTreeMap<HostId, HostSlice>,
}

impl Target {
    /// Every slot with the host that holds its claim, in the order of names.
    pub fn slots(&self) -> BTreeMap<&SlotName, (&HostId, &SlotTarget)> {
        let mut slots = BTreeMap::new();
        for (host, slice) in &self.slices {
            slots.extend(slice.slots.iter().map(|(name, slot)| (name, (host, slot))));
        }
        slots
    }

    /// One slot, wherever it lives.
    pub fn slot(&self, name: &SlotName) -> Option<&SlotTarget> {
        self.find(name).map(|(_, slot)| slot)
    }

    /// One slot with the host that holds its claim.
    pub fn find(&self, name: &SlotName) -> Option<(&HostId, &SlotTarget)> {
        self.slices.iter().find_map(|(host, slice)| Some((host, slice.slots.get(name)?)))
    }

    /// The root that stands for this target under `epoch`.
    pub fn root(&self, epoch: Epoch) -> TargetRoot {
        let Self { version, cluster, name, number, parent, spec, next_node_id, holdings, slices } = self;
        TargetRoot {
            version: *version,
            cluster: *cluster,
            name: name.clone(),
            number: *number,
            parent: *parent,
            epoch,
            spec: *spec,
            next_node_id: *next_node_id,
            holdings: holdings.clone(),
            slices: slices
                .iter()
                .map(|(host, slice)| (host.clone(), Sha256::of(&slice.to_bytes())))
                .collect(),
        }
    }

    /// What a child names as its parent: the digest of the root, whatever the epoch it was published under.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.root(Epoch(0)).to_bytes())
    }

    /// All blobs that the target names.
    pub fn blobs(&self) -> BTreeSet<Sha256> {
        let slots = || self.slices.values().flat_map(|slice| slice.slots.values());
        let specs = slots().filter_map(|slot| slot.made_from);
        slots().flat_map(SlotTarget::blobs).chain(specs).chain([self.spec]).collect()
    }
}

/// What Klamm put into Kafka's own metadata. It is written down before it is put there, so that it is taken back
/// when the spec does not say it any more, whatever happened in between; what is not in here is somebody else's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KafkaHoldings {
    /// Brokers' settings that were altered live.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub settings: BTreeSet<String>,
    /// Users whose access is as the spec says.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub users: BTreeSet<UserName>,
    /// Topics' own settings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<String, BTreeSet<String>>,
}

impl KafkaHoldings {
    /// Nothing.
    pub fn is_empty(&self) -> bool {
        let Self { settings, users, topics } = self;
        settings.is_empty() && users.is_empty() && topics.is_empty()
    }
}

/// What is signed: everything of a [`Target`] with each slice replaced by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRoot {
    /// Format version, [`TARGET_VERSION`].
    pub version: u32,
    /// Whose target.
    pub cluster: ClusterId,
    /// The cluster's name, for people.
    pub name: ClusterName,
    /// Its place in the cluster's history.
    pub number: TargetNumber,
    /// Digest of the parent's root.
    pub parent: Option<Sha256>,
    /// The server's epoch when it published this; agents refuse lower ones.
    pub epoch: Epoch,
    /// The spec, a blob.
    pub spec: Sha256,
    /// The next node id to allocate.
    pub next_node_id: NodeId,
    /// What Klamm keeps inside Kafka.
    #[serde(default, skip_serializing_if = "KafkaHoldings::is_empty")]
    pub holdings: KafkaHoldings,
    /// Digest of each host's slice.
    pub slices: BTreeMap<HostId, Sha256>,
}

impl TargetRoot {
    /// The bytes that are signed and digested.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a root has only string keys")
    }
}

/// What one host must run of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSlice {
    /// Format version, [`TARGET_VERSION`].
    pub version: u32,
    /// Whose slice.
    pub cluster: ClusterId,
    /// The cluster's name, for people.
    pub name: ClusterName,
    /// The slots that this host has the claim of.
    pub slots: BTreeMap<SlotName, SlotTarget>,
}

impl HostSlice {
    /// A slice without slots.
    pub fn empty(cluster: ClusterId, name: ClusterName) -> Self {
        Self { version: TARGET_VERSION, cluster, name, slots: BTreeMap::new() }
    }

    /// The bytes that are digested, stored and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a slice has only string keys")
    }
}

/// Whether a slot's process shall run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Kept running.
    Running,
    /// Kept stopped, with its data.
    Stopped,
    /// Stopped, and its data deleted: only ever by a destroy that a person confirmed.
    Removed,
}

/// One slot as its host must keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotTarget {
    /// What outlives hosts and specs.
    pub identity: SlotIdentity,
    /// Whether its process runs.
    pub run: RunState,
    /// What is executed.
    pub process: ProcessTarget,
    /// Files in the slot's folder by relative path.
    pub files: BTreeMap<String, Sha256>,
    /// Digests that count for the launch in place of the files' own, where a file has changed since only in settings
    /// that were altered live: the next start takes the file as it is, and none is needed for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub launched_with: BTreeMap<String, Sha256>,
    /// The spec that process and files were made from, a blob; none in a target of before this was kept, whose
    /// own spec it is then. An edit is what differs between this spec and the next: what this Klamm would
    /// make otherwise of the same spec is no edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_from: Option<Sha256>,
    /// The certificate it needs.
    pub credential: CredentialTarget,
}

impl SlotTarget {
    /// Every blob the slot names.
    pub fn blobs(&self) -> Vec<Sha256> {
        let Self { identity, run: _, process: _, files, launched_with: _, made_from: _, credential } = self;
        let seeds = identity.directories.iter().flat_map(|directory| directory.seeds.values());
        seeds
            .chain(files.values())
            .chain([&credential.trust_nodes, &credential.trust_users])
            .copied()
            .collect()
    }

    /// The digest of all that a running process was started with. A process whose launch differs from its
    /// target's must be restarted to obey it; certificates, trust and settings that were altered live are not
    /// in it.
    pub fn launch(&self) -> Sha256 {
        let Self { identity, run: _, process, files, launched_with, made_from: _, credential: _ } = self;
        let files: BTreeMap<&String, &Sha256> =
            files.iter().map(|(path, digest)| (path, launched_with.get(path).unwrap_or(digest))).collect();
        let bytes = serde_json::to_vec(&(&identity.node_id, process, files));
        Sha256::of(&bytes.expect("a launch has only string keys"))
    }
}

/// The durable identity of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotIdentity {
    /// Kafka's node id.
    pub node_id: NodeId,
    /// Rises each time the slot changes hands; the disk refuses lower ones.
    pub claim: Epoch,
    /// Where its data lives; the first directory holds the metadata log.
    pub directories: Vec<DataDirectory>,
    /// Its listeners' addresses by Kafka's upper-case listener name, kept for life.
    pub listeners: BTreeMap<String, ListenerAddress>,
}

/// One data directory of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataDirectory {
    /// Absolute path on the host.
    pub path: String,
    /// Kafka's `directory.id`.
    pub id: DirectoryId,
    /// The files of a freshly formatted directory by relative path. They are written once, into a directory
    /// that was never formatted, and never again.
    pub seeds: BTreeMap<String, Sha256>,
}

/// One listener of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerAddress {
    /// The address it binds.
    pub bind: IpAddr,
    /// The host name it advertises.
    pub host: String,
    /// The port, bound and advertised.
    pub port: u16,
    /// The spec's port, from which the free ones of a shared host are counted.
    pub base: u16,
    /// What it is for.
    pub purpose: ListenerPurpose,
}

/// What a listener is for, and so whom it trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerPurpose {
    /// The Raft quorum and forwarding: trusts nodes only.
    Controller,
    /// Replication between brokers: trusts nodes only.
    Internal,
    /// Programs: trusts users only. Carries the name in the spec.
    Clients(ListenerName),
}

/// What is executed for a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessTarget {
    /// The exact Kafka version, for people.
    pub kafka: String,
    /// Digest of the lock file that lists every jar; the agent executes only what its own lock files list.
    pub lock: Sha256,
    /// Digest of Klamm's own jar (engine factory and observer).
    pub jar: Sha256,
    /// Java major versions that will do, best first.
    pub java: Vec<u32>,
    /// JVM options, without class path and agent: those depend on where the host keeps its cache.
    pub jvm_options: Vec<String>,
    /// The class whose `main` runs.
    pub main_class: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Rises when the process is asked to start anew although nothing of it changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u64,
}

/// What was never asked for is not written, so that targets of before have the digest that they had.
fn is_zero(generation: &u64) -> bool {
    *generation == 0
}

/// The certificate that a slot needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialTarget {
    /// DNS names in the certificate, sorted.
    pub dns_names: BTreeSet<String>,
    /// Addresses in the certificate, sorted.
    pub addresses: BTreeSet<IpAddr>,
    /// How long a certificate lives, in seconds.
    pub lifetime_seconds: u64,
    /// The PEM bundle that node certificates are verified with, a blob.
    pub trust_nodes: Sha256,
    /// The PEM bundle that user certificates are verified with, a blob.
    pub trust_users: Sha256,
}
