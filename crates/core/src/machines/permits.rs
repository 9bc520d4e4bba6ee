//! The choke point: whether a running node may stop at this very moment, to be started anew.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use thiserror::Error;

use crate::api::{PermitAnswer, PermitWanted};
use crate::model::inventory::{HostReport, Inventory, SlotReport, Stage};
use crate::model::target::{RunState, Target};
use crate::model::{HostId, SlotName};
use crate::mutant::{Mutant, is_on};
use crate::planner::safety::{Unsafe, reason_not_to_stop};

/// Whether this build stops nodes without asking whether that is safe: what a test shows the harm with. No build that
/// anybody runs clusters with does.
pub const SAFETY_IS_OFF: bool = cfg!(feature = "no-safety");

/// The host that asks does not hold the claim of the slot.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("host {host} does not hold the claim of {slot}")]
pub struct NotYours {
    /// Who asks.
    pub host: HostId,
    /// For which slot.
    pub slot: SlotName,
}

/// Why a node must not be stopped now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotNow {
    /// What the host would start is not what the target in force says.
    OtherTarget,
    /// Another slot was permitted to stop and is not back.
    OtherRestarts {
        /// Which.
        slot: SlotName,
    },
    /// The host of another slot is silent: it may be about to stop.
    NotHeard {
        /// Which slot.
        slot: SlotName,
    },
    /// Another node is stopping or coming up.
    OnItsWay {
        /// Which.
        slot: SlotName,
        /// Where it is.
        stage: Stage,
    },
    /// Kafka would lose by it.
    Unsafe(Unsafe),
}

impl fmt::Display for NotNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherTarget => f.write_str("another target is in force"),
            Self::OtherRestarts { slot } => write!(f, "{slot} is being restarted"),
            Self::NotHeard { slot } => write!(f, "the agent of {slot} is not heard"),
            Self::OnItsWay { slot, stage } => write!(f, "{slot} is on its way: {}", stage.describe()),
            Self::Unsafe(reason) => reason.fmt(f),
        }
    }
}

/// Gives permits for one cluster: to one slot at a time, the next one when the slot before it is back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermitDesk {
    permitted: Option<SlotName>,
}

impl PermitDesk {
    /// Whether [`PermitDesk::decide`] will look at Kafka, so that a fresh look is worth its time.
    pub fn needs_kafka(
        &self,
        wanted: &PermitWanted,
        target: &Target,
        inventory: &Inventory,
        now: Timestamp,
    ) -> bool {
        may_serve(target, inventory, &wanted.slot, now)
    }

    /// Decides for a host that asks, from the target in force and an inventory with a fresh look at Kafka.
    pub fn decide(
        &mut self,
        host: &HostId,
        wanted: &PermitWanted,
        target: &Target,
        inventory: &Inventory,
        now: Timestamp,
    ) -> Result<PermitAnswer, NotYours> {
        let slot = match target.find(&wanted.slot) {
            Some((owner, slot)) if owner == host => slot,
            Some(_) | None => {
                return Err(NotYours { host: host.clone(), slot: wanted.slot.clone() });
            }
        };
        let refuse = |reason: NotNow| Ok(PermitAnswer { refused: Some(reason.to_string()) });
        if slot.launch() != wanted.launch || slot.run != RunState::Running {
            return refuse(NotNow::OtherTarget);
        }
        if SAFETY_IS_OFF {
            return Ok(PermitAnswer { refused: None });
        }
        // What serves nobody takes nothing away from anybody, and has no turn to wait for: of nodes that are all down, the
        // first may not come back before the others do.
        if !may_serve(target, inventory, &wanted.slot, now) && !is_on(Mutant::WaitsForReady) {
            return Ok(PermitAnswer { refused: None });
        }
        let before = self.permitted.as_ref().filter(|before| **before != wanted.slot);
        let before = before.filter(|before| !is_back(target, inventory, before, now));
        let waits = !is_on(Mutant::NextBeforeBack) && !is_on(Mutant::GoesOnAfterFailure);
        if let Some(before) = before.filter(|_| waits) {
            return refuse(NotNow::OtherRestarts { slot: before.clone() });
        }
        if let Some(reason) = reason_not_now(target, inventory, &wanted.slot, now) {
            return refuse(reason);
        }
        self.permitted = Some(wanted.slot.clone());
        Ok(PermitAnswer { refused: None })
    }
}

/// Why a slot's process must not be stopped now, to be started anew; none where it may, or serves nobody.
pub(crate) fn reason_not_now(
    target: &Target,
    inventory: &Inventory,
    slot: &SlotName,
    now: Timestamp,
) -> Option<NotNow> {
    if SAFETY_IS_OFF {
        return None;
    }
    // A node that never got up, or is down, serves nobody: an edit that mends it needs no permission.
    if !may_serve(target, inventory, slot, now) {
        let stage = Stage::Waiting;
        return is_on(Mutant::WaitsForReady).then(|| NotNow::OnItsWay { slot: slot.clone(), stage });
    }
    let id = target.slot(slot)?.identity.node_id;
    reason_of_others(target, inventory, slot, now).or_else(|| {
        let reason = reason_not_to_stop(&BTreeSet::from([id]), inventory.kafka.as_ref(), now);
        reason.map(NotNow::Unsafe)
    })
}

/// A node on its way down may still be in every in-sync set: what Kafka shows is not enough.
fn reason_of_others(
    target: &Target,
    inventory: &Inventory,
    slot: &SlotName,
    now: Timestamp,
) -> Option<NotNow> {
    let others = target.slots().into_iter().filter(|(name, _)| *name != slot);
    let others = others.filter(|_| !is_on(Mutant::NextBeforeBack) && !is_on(Mutant::GoesOnAfterFailure));
    let mut reasons = others.filter_map(|(name, (host, other))| {
        let Some(report) = told(inventory.heard(host, now), target, name) else {
            return (other.run == RunState::Running).then(|| NotNow::NotHeard { slot: name.clone() });
        };
        let stage = &report.stage;
        match stage {
            Stage::Launching | Stage::Recovering { .. } | Stage::Joining | Stage::Stopping => {
                Some(NotNow::OnItsWay { slot: name.clone(), stage: stage.clone() })
            }
            // What is down shows in Kafka's in-sync sets.
            Stage::Waiting
            | Stage::Fetching { .. }
            | Stage::Preparing { .. }
            | Stage::Ready
            | Stage::Stopped
            | Stage::Crashed { .. }
            | Stage::Blocked { .. }
            | Stage::Removed => None,
        }
    });
    reasons.next()
}

/// Whether stopping a slot's process could take something away from somebody. What is unknown could.
pub(crate) fn may_serve(target: &Target, inventory: &Inventory, slot: &SlotName, now: Timestamp) -> bool {
    let host = target.find(slot).and_then(|(host, _)| inventory.heard(host, now));
    let Some(report) = told(host, target, slot) else { return true };
    let crashing = report.failures > 0 && !matches!(report.stage, Stage::Ready | Stage::Recovering { .. });
    report.process.is_some() && !crashing
}

/// Whether a slot that was permitted to stop runs with the launch of its target and is ready, or shall not run at all.
fn is_back(target: &Target, inventory: &Inventory, slot: &SlotName, now: Timestamp) -> bool {
    let Some((host, wanted)) = target.find(slot).filter(|(_, wanted)| wanted.run == RunState::Running) else {
        return true;
    };
    told(inventory.heard(host, now), target, slot).is_some_and(|report| {
        let launch = report.process.as_ref().map(|process| process.launch);
        report.stage == Stage::Ready && launch == Some(wanted.launch()) && !is_on(Mutant::DeskNeverForgets)
    })
}

fn told<'a>(report: Option<&'a HostReport>, target: &Target, slot: &SlotName) -> Option<&'a SlotReport> {
    report?.clusters.get(&target.cluster)?.slots.get(slot)
}

#[cfg(test)]
mod tests;
