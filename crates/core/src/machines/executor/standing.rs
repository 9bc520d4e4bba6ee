//! Where a slot stands on the way to the target in force, by what its own host said lately, and whether Kafka has it back.

use std::collections::BTreeSet;
use std::fmt;

use super::patience::wording;
use super::step::Situation;
use crate::model::inventory::{ClusterReport, KafkaView, RefusedTarget, SlotReport, Stage};
use crate::model::target::{RunState, SlotTarget};
use crate::model::{NodeId, SlotName};
use crate::planner::safety::is_caught_up;
use crate::render::server_properties::{CONTROLLER, INTERNAL};

/// A node that ended by itself this often in a row will not come up without a person.
pub(crate) const CRASHES: u32 = 4;

pub(super) enum Standing {
    Reached,
    Under { what: String },
    Stuck { reason: String },
}

/// Where one slot stands.
pub(super) fn standing(name: &SlotName, situation: &Situation<'_>) -> Standing {
    let under = |what: &str| Standing::Under { what: what.to_owned() };
    let (Some(current), Some((_, slot))) = (situation.current, situation.in_force.get(name)) else {
        return under("not published yet");
    };
    let (told, wanted) = (told(name, situation), current.number);
    // One that it obeys may have come late once more, from a server that was replaced.
    let behind = told.is_none_or(|cluster| cluster.number < wanted);
    if let Some(RefusedTarget { reason, .. }) = refused(name, situation).filter(|_| behind) {
        return Standing::Stuck { reason: format!("its agent refuses the target: {reason}") };
    }
    let Some(cluster) = told else { return under("its agent is not heard") };
    let obeyed = cluster.number;
    if obeyed < wanted {
        return under("its agent has not taken up the target yet");
    }
    if obeyed > wanted {
        let reason = format!(
            "its agent obeys target {obeyed}, the newest that the server has is {wanted}: the server's store is older \
             than the cluster; put the newest copy of it in place"
        );
        return Standing::Stuck { reason };
    }
    match cluster.slots.get(name) {
        Some(report) => standing_of(slot, report),
        None => under("its agent has not reported it yet"),
    }
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

/// What the slot's own host says of the cluster, where it was heard lately.
fn told<'a>(name: &SlotName, situation: &Situation<'a>) -> Option<&'a ClusterReport> {
    let current = situation.current?;
    let (host, _) = *situation.in_force.get(name)?;
    situation.inventory.heard(host, situation.now)?.clusters.get(&current.cluster)
}

/// The target that the slot's own host does not obey, where it was heard lately.
fn refused<'a>(name: &SlotName, situation: &Situation<'a>) -> Option<&'a RefusedTarget> {
    let current = situation.current?;
    let (host, _) = *situation.in_force.get(name)?;
    let refused = situation.inventory.heard(host, situation.now)?.refused.get(&current.cluster)?;
    (refused.number == current.number).then_some(refused)
}

/// One line that changes when the slot gets further; none while its host is not heard. Of the slots of the step also how
/// often they came and went; of the others that would never end.
pub(super) fn progress_of(name: &SlotName, concerned: bool, situation: &Situation<'_>) -> Option<String> {
    let cluster = told(name, situation)?;
    let report = cluster.slots.get(name)?;
    let stage = match &report.stage {
        Stage::Preparing { step } => format!("preparing {}", wording(step)),
        Stage::Crashed { cause, retry_at: _ } => format!("crashed {}", wording(cause)),
        Stage::Blocked { reason } => format!("blocked {}", wording(reason)),
        // In bytes: rounded for people, a large download stands still for minutes.
        Stage::Fetching { item, done, total: _ } => format!("fetching {item} {}", done.0),
        stage @ (Stage::Waiting
        | Stage::Launching
        | Stage::Recovering { .. }
        | Stage::Joining
        | Stage::Ready
        | Stage::Stopping
        | Stage::Stopped
        | Stage::Removed) => stage.describe(),
    };
    Some(if concerned {
        format!("{name} obeys {}, {} failures: {stage}", cluster.number, report.failures)
    } else {
        format!("{name}: {stage}")
    })
}

/// What a started node still has to do inside Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    NotRegistered,
    NotCaughtUp,
    Partitions(usize),
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegistered => f.write_str("not registered, or fenced"),
            Self::NotCaughtUp => f.write_str("not caught up with the active controller"),
            Self::Partitions(1) => f.write_str("1 partition is not in sync yet"),
            Self::Partitions(count) => write!(f, "{count} partitions are not in sync yet"),
        }
    }
}

/// Why a node is not back; none when it is registered, unfenced and in every in-sync set of its replicas, and as a voter
/// caught up.
pub(super) fn reason_not_back(slot: &SlotTarget, view: &KafkaView) -> Option<Behind> {
    let id = slot.identity.node_id;
    let listens = |name: &str| slot.identity.listeners.contains_key(name);
    if listens(CONTROLLER) && !view.quorum.as_ref().is_some_and(|quorum| is_caught_up(quorum, id)) {
        return Some(Behind::NotCaughtUp);
    }
    if listens(INTERNAL) && !view.brokers.contains(&id) {
        return Some(Behind::NotRegistered);
    }
    let hosts = view.partitions.iter().filter(|partition| partition.replicas.contains(&id));
    let behind = hosts.filter(|partition| !partition.in_sync.contains(&id)).count();
    (behind > 0).then_some(Behind::Partitions(behind))
}

/// The partitions that the node should lead, could, and does not.
pub(super) fn leaders_away(id: NodeId, view: &KafkaView) -> BTreeSet<(String, i32)> {
    let away = view.partitions.iter().filter(|partition| {
        partition.replicas.first() == Some(&id)
            && partition.in_sync.contains(&id)
            && partition.leader != Some(id)
    });
    away.map(|partition| (partition.topic.clone(), partition.index)).collect()
}
