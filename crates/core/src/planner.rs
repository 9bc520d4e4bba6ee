//! The planner: spec, inventory and last target in; next target and ordered steps out. A pure function.
//!
//! [`plan`] decides once what shall be; [`advance`] gives the executor the target of one step, so that a roll is
//! a sequence of targets and agents only ever converge.

pub mod alter;
mod differences;
mod explain;
mod goal;
mod holdings;
mod inside_kafka;
mod keep;
mod made;
mod placement;
mod refusals;
pub mod safety;
mod settings;
mod slots;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rand::Rng;
use thiserror::Error;

use crate::kafka::storage::FormatRefused;
use crate::model::cluster::Cluster;
use crate::model::inventory::Inventory;
use crate::model::plan::{Explanation, Plan, Refusal};
use crate::model::target::{HostSlice, RunState, SlotTarget, Target};
use crate::model::{ClusterId, ClusterName, HostId, Sha256, SlotName, TargetNumber};
use crate::mutant::{Mutant, is_on};

/// All that a plan of a running cluster is made from.
#[derive(Debug)]
pub struct PlanInput<'a> {
    /// What the spec says.
    pub cluster: &'a Cluster,
    /// The spec as it was written.
    pub spec: &'a str,
    /// The cluster's id: made once, before its first plan.
    pub id: ClusterId,
    /// The target in force.
    pub current: Option<&'a Target>,
    /// What the target in force refers to.
    pub known: &'a Known,
    /// What was observed.
    pub inventory: &'a Inventory,
    /// Ports that other clusters' slots keep, by host.
    pub reserved_ports: &'a BTreeMap<HostId, BTreeSet<u16>>,
    /// The executables of the spec's Kafka version.
    pub supply: &'a Supply,
    /// What certificates are verified with.
    pub trust: &'a TrustBundles,
    /// Whether existing slots take what this Klamm would make of them from nothing, instead of keeping what they have.
    pub refresh_defaults: bool,
    /// Slots whose processes are to be stopped and started although nothing of them changed.
    pub roll: &'a BTreeSet<SlotName>,
    /// Now.
    pub now: Timestamp,
}

/// What a target refers to by digest and a plan must look into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The specs that the target and its slots were made from, as far as this Klamm can read them.
    pub specs: BTreeMap<Sha256, Cluster>,
    /// The slots' files.
    pub files: BTreeMap<Sha256, Vec<u8>>,
}

/// The input with what is looked up in it often.
struct Planning<'a> {
    given: &'a PlanInput<'a>,
    in_force: BTreeMap<&'a SlotName, (&'a HostId, &'a SlotTarget)>,
    spec_digest: Sha256,
}

impl<'a> Planning<'a> {
    fn of(given: &'a PlanInput<'a>) -> Self {
        let in_force = given.current.map(Target::slots).unwrap_or_default();
        Self { given, in_force, spec_digest: Sha256::of(given.spec.as_bytes()) }
    }

    /// A spec by its digest, where it can still be read.
    fn spec_of(&self, digest: Sha256) -> Option<&'a Cluster> {
        if digest == self.spec_digest {
            Some(self.given.cluster)
        } else {
            self.given.known.specs.get(&digest)
        }
    }

    /// The spec that a slot was made from.
    fn made_from(&self, slot: &SlotTarget) -> Option<&'a Cluster> {
        self.spec_of(slot.made_from.or(self.given.current.map(|current| current.spec))?)
    }
}

impl<'a> std::ops::Deref for Planning<'a> {
    type Target = PlanInput<'a>;
    fn deref(&self) -> &PlanInput<'a> {
        self.given
    }
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
    /// How sizes were chosen, slot by slot.
    pub explanations: Vec<Explanation>,
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
    /// The spec changes what cannot be changed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Changes(Vec<Refusal>),
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
    let input = Planning::of(input);
    refusals::check(&input)?;
    let mut goal = goal::goal_of_up(&input, random)?;
    let alterations = settings::alterations(&input, &goal);
    goal.target.holdings = holdings::of(&input, alterations.keys());
    let mut plan = steps::steps_of_up(&input, &goal, &alterations);
    if is_on(Mutant::ForgetsTheEdit) && input.current.is_some_and(|current| current.spec == goal.target.spec)
    {
        plan.steps.clear();
    }
    let explanations = explain::explanations(&input, &goal);
    goal.blobs.retain(|digest, _| !input.known.files.contains_key(digest));
    Ok(Planned { plan, goal: Some(goal.target), blobs: goal.blobs, explanations })
}

/// How a cluster ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Stopped, with all data.
    Down,
    /// Gone, with all data.
    Destroyed,
}

/// Decides how a cluster ends. It needs neither a spec nor executables nor Kafka's consent: what is in force is enough.
pub fn plan_end(name: &ClusterName, current: Option<&Target>, end: End) -> Planned {
    let run = match end {
        End::Down => RunState::Stopped,
        End::Destroyed => RunState::Removed,
    };
    let goal = current.map(|current| goal::goal_of_end(current, run));
    let plan = steps::steps_of_end(name, current, end);
    Planned { plan, goal, blobs: BTreeMap::new(), explanations: Vec::new() }
}

/// The target of one step: the goal for `slots`, and for all other slots what is in force.
pub fn advance(current: Option<&Target>, goal: &Target, slots: &BTreeSet<SlotName>) -> Target {
    let mut slices: BTreeMap<HostId, HostSlice> = BTreeMap::new();
    let mut keep = |host: &HostId, name: &SlotName, slot: SlotTarget| {
        let empty = || HostSlice::empty(goal.cluster, goal.name.clone());
        slices.entry(host.clone()).or_insert_with(empty).slots.insert(name.clone(), slot);
    };
    let goals = goal.slots();
    if let Some(current) = current {
        for (name, (host, slot)) in current.slots() {
            if slots.contains(name) {
                continue;
            }
            let mut slot = slot.clone();
            // Its turn comes later, when the target's spec is not the one any more that it was made from.
            if slot.made_from.is_none() && goals.get(name).is_some_and(|(_, wanted)| **wanted != slot) {
                slot.made_from = Some(current.spec);
            }
            keep(host, name, slot);
        }
    }
    for (name, (host, slot)) in &goals {
        if slots.contains(*name) {
            keep(host, name, (*slot).clone());
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
        holdings: goal.holdings.clone(),
        slices,
    }
}

#[cfg(test)]
mod tests;
