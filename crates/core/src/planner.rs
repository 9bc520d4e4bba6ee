//! The planner: spec, inventory and last target in; next target and ordered steps out. A pure function.
//!
//! [`plan`] decides once what shall be; [`advance`] gives the executor the target of one step, so that a roll is
//! a sequence of targets and agents only ever converge.

mod goal;
mod placement;
pub mod safety;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rand::Rng;
use thiserror::Error;

use crate::api::Want;
use crate::kafka::storage::FormatRefused;
use crate::model::cluster::Cluster;
use crate::model::inventory::Inventory;
use crate::model::plan::Plan;
use crate::model::target::{HostSlice, Target};
use crate::model::{ClusterId, HostId, Sha256, SlotName, TargetNumber};

/// All that a plan is made from.
#[derive(Debug)]
pub struct PlanInput<'a> {
    /// What the spec says.
    pub cluster: &'a Cluster,
    /// The spec as it was written.
    pub spec: &'a str,
    /// What is wanted of it.
    pub want: Want,
    /// The cluster's id: made once, before its first plan.
    pub id: ClusterId,
    /// The target in force.
    pub current: Option<&'a Target>,
    /// What was observed.
    pub inventory: &'a Inventory,
    /// Ports that other clusters' slots keep, by host.
    pub reserved_ports: &'a BTreeMap<HostId, BTreeSet<u16>>,
    /// The executables of the spec's Kafka version.
    pub supply: &'a Supply,
    /// What certificates are verified with.
    pub trust: &'a TrustBundles,
    /// Now.
    pub now: Timestamp,
}

/// Digests of what is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supply {
    /// Kafka's lock file.
    pub lock: Sha256,
    /// Klamm's own jar.
    pub jar: Sha256,
    /// Java major versions that will do, best first.
    pub java: Vec<u32>,
}

/// PEM bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustBundles {
    /// Of the node authority.
    pub nodes: String,
    /// Of the user authority.
    pub users: String,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The steps.
    pub plan: Plan,
    /// The target when all steps are done; the one in force where nothing changes. None for a cluster that is
    /// destroyed and never was.
    pub goal: Option<Target>,
    /// The content of every blob that the goal names and that was made now.
    pub blobs: BTreeMap<Sha256, Vec<u8>>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanRefused {
    /// No host may take a slot.
    #[error("no enrolled host may run {slot}: {why}")]
    NoHost {
        /// The slot.
        slot: SlotName,
        /// What ruled the hosts out.
        why: String,
    },
    /// The spec asks for something that this version does not do.
    #[error("{what} cannot be done by this version of Klamm: {instead}")]
    NotSupported {
        /// What.
        what: String,
        /// What to do instead.
        instead: String,
    },
    /// A node id is pinned and belongs to another slot, or did.
    #[error("node id {id} of {slot} is {problem}")]
    NodeId {
        /// The slot.
        slot: SlotName,
        /// The id.
        id: crate::model::NodeId,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A host has no free port left.
    #[error("{slot}: no free port from {base} upwards")]
    NoPort {
        /// The slot.
        slot: SlotName,
        /// The spec's port.
        base: u16,
    },
    /// The storage of a new node cannot be formatted.
    #[error("{slot} cannot be formatted")]
    Format {
        /// The slot.
        slot: SlotName,
        /// Why.
        #[source]
        source: FormatRefused,
    },
}

/// Decides. `random` is used only for what is new; with nothing new the result depends on the input alone.
pub fn plan(input: &PlanInput<'_>, random: &mut dyn Rng) -> Result<Planned, PlanRefused> {
    match input.want {
        Want::Up => {
            let (goal, blobs) = goal::goal_of_up(input, random)?;
            let plan = steps::steps_of_up(input, &goal);
            Ok(Planned { plan, goal: Some(goal), blobs })
        }
        Want::Down | Want::Destroyed => {
            let goal = input.current.map(|current| goal::goal_of_end(current, input.want));
            let plan = steps::steps_of_end(input, goal.as_ref());
            Ok(Planned { plan, goal, blobs: BTreeMap::new() })
        }
    }
}

/// The target of one step: the goal for `slots`, and for all other slots what is in force.
pub fn advance(current: Option<&Target>, goal: &Target, slots: &BTreeSet<SlotName>) -> Target {
    let mut slices: BTreeMap<HostId, HostSlice> = BTreeMap::new();
    let mut keep = |host: &HostId, name: &SlotName, slot: &crate::model::target::SlotTarget| {
        let empty = || HostSlice::empty(goal.cluster, goal.name.clone());
        slices.entry(host.clone()).or_insert_with(empty).slots.insert(name.clone(), slot.clone());
    };
    if let Some(current) = current {
        for (name, (host, slot)) in current.slots() {
            if !slots.contains(name) {
                keep(host, name, slot);
            }
        }
    }
    for (name, (host, slot)) in goal.slots() {
        if slots.contains(name) {
            keep(host, name, slot);
        }
    }
    Target {
        version: goal.version,
        cluster: goal.cluster,
        name: goal.name.clone(),
        number: TargetNumber(current.map_or(0, |current| current.number.0) + 1),
        parent: current.map(Target::digest),
        spec: goal.spec,
        next_node_id: goal.next_node_id,
        slices,
    }
}

#[cfg(test)]
mod tests;
