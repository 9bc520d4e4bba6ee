//! The goal: what every slot shall be when all steps are done.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;

use super::differences::Differences;
use super::made::controller_address;
use super::placement::{Occupancy, Placed, choose_host, place_listeners};
use super::slots::{Blobs, Maker, keep_blob};
use super::{PlanRefused, Planning};
use crate::kafka::storage::{DirectoryUse, StorageFormat, Voter, VoterEndpoint, format_storage};
use crate::model::cluster::WantedSlot;
use crate::model::target::{
    DataDirectory, HostSlice, KafkaHoldings, RunState, SlotIdentity, TARGET_VERSION, Target,
};
use crate::model::{DirectoryId, Epoch, HostId, NodeId, SlotName, TargetNumber};
use crate::mutant::{Mutant, is_on};
use crate::render::server_properties::CONTROLLER;

/// A running cluster as the spec has it, and how that came about.
#[derive(Debug)]
pub(super) struct Goal {
    /// The target when all steps are done.
    pub(super) target: Target,
    /// What was rendered for it.
    pub(super) blobs: Blobs,
    /// What differs between a slot in force and its goal; nothing of slots without a difference.
    pub(super) differences: BTreeMap<SlotName, Differences>,
    /// The settings of each slot's goal, where somebody needs to know them: by node id.
    pub(super) settings: BTreeMap<NodeId, BTreeMap<String, String>>,
    /// What this Klamm would make otherwise of slots that stay as they are, in words, with the slots.
    pub(super) offered: BTreeMap<String, BTreeSet<SlotName>>,
}

/// The same slots as now, stopped or removed.
pub(super) fn goal_of_end(current: &Target, run: RunState) -> Target {
    let mut goal = current.clone();
    for slice in goal.slices.values_mut() {
        for slot in slice.slots.values_mut() {
            slot.run = run;
        }
    }
    goal
}

/// Every slot of the spec, with the identity it has or a new one.
pub(super) fn goal_of_up(input: &Planning<'_>, random: &mut dyn Rng) -> Result<Goal, PlanRefused> {
    let in_force = &input.in_force;
    let mut ids = NodeIds::of(input);
    let mut occupancy = Occupancy::of(input);
    let mut placed = Vec::new();
    for wanted in input.cluster.slots() {
        let name = wanted.name();
        let is_silent = |host| input.inventory.heard(host, input.now).is_none();
        let known = in_force.get(&name).copied();
        let known = known.filter(|(host, _)| !(is_on(Mutant::ForgetsTheUnheard) && is_silent(host)));
        let (host, report) = match known {
            Some((host, _)) if is_on(Mutant::SilentIsGone) && is_silent(host) => {
                choose_host(input, &wanted, &mut occupancy)?
            }
            Some((host, _)) => {
                let report = input.inventory.hosts.get(host).map(|report| &report.value);
                let why = || format!("{host} has not reported yet");
                (host, report.ok_or_else(|| PlanRefused::NoHost { slot: name.clone(), why: why() })?)
            }
            None => choose_host(input, &wanted, &mut occupancy)?,
        };
        let current = known.map(|(_, slot)| slot);
        let node_id = match current {
            Some(slot) => slot.identity.node_id,
            None => ids.allocate(&wanted)?,
        };
        let place = Placed { wanted, node_id, host, report };
        let before = current.and_then(|slot| input.made_from(slot)).filter(|_| !input.refresh_defaults);
        let listeners = place_listeners(input, &place, current, before, &mut occupancy)?;
        let identity = match current {
            Some(slot) => SlotIdentity { listeners, ..slot.identity.clone() },
            None => SlotIdentity {
                node_id,
                claim: Epoch(1),
                directories: new_directories(input, &place, random),
                listeners,
            },
        };
        placed.push((name, place, identity));
    }
    let mut blobs = Blobs::from([(input.spec_digest, input.spec.as_bytes().to_vec())]);
    if input.current.is_none() {
        add_seeds(input, &mut placed, &mut blobs)?;
    }
    let mut controllers: Vec<String> =
        placed.iter().filter_map(|(_, _, identity)| controller_address(identity)).collect();
    if is_on(Mutant::RendersUnstably) && input.now.as_second() % 2 == 0 {
        controllers.reverse();
    }
    let mut maker = Maker {
        input,
        controllers_before: in_force
            .values()
            .filter_map(|(_, slot)| controller_address(&slot.identity))
            .collect(),
        controllers,
        spec: input.spec_digest,
        blobs,
        differences: BTreeMap::new(),
        settings: BTreeMap::new(),
        offered: BTreeMap::new(),
    };
    let mut slices: BTreeMap<HostId, HostSlice> = BTreeMap::new();
    for (name, place, identity) in placed {
        let current = in_force.get(&name).map(|(_, slot)| *slot);
        let slot = match current {
            Some(current) => maker.slot_again(&name, &place, identity, current),
            None => maker.slot_anew(&place, identity),
        };
        let empty = || HostSlice::empty(input.id, input.cluster.name.clone());
        slices.entry(place.host.clone()).or_insert_with(empty).slots.insert(name, slot);
    }
    let Maker { spec, blobs, differences, settings, offered, .. } = maker;
    let target = Target {
        version: TARGET_VERSION,
        cluster: input.id,
        name: input.cluster.name.clone(),
        number: TargetNumber(input.current.map_or(0, |current| current.number.0) + 1),
        parent: input.current.map(Target::digest),
        spec,
        next_node_id: ids.next,
        holdings: KafkaHoldings::default(),
        slices,
    };
    Ok(Goal { target, blobs, differences, settings, offered })
}

/// Hands out node ids: from 1, ascending, never reused.
struct NodeIds {
    next: NodeId,
    pinned: BTreeSet<NodeId>,
}

impl NodeIds {
    fn of(input: &Planning<'_>) -> Self {
        Self {
            next: input.current.map_or(NodeId(1), |current| current.next_node_id),
            pinned: input.cluster.slots().filter_map(|slot| slot.pinned_node_id()).collect(),
        }
    }

    fn allocate(&mut self, wanted: &WantedSlot<'_>) -> Result<NodeId, PlanRefused> {
        let id = match wanted.pinned_node_id() {
            _ if is_on(Mutant::IdsByOrdinal) => NodeId(u32::from(wanted.ordinal) + 1),
            Some(id) if id < self.next => {
                return Err(PlanRefused::NodeId {
                    slot: wanted.name(),
                    id,
                    problem: "not above every id that was ever given out",
                });
            }
            Some(id) => id,
            None => {
                let free = (self.next.0..).map(NodeId).find(|id| !self.pinned.contains(id));
                free.expect("there are more node ids than slots")
            }
        };
        self.next = self.next.max(NodeId(id.0 + 1));
        Ok(id)
    }
}

fn new_directories(input: &Planning<'_>, place: &Placed<'_>, random: &mut dyn Rng) -> Vec<DataDirectory> {
    let name = place.wanted.name();
    let paths: Vec<String> = if place.wanted.pool.storage.is_empty() {
        vec![format!("{}/data", place.report.folders.slot(input.id, &name))]
    } else {
        let own = |path: &crate::model::cluster::StoragePath| {
            format!("{}/{}/{name}", path.as_str(), input.cluster.name)
        };
        place.wanted.pool.storage.iter().map(own).collect()
    };
    let mut fresh = || {
        let mut bytes = [0; 16];
        random.fill_bytes(&mut bytes);
        DirectoryId::from_random(bytes)
    };
    paths.into_iter().map(|path| DataDirectory { path, id: fresh(), seeds: BTreeMap::new() }).collect()
}

/// The files of every freshly formatted directory of a new cluster.
fn add_seeds(
    input: &Planning<'_>,
    placed: &mut [(SlotName, Placed<'_>, SlotIdentity)],
    blobs: &mut Blobs,
) -> Result<(), PlanRefused> {
    let voters: Vec<Voter> =
        placed.iter().filter_map(|(_, place, identity)| voter(place, identity)).collect();
    for (name, place, identity) in placed {
        for (index, directory) in identity.directories.iter_mut().enumerate() {
            let files = format_storage(&StorageFormat {
                version: input.cluster.kafka,
                cluster_id: input.id,
                node_id: identity.node_id,
                directory_id: directory.id,
                holds: if index == 0 { DirectoryUse::Metadata } else { DirectoryUse::Partitions },
                role: place.wanted.role(),
                voters: &voters,
                timestamp_ms: input.now.as_millisecond(),
            })
            .map_err(|source| PlanRefused::Format { slot: name.clone(), source })?;
            for file in files {
                directory.seeds.insert(file.path.to_owned(), keep_blob(blobs, file.content));
            }
        }
    }
    Ok(())
}

fn voter(place: &Placed<'_>, identity: &SlotIdentity) -> Option<Voter> {
    let listener = identity.listeners.get(CONTROLLER)?;
    let endpoint =
        VoterEndpoint { listener: CONTROLLER.to_owned(), host: listener.host.clone(), port: listener.port };
    let directory_id = identity.directories.first()?.id;
    Some(Voter { id: place.node_id, directory_id, endpoints: vec![endpoint] })
}
