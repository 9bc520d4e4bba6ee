//! What is next in one step of a plan: level-triggered, from what was observed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::patience::Stuck;
use super::standing::{Standing, leaders_away, progress_of, reason_not_back, standing};
use super::{InsideKafka, Look};
use crate::kafka::live::is_same_value;
use crate::machines::permits::{NotNow, SAFETY_IS_OFF, may_serve, reason_not_now};
use crate::model::inventory::{Inventory, KafkaView};
use crate::model::plan::{Act, Step};
use crate::model::target::{SlotTarget, Target};
use crate::model::{HostId, SlotName};
use crate::mutant::{Mutant, is_on};
use crate::planner::advance;
use crate::planner::alter::{edits, reason_not_in_force};
use crate::planner::safety::{Unsafe, VIEW_MAY_BE_OLD};

/// What is known at one moment.
#[derive(Debug)]
pub(super) struct Situation<'a> {
    pub(super) current: Option<&'a Target>,
    pub(super) goal: &'a Target,
    pub(super) inventory: &'a Inventory,
    pub(super) now: Timestamp,
    /// The slots of the target in force, with their hosts.
    pub(super) in_force: Slots<'a>,
    /// The slots of the goal.
    pub(super) wanted: Slots<'a>,
}

type Slots<'a> = BTreeMap<&'a SlotName, (&'a HostId, &'a SlotTarget)>;

impl<'a> Situation<'a> {
    pub(super) fn new(look: Look<'a>, goal: &'a Target, now: Timestamp) -> Self {
        let Look { current, inventory } = look;
        let in_force = current.map(Target::slots).unwrap_or_default();
        Self { current, goal, inventory, now, in_force, wanted: goal.slots() }
    }

    /// What Kafka shows now; an old look is none.
    fn kafka(&self) -> Option<&'a KafkaView> {
        let seen = self.inventory.kafka.as_ref()?;
        let age = self.now.duration_since(seen.at);
        (!age.is_negative() && age <= VIEW_MAY_BE_OLD).then_some(&seen.value)
    }

    /// The slots of a step. One that the goal does not name is left alone: nothing is dropped by a step.
    fn concerned(&self, step: &Step) -> BTreeSet<SlotName> {
        step.act.slots().into_iter().filter(|slot| self.wanted.contains_key(slot)).collect()
    }

    /// Whether the target in force says of the slots what the goal says.
    fn is_published(&self, slots: &BTreeSet<SlotName>) -> bool {
        slots.iter().all(|slot| {
            self.in_force.get(slot).map(|(_, slot)| slot) == self.wanted.get(slot).map(|(_, slot)| slot)
        })
    }

    fn advanced(&self, slots: &BTreeSet<SlotName>) -> Move {
        Move::Publish(Box::new(advance(self.current, self.goal, slots)))
    }
}

/// What comes of a look.
pub(super) struct Decision {
    /// What was observed that the step may depend on, one line each; the same as long as only the wording changes.
    pub(super) progress: Vec<String>,
    /// The slots of the step that say that they cannot go on.
    pub(super) stuck: Vec<Stuck>,
    /// What is next.
    pub(super) next: Move,
    /// Whether that was decided by what Kafka shows.
    pub(super) by_kafka: bool,
}

/// Decides for one step.
pub(super) fn decide(step: &Step, situation: &Situation<'_>) -> Decision {
    Decision {
        progress: progress(step, situation),
        stuck: stuck(step, situation),
        next: next_move(step, situation),
        by_kafka: needs_kafka(step, situation),
    }
}

pub(super) enum Move {
    Publish(Box<Target>),
    InsideKafka(InsideKafka),
    Wait { waits_for: String },
    Done,
}

/// Which part of a step is in hand.
enum Phase {
    /// Its target is not in force yet.
    Publish,
    /// Agents have not brought every slot to where the target says.
    Converge { waiting: Vec<String> },
    /// Kafka must show it.
    Kafka,
    /// Nothing is left.
    Over,
}

fn phase(step: &Step, situation: &Situation<'_>) -> Phase {
    let slots = situation.concerned(step);
    if !situation.is_published(&slots) {
        return Phase::Publish;
    }
    let goes_on = SAFETY_IS_OFF || is_on(Mutant::NextBeforeBack);
    if goes_on && matches!(step.act, Act::Restart { .. }) {
        return Phase::Over;
    }
    let waiting = slots.iter().filter_map(|slot| match standing(slot, situation) {
        Standing::Reached => None,
        Standing::Under { what } => Some(format!("{slot} ({what})")),
        Standing::Stuck { reason } => Some(format!("{slot} (blocked: {reason})")),
    });
    let waiting: Vec<String> = waiting.collect();
    if !waiting.is_empty() {
        return Phase::Converge { waiting };
    }
    match &step.act {
        Act::Create { .. } | Act::Refresh { .. } | Act::Stop { .. } | Act::Remove { .. } => Phase::Over,
        Act::Start { .. }
        | Act::Await { .. }
        | Act::Restart { .. }
        | Act::Configure { .. }
        | Act::Alter { .. }
        | Act::Grant { .. }
        | Act::Revoke { .. }
        | Act::CreateTopic { .. }
        | Act::AddPartitions { .. }
        | Act::ConfigureTopic { .. } => Phase::Kafka,
    }
}

/// Whether the next move is decided by what Kafka shows.
pub(super) fn needs_kafka(step: &Step, situation: &Situation<'_>) -> bool {
    match (phase(step, situation), &step.act, situation.current) {
        (Phase::Kafka, _, Some(_)) => true,
        (Phase::Publish, Act::Restart { slot }, Some(current)) => {
            may_serve(current, situation.inventory, slot, situation.now)
        }
        (Phase::Kafka, _, None) | (Phase::Publish | Phase::Converge { .. } | Phase::Over, _, _) => false,
    }
}

fn stuck(step: &Step, situation: &Situation<'_>) -> Vec<Stuck> {
    let slots = situation.concerned(step);
    if !situation.is_published(&slots) {
        return Vec::new();
    }
    let stuck = slots.into_iter().filter_map(|slot| match standing(&slot, situation) {
        Standing::Stuck { reason } => Some(Stuck { slot, reason }),
        Standing::Reached | Standing::Under { .. } => None,
    });
    stuck.collect()
}

fn next_move(step: &Step, situation: &Situation<'_>) -> Move {
    match (phase(step, situation), &step.act) {
        (Phase::Over, _) => Move::Done,
        (Phase::Publish, Act::Restart { slot }) => match permission(slot, situation) {
            Some(reason) => Move::Wait { waits_for: format!("permission to stop {slot}: {reason}") },
            None => situation.advanced(&situation.concerned(step)),
        },
        (Phase::Publish, _) => situation.advanced(&situation.concerned(step)),
        (Phase::Converge { waiting }, _) => Move::Wait { waits_for: waiting.join(", ") },
        (Phase::Kafka, act) => match situation.kafka() {
            Some(view) => shown(act, view, situation),
            None => Move::Wait { waits_for: "Kafka to answer".to_owned() },
        },
    }
}

/// Why a slot must not be stopped now. A slot that the target in force does not name cannot be stopped.
fn permission(slot: &SlotName, situation: &Situation<'_>) -> Option<NotNow> {
    reason_not_now(situation.current?, situation.inventory, slot, situation.now)
}

/// Whether Kafka shows what an act is for; what it does not show is done, or done again.
fn shown(act: &Act, view: &KafkaView, situation: &Situation<'_>) -> Move {
    // What Klamm will hold inside Kafka is in the target in force before anything is put there.
    let Situation { current, goal, .. } = situation;
    if act.slots().is_empty() && current.is_some_and(|current| current.holdings != goal.holdings) {
        return situation.advanced(&BTreeSet::new());
    }
    let is_done = match act {
        Act::Configure { settings } => {
            settings.iter().all(|(key, value)| view.cluster_config.get(key) == Some(value))
        }
        Act::Alter { settings } => match reason_not_in_force(settings, view) {
            // It was altered, or not all of it can be asked for: only time helps.
            Some(waits_for) if edits(settings, view).is_empty() => return Move::Wait { waits_for },
            Some(_) => false,
            None => edits(settings, view).is_empty(),
        },
        Act::Grant { entries } => entries.is_subset(&view.access),
        Act::Revoke { entries } => entries.is_disjoint(&view.access),
        Act::CreateTopic { name, .. } => view.partitions.iter().any(|partition| partition.topic == *name),
        Act::AddPartitions { name, partitions } => {
            let has = view.partitions.iter().filter(|partition| partition.topic == *name).count();
            i32::try_from(has).is_ok_and(|has| has >= *partitions)
        }
        Act::ConfigureTopic { name, set, unset } => {
            let nothing = BTreeMap::new();
            let own = view.topic_config.get(name).unwrap_or(&nothing);
            let is_set =
                |(key, value): (&String, &String)| own.get(key).is_some_and(|own| is_same_value(own, value));
            set.iter().all(is_set) && !unset.iter().any(|key| own.contains_key(key))
        }
        Act::Create { .. }
        | Act::Start { .. }
        | Act::Refresh { .. }
        | Act::Restart { .. }
        | Act::Await { .. }
        | Act::Stop { .. }
        | Act::Remove { .. } => return back(act, view, situation),
    };
    if is_done { Move::Done } else { Move::InsideKafka(InsideKafka::Act(act.clone())) }
}

/// Whether every slot of the act is back in everything that it left, and a restarted one leads again what it should.
fn back(act: &Act, view: &KafkaView, situation: &Situation<'_>) -> Move {
    let slots = act.slots();
    let waiting = slots.iter().filter_map(|slot| {
        let behind = reason_not_back(situation.wanted.get(slot)?.1, view)?;
        Some(format!("{slot}: {behind}"))
    });
    let waiting: Vec<String> = waiting.collect();
    if !waiting.is_empty() {
        return Move::Wait { waits_for: waiting.join(", ") };
    }
    let Act::Restart { slot } = act else { return Move::Done };
    let id = situation.wanted.get(slot).map(|(_, slot)| slot.identity.node_id);
    // Kafka would do it too, when it next compares: every `leader.imbalance.check.interval.seconds`, 300 s.
    let partitions = id.map(|id| leaders_away(id, view)).unwrap_or_default();
    if partitions.is_empty() {
        Move::Done
    } else {
        Move::InsideKafka(InsideKafka::ElectPreferred { partitions })
    }
}

fn progress(step: &Step, situation: &Situation<'_>) -> Vec<String> {
    let concerned = situation.concerned(step);
    let mut lines: Vec<String> = situation
        .in_force
        .keys()
        .filter_map(|slot| progress_of(slot, concerned.contains(*slot), situation))
        .collect();
    lines.extend(situation.current.map(|current| format!("target {}", current.number)));
    if let Some(view) = situation.kafka() {
        let behind = view.partitions.iter();
        let behind = behind.filter(|partition| partition.in_sync.len() < partition.replicas.len()).count();
        lines.push(format!("{behind} partitions are not in sync"));
        let slots = concerned.iter().filter_map(|slot| situation.goal.slot(slot));
        lines
            .extend(slots.map(|slot| format!("{} {:?}", slot.identity.node_id, reason_not_back(slot, view))));
    }
    if let (Act::Restart { slot }, false) = (&step.act, situation.is_published(&concerned)) {
        match permission(slot, situation) {
            // How old the look is says nothing about the world.
            None | Some(NotNow::Unsafe(Unsafe::Stale { .. })) => {}
            Some(reason) => lines.push(reason.to_string()),
        }
    }
    lines
}
