//! The validated model of a cluster: what a spec says once it is parsed, defaulted and checked. After it nobody
//! reads the raw spec.
//!
//! `klamm-spec` makes it; the planner and the renderer read it. Collections are ordered, so that the same spec
//! gives the same bytes.

mod access;
mod components;
mod listener;
mod policy;
mod pool;
mod security;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use access::{AccessRule, AclOperation, InvalidAccessRule, ResourceKind, ResourcePattern};
pub use components::{Components, Connect, Connector, Monitoring, Registry};
pub use listener::{
    Listener, ListenerAuth, NameTemplate, NodePorts, Placeholder, SaslMechanism, TemplateValues,
};
pub use policy::{ArtifactPolicy, HealPolicy, MaintenanceWindow, Policy, Weekday};
pub use pool::{Heap, HostSelector, Pool, SlotOverride, StoragePath, ZoneName};
pub use security::{Authority, CertificatePolicy, Fraction, User, UserAuth};

use super::{ClusterName, ListenerName, NodeId, PoolName, SlotName, UserName};
use crate::kafka::{KafkaVersion, NodeRole, Profile};

/// One cluster as its operator wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// What people call it; part of every host name and certificate subject.
    pub name: ClusterName,
    /// What it is for; decides heaps, and whether combined nodes are allowed.
    pub profile: Profile,
    /// The exact Kafka version.
    pub kafka: KafkaVersion,
    /// Groups of equal slots. At least one slot votes and at least one holds partitions.
    pub pools: BTreeMap<PoolName, Pool>,
    /// Listeners for programs; Klamm's own two are in `ports`.
    pub listeners: BTreeMap<ListenerName, Listener>,
    /// Base ports of the two listeners that only nodes use.
    pub ports: NodePorts,
    /// Who issues certificates, and for how long.
    pub certificates: CertificatePolicy,
    /// Topics that shall exist.
    pub topics: BTreeMap<String, Topic>,
    /// Users that shall exist, with what they may do.
    pub users: BTreeMap<UserName, User>,
    /// Kafka properties of every slot; the lowest of the three layers.
    pub config: BTreeMap<String, String>,
    /// What runs beside Kafka.
    pub components: Components,
    /// How the cluster is watched.
    pub monitoring: Monitoring,
    /// When and how fast Klamm may change things.
    pub policy: Policy,
    /// Where executables come from.
    pub artifacts: ArtifactPolicy,
}

/// A topic that shall exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Number of partitions, from 1; can grow and never shrink.
    pub partitions: u32,
    /// Copies of each partition, from 1 to the number of brokers.
    pub replicas: u16,
    /// Topic properties in Kafka's own units.
    pub config: BTreeMap<String, String>,
}

/// One slot that the spec asks for, with everything that rules it.
#[derive(Debug, Clone, Copy)]
pub struct WantedSlot<'a> {
    /// The pool it belongs to.
    pub pool_name: &'a PoolName,
    /// What all slots of the pool have in common.
    pub pool: &'a Pool,
    /// Its place in the pool, from 0.
    pub ordinal: u16,
}

impl<'a> WantedSlot<'a> {
    /// The slot's name.
    pub fn name(&self) -> SlotName {
        SlotName::new(self.pool_name.clone(), self.ordinal)
    }

    /// What its node does.
    pub fn role(&self) -> NodeRole {
        self.pool.roles
    }

    /// What the spec says about this slot alone.
    pub fn overrides(&self) -> Option<&'a SlotOverride> {
        self.pool.slots.get(&self.ordinal)
    }

    /// The node id that the spec pins for it.
    pub fn pinned_node_id(&self) -> Option<NodeId> {
        self.overrides().and_then(|slot| slot.node_id)
    }
}

impl Cluster {
    /// Every wanted slot, by pool name and then by ordinal.
    pub fn slots(&self) -> impl Iterator<Item = WantedSlot<'_>> {
        self.pools.iter().flat_map(|(pool_name, pool)| {
            (0..pool.count).map(move |ordinal| WantedSlot { pool_name, pool, ordinal })
        })
    }

    /// One wanted slot; nothing if the spec does not ask for it (any more).
    pub fn slot(&self, name: &SlotName) -> Option<WantedSlot<'_>> {
        let (pool_name, pool) = self.pools.get_key_value(name.pool())?;
        (name.ordinal() < pool.count).then_some(WantedSlot { pool_name, pool, ordinal: name.ordinal() })
    }

    /// How many slots vote.
    pub fn controllers(&self) -> usize {
        self.slots().filter(|slot| slot.role().is_controller()).count()
    }

    /// How many slots hold partitions.
    pub fn brokers(&self) -> usize {
        self.slots().filter(|slot| slot.role().is_broker()).count()
    }

    /// The Kafka properties that the spec asks for on one slot: cluster, then pool, then slot, the later winning.
    /// What Klamm sets by itself is not in it.
    pub fn effective_config(&self, slot: &WantedSlot<'_>) -> BTreeMap<String, String> {
        let mut config = self.config.clone();
        config.extend(slot.pool.config.clone());
        if let Some(overrides) = slot.overrides() {
            config.extend(overrides.config.clone());
        }
        config
    }
}

#[cfg(test)]
mod tests;
