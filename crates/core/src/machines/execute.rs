//! What the executor does next in one step of a plan: level-triggered, from what was observed.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::SlotName;
use crate::model::inventory::{Inventory, KafkaView, Observed, SlotReport, Stage};
use crate::model::plan::{Act, Step};
use crate::model::target::{RunState, SlotTarget, Target};
use crate::planner::advance;
use crate::planner::safety::reason_not_to_stop;

/// How long a step may stand still before the run stops and says on what. Longer than Kafka's own bound of five
/// minutes for a controlled shutdown (`KafkaBroker.shutdown`).
pub const STANDSTILL: Duration = Duration::from_secs(6 * 60);

/// How long a slot may say that it is blocked before the run believes it: agents try again every three seconds.
pub const PATIENCE_WITH_STUCK: Duration = Duration::from_secs(8);

/// A node that ended by itself this often within one step will not come up without a person.
const CRASHES: u32 = 4;

/// What the executor knows at one moment.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The target in force.
    pub current: Option<&'a Target>,
    /// The target when all steps are done.
    pub goal: &'a Target,
    /// What was observed.
    pub inventory: &'a Inventory,
    /// How long nothing has changed that the step waits for.
    pub unchanged_for: Duration,
    /// Now.
    pub now: Timestamp,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Make this target current.
    Publish(Box<Target>),
    /// Do this inside Kafka, then look again.
    InsideKafka(Act),
    /// Wait for something to change.
    Wait {
        /// For what, one line.
        waits_for: String,
    },
    /// The step is done.
    Done,
    /// The run stops here.
    Fail {
        /// Which object, which cause, what to do.
        reason: String,
    },
}

/// Decides for one step.
pub fn next_move(step: &Step, situation: &Situation<'_>) -> Move {
    let next = match &step.act {
        Act::Create { slots } | Act::Start { slots } | Act::Refresh { slots } | Act::Await { slots } => {
            converge(slots, situation)
        }
        Act::Stop { slots } | Act::Remove { slots } => converge(slots, situation),
        Act::Restart { slot } => restart(slot, situation),
        Act::Configure { settings } => inside_kafka(&step.act, situation, |view| {
            settings.iter().all(|(key, value)| view.cluster_config.get(key) == Some(value))
        }),
        Act::Grant { entries } => inside_kafka(&step.act, situation, |view| entries.is_subset(&view.access)),
        Act::CreateTopic { name, .. } => inside_kafka(&step.act, situation, |view| {
            view.partitions.iter().any(|partition| partition.topic == *name)
        }),
    };
    if let Move::Wait { waits_for } = &next
        && situation.unchanged_for >= STANDSTILL
    {
        let minutes = situation.unchanged_for.as_secs() / 60;
        return Move::Fail { reason: format!("nothing has changed for {minutes} minutes: {waits_for}") };
    }
    next
}

/// Publishes the goal for the slots, then waits until each is as it says.
fn converge(slots: &BTreeSet<SlotName>, situation: &Situation<'_>) -> Move {
    let Situation { current, goal, .. } = situation;
    if slots.iter().any(|slot| current.and_then(|current| current.slot(slot)) != goal.slot(slot)) {
        return Move::Publish(Box::new(advance(*current, goal, slots)));
    }
    let mut waiting = Vec::new();
    for slot in slots {
        match standing(slot, situation) {
            Standing::Reached => {}
            Standing::Under { what } => waiting.push(format!("{slot} ({what})")),
            // An agent tries again by itself: what it said before the cause was mended must not fail a new run.
            Standing::Stuck { reason } if situation.unchanged_for < PATIENCE_WITH_STUCK => {
                waiting.push(format!("{slot} (blocked: {reason})"));
            }
            Standing::Stuck { reason } => return Move::Fail { reason: format!("{slot}: {reason}") },
        }
    }
    if waiting.is_empty() { Move::Done } else { Move::Wait { waits_for: waiting.join(", ") } }
}

/// The one way in which a running node is stopped and started again: asked immediately before, finished only
/// when the node is back in everything it left.
fn restart(slot: &SlotName, situation: &Situation<'_>) -> Move {
    let Situation { current, goal, inventory, now, .. } = situation;
    let Some(wanted) = goal.slot(slot) else { return Move::Done };
    let id = wanted.identity.node_id;
    let slots = BTreeSet::from([slot.clone()]);
    let kafka = inventory.kafka.as_ref();
    if current.and_then(|current| current.slot(slot)) != Some(wanted) {
        // A node that never got up, or is down, serves nobody: an edit that mends it needs no permission.
        let serves = inventory.slot(goal.cluster, slot).is_none_or(|seen| may_serve(seen.value));
        if serves && let Some(reason) = reason_not_to_stop(&BTreeSet::from([id]), kafka, *now) {
            return Move::Wait { waits_for: format!("permission to stop {slot}: {reason}") };
        }
        return Move::Publish(Box::new(advance(*current, goal, &slots)));
    }
    let converged = converge(&slots, situation);
    if converged != Move::Done {
        return converged;
    }
    match reason_not_back(wanted, kafka) {
        Some(waits_for) => Move::Wait { waits_for: format!("{slot}: {waits_for}") },
        None => Move::Done,
    }
}

/// Whether stopping the slot's process could take something away from somebody.
pub fn may_serve(report: &SlotReport) -> bool {
    let crashing = report.failures > 0 && !matches!(report.stage, Stage::Ready | Stage::Recovering { .. });
    report.process.is_some() && !crashing
}

/// What a restarted node still has to do; none when it is registered and in every in-sync set of its replicas.
fn reason_not_back(slot: &SlotTarget, kafka: Option<&Observed<KafkaView>>) -> Option<String> {
    let id = slot.identity.node_id;
    let Some(view) = kafka.map(|view| &view.value) else {
        return Some("Kafka could not be asked".to_owned());
    };
    let holds_partitions =
        slot.identity.listeners.keys().any(|name| name == crate::render::server_properties::INTERNAL);
    if holds_partitions && !view.brokers.contains(&id) {
        return Some("not registered, or fenced".to_owned());
    }
    let hosts = view.partitions.iter().filter(|partition| partition.replicas.contains(&id));
    let behind = hosts.filter(|partition| !partition.in_sync.contains(&id)).count();
    (behind > 0).then(|| format!("{behind} partitions are not in sync yet"))
}

enum Standing {
    Reached,
    Under { what: String },
    Stuck { reason: String },
}

/// Where a slot stands on the way to the target in force.
fn standing(name: &SlotName, situation: &Situation<'_>) -> Standing {
    let Situation { current, inventory, .. } = situation;
    let under = |what: &str| Standing::Under { what: what.to_owned() };
    let Some((current, slot)) = current.and_then(|current| Some((current, current.slot(name)?))) else {
        return under("not published yet");
    };
    let obeyed = inventory.hosts.values().find_map(|host| host.value.clusters.get(&current.cluster));
    if obeyed.is_none_or(|cluster| cluster.number < current.number) {
        return under("its agent has not taken up the target yet");
    }
    let Some(report) = inventory.slot(current.cluster, name) else {
        return under("its agent has not reported it yet");
    };
    standing_of(slot, report.value)
}

fn standing_of(slot: &SlotTarget, report: &SlotReport) -> Standing {
    let under = |what: String| Standing::Under { what };
    match (&report.stage, slot.run) {
        (Stage::Ready, RunState::Running) => {
            let launch = report.process.as_ref().map(|process| process.launch);
            if launch == Some(slot.launch()) { Standing::Reached } else { under("restarting".to_owned()) }
        }
        (Stage::Stopped, RunState::Stopped) | (Stage::Removed, RunState::Removed) => Standing::Reached,
        (Stage::Blocked { reason }, _) => Standing::Stuck { reason: reason.clone() },
        (Stage::Crashed { cause, .. }, RunState::Running) if report.failures >= CRASHES => {
            Standing::Stuck { reason: format!("it ended {} times in a row: {cause}", report.failures) }
        }
        (stage, _) => under(stage.describe()),
    }
}

/// Done when Kafka shows it; done again where it does not.
fn inside_kafka(act: &Act, situation: &Situation<'_>, is_done: impl FnOnce(&KafkaView) -> bool) -> Move {
    match &situation.inventory.kafka {
        None => Move::Wait { waits_for: "Kafka to answer".to_owned() },
        Some(view) if is_done(&view.value) => Move::Done,
        Some(_) => Move::InsideKafka(act.clone()),
    }
}

#[cfg(test)]
mod tests;
