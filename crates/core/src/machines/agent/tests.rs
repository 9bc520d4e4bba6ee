//! What is handed over, let go and forgotten.

use super::*;
use crate::machines::reconcile::tests::target;
use crate::model::ClusterId;

fn name(text: &str) -> SlotName {
    text.parse().unwrap()
}

fn slice(slots: &[(&str, RunState)]) -> HostSlice {
    let empty = HostSlice::empty(ClusterId::from_random([3; 16]), "dev".parse().unwrap());
    HostSlice { slots: slots.iter().map(|(slot, run)| (name(slot), target(*run))).collect(), ..empty }
}

#[test]
fn new_and_changed_slots_are_handed_over_and_those_that_are_not_named_are_let_go() {
    let kept =
        slice(&[("b-0", RunState::Running), ("b-1", RunState::Running), ("b-2", RunState::Running)]).slots;
    let wanted = slice(&[("b-1", RunState::Running), ("b-2", RunState::Stopped), ("b-3", RunState::Running)]);
    let TakeUp { hand_over, let_go } = take_up(&kept, &wanted);
    let handed: Vec<String> = hand_over.iter().map(|(slot, _)| slot.to_string()).collect();
    assert_eq!(handed, ["b-2", "b-3"]);
    assert_eq!(let_go, [name("b-0")]);
    assert_eq!(take_up(&wanted.slots, &wanted), TakeUp::default(), "a second time nothing changes");
}

#[test]
fn a_cluster_is_forgotten_only_when_a_signed_target_wanted_all_of_it_deleted_and_it_is() {
    let stages =
        |list: &[(&str, Stage)]| list.iter().map(|(slot, stage)| (name(slot), stage.clone())).collect();
    let removed = slice(&[("b-0", RunState::Removed), ("b-1", RunState::Removed)]);
    assert!(may_forget(&removed, &stages(&[("b-0", Stage::Removed), ("b-1", Stage::Removed)])));
    assert!(!may_forget(&removed, &stages(&[("b-0", Stage::Removed), ("b-1", Stage::Stopping)])));
    assert!(!may_forget(&removed, &stages(&[("b-0", Stage::Removed)])), "unknown is not removed");
    let running = slice(&[("b-0", RunState::Running)]);
    assert!(!may_forget(&running, &stages(&[("b-0", Stage::Removed)])), "a server without memory says so");
    assert!(!may_forget(&slice(&[]), &stages(&[])));
}
