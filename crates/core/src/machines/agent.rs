//! What an agent takes up, lets go of and forgets.

use std::collections::BTreeMap;

use crate::model::SlotName;
use crate::model::inventory::Stage;
use crate::model::target::{HostSlice, RunState, SlotTarget};
use crate::mutant::{Mutant, is_on};

/// What changes for the slots of a cluster when its slice is obeyed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TakeUp<'a> {
    /// Slots that are not kept yet, or with another target.
    pub hand_over: Vec<(&'a SlotName, &'a SlotTarget)>,
    /// Slots that the slice does not name any more. They are kept no longer, and nothing of them is touched: absence
    /// from a target is not a wish to stop or to delete.
    pub let_go: Vec<SlotName>,
}

/// Compares the slots of one cluster that are kept, with the targets they have, with the slice obeyed.
pub fn take_up<'a>(kept: &BTreeMap<SlotName, SlotTarget>, slice: &'a HostSlice) -> TakeUp<'a> {
    TakeUp {
        hand_over: slice.slots.iter().filter(|(slot, target)| kept.get(*slot) != Some(target)).collect(),
        let_go: kept.keys().filter(|slot| !slice.slots.contains_key(*slot)).cloned().collect(),
    }
}

/// Whether a cluster that the server has forgotten may be forgotten here: a signed target wants all of its slots here
/// deleted, and they are. A server that lost its disk knows no cluster at all.
pub fn may_forget(slice: &HostSlice, stages: &BTreeMap<SlotName, Stage>) -> bool {
    let removed = |slot: &SlotName, target: &SlotTarget| {
        target.run == RunState::Removed && stages.get(slot) == Some(&Stage::Removed)
    };
    let all_removed = slice.slots.iter().all(|(slot, target)| removed(slot, target));
    !slice.slots.is_empty() && (all_removed || is_on(Mutant::ForgetsOnHearsay))
}

#[cfg(test)]
mod tests;
