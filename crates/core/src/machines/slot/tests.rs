//! The machine of a slot, moment by moment.

use super::*;
use crate::machines::reconcile::ProcessFacts;
use crate::machines::reconcile::tests::{cluster, host, ready_facts, target};
use crate::model::Sha256;

const SECOND: Duration = Duration::from_secs(1);
const PID: u32 = 40;

/// A machine that has looked once, and found no process.
fn machine(run: RunState) -> SlotMachine {
    let mut machine = unseen(run);
    machine.look(look_at(UnitLook::AtRest, None), Duration::ZERO);
    machine
}

fn unseen(run: RunState) -> SlotMachine {
    let key = SlotKey {
        cluster: cluster(),
        cluster_name: "dev".parse().unwrap(),
        slot: "brokers-0".parse().unwrap(),
        host: host(),
    };
    SlotMachine::new(key, target(run))
}

fn found(process: ProcessFacts) -> Result<Found, String> {
    let facts = SlotFacts { process, ..ready_facts(&target(RunState::Running)) };
    Ok(Found { facts, certificate: None })
}

fn live() -> Result<Found, String> {
    found(ProcessFacts::Live { launch: target(RunState::Running).launch() })
}

fn outdated() -> Result<Found, String> {
    found(ProcessFacts::Live { launch: Sha256::of(b"older") })
}

fn without_certificate() -> Result<Found, String> {
    let mut found = live().unwrap();
    found.facts.certificate_wanted = Some("two thirds of its life are over".into());
    Ok(found)
}

fn process(launch: Sha256) -> ProcessReport {
    ProcessReport { pid: PID, since: Timestamp::UNIX_EPOCH, launch, broker_state: None, resident: None }
}

fn word(stage: NodeStage) -> NodeWord {
    NodeWord { pid: PID, stage, broker_state: Some(3), served: Default::default(), stop_progress: 5 }
}

fn look_at(unit: UnitLook, node: Option<NodeWord>) -> Look {
    Look { unit, node, restarts: 0, failures: 0 }
}

fn live_look(node: Option<NodeWord>) -> Look {
    let process = process(target(RunState::Running).launch());
    look_at(UnitLook::Live { process, incarnation: 1, known_ready: true }, node)
}

fn failure(reason: &str, needs_a_person: bool) -> Failure {
    Failure { reason: reason.into(), needs_a_person }
}

#[test]
fn a_failed_act_is_tried_again_after_a_pause_and_the_process_is_looked_at_meanwhile() {
    let mut machine = machine(RunState::Running);
    assert_eq!(machine.due(SECOND), Due::Lap);
    let acts = machine.lap(without_certificate(), SECOND);
    assert!(matches!(&acts[..], [Act::Certify { .. }]));
    assert_eq!(machine.due(SECOND), Due::Look, "a slow act does not keep the process out of sight");
    machine.look(live_look(Some(word(NodeStage::Ready))), SECOND);
    machine.acted(Err(failure("no answer from the server", false)), SECOND * 2);
    machine.look(live_look(Some(word(NodeStage::Ready))), SECOND * 3);
    assert_eq!(machine.due(SECOND * 3), Due::At(SECOND * 5), "both the look and the pause end then");
    assert_eq!(machine.due(SECOND * 5), Due::Lap);
}

#[test]
fn a_ready_node_whose_certificate_cannot_be_renewed_stays_ready_with_a_remark() {
    let mut machine = machine(RunState::Running);
    machine.lap(without_certificate(), SECOND);
    machine.acted(Err(failure("no answer from the server", false)), SECOND);
    machine.look(live_look(Some(word(NodeStage::Ready))), SECOND);
    assert_eq!(machine.report().stage, Stage::Ready);
    assert_eq!(machine.report().remark.as_deref(), Some("no answer from the server"));
    machine.lap(live(), SECOND * 4);
    assert_eq!(machine.report().remark, None);
}

#[test]
fn a_missed_answer_of_the_observer_leaves_a_node_ready_for_ten_seconds_and_only_the_same_process() {
    let mut machine = machine(RunState::Running);
    machine.lap(live(), SECOND);
    machine.look(live_look(Some(word(NodeStage::Ready))), SECOND);
    machine.look(live_look(None), SECOND * 10);
    assert_eq!(machine.report().stage, Stage::Ready);
    assert_eq!(machine.report().process.as_ref().unwrap().broker_state, Some(3));
    machine.look(live_look(None), SECOND * 11);
    assert!(matches!(machine.report().stage, Stage::Preparing { .. }), "{:?}", machine.report().stage);

    machine.look(live_look(Some(word(NodeStage::Ready))), SECOND * 12);
    let successor = ProcessReport { pid: PID + 1, ..process(target(RunState::Running).launch()) };
    let unit = UnitLook::Live { process: successor, incarnation: 2, known_ready: false };
    let tell = machine.look(look_at(unit, Some(word(NodeStage::Ready))), SECOND * 13);
    assert_eq!(
        (tell, &machine.report().stage),
        (None, &Stage::Launching),
        "the socket of the process before"
    );
}

#[test]
fn a_node_is_replaced_only_with_a_permit_that_came_in_time() {
    let mut machine = machine(RunState::Running);
    let granted = || Ok(PermitAnswer { refused: None });
    let asked = machine.lap(outdated(), SECOND);
    assert!(matches!(&asked[..], [Act::AskPermit(wanted)] if wanted.launch == machine.target().launch()));
    assert_eq!(machine.permit_answered(granted(), SECOND * 20), [], "too late");
    assert!(!machine.is_acting());

    machine.lap(outdated(), SECOND * 23);
    let refused = Ok(PermitAnswer { refused: Some("orders-0 would be below min ISR".into()) });
    assert_eq!(machine.permit_answered(refused, SECOND * 24), []);
    assert_eq!(machine.due(SECOND * 24), Due::Look);

    machine.lap(outdated(), SECOND * 27);
    let stop = machine.permit_answered(granted(), SECOND * 28);
    assert!(matches!(&stop[..], [Act::Stop { .. }]));
    assert_eq!(machine.permit_answered(granted(), SECOND * 28), [], "a permit is used once");
    machine.acted(Ok(()), SECOND * 28);
    assert_eq!(machine.lap(found(ProcessFacts::Stopping), SECOND * 28), []);
    assert_eq!(machine.lap(found(ProcessFacts::Absent), SECOND * 29), [Act::Launch]);
}

#[test]
fn a_permit_for_a_target_that_is_not_in_force_any_more_stops_nothing() {
    let mut machine = machine(RunState::Running);
    machine.lap(outdated(), SECOND);
    let mut newer = target(RunState::Running);
    newer.process.arguments.push("more".into());
    machine.set_target(newer, SECOND);
    assert_eq!(machine.permit_answered(Ok(PermitAnswer { refused: None }), SECOND), []);
    assert_eq!(machine.due(SECOND), Due::Lap);
    machine.acted(Ok(()), SECOND);
    let asked = machine.lap(outdated(), SECOND);
    assert!(matches!(&asked[..], [Act::AskPermit(_)]), "the void act has not been done: {asked:?}");
}

#[test]
fn an_act_without_effect_is_told_and_not_repeated_at_once() {
    let mut machine = machine(RunState::Running);
    assert_eq!(machine.lap(found(ProcessFacts::Absent), SECOND), [Act::Launch]);
    machine.acted(Ok(()), SECOND);
    assert_eq!(machine.due(SECOND), Due::Lap);
    assert_eq!(machine.lap(found(ProcessFacts::Absent), SECOND), []);
    assert!(matches!(machine.report().stage, Stage::Blocked { .. }));
    assert_eq!(machine.lap(found(ProcessFacts::Absent), SECOND * 4), [Act::Launch]);
}

#[test]
fn a_process_that_was_found_again_is_told_before_anything_is_done_for_it() {
    let mut machine = unseen(RunState::Running);
    assert_eq!(machine.due(SECOND), Due::Look, "an unseen process is not an absent one");
    machine.look(live_look(Some(word(NodeStage::Ready))), SECOND);
    assert_eq!(machine.due(SECOND), Due::Lap);
    let nothing_provided =
        Ok(Found { facts: SlotFacts { distribution: false, ..live().unwrap().facts }, certificate: None });
    machine.lap(nothing_provided, SECOND);
    assert_eq!(machine.report().stage, Stage::Ready);
}

#[test]
fn a_stopped_slot_is_told_as_stopped_when_its_process_is_gone_and_not_before() {
    let mut machine = machine(RunState::Stopped);
    let stop = machine.lap(live(), SECOND);
    assert!(matches!(&stop[..], [Act::Stop { patience, .. }] if *patience == PATIENCE_WITH_STOPPED));
    machine.acted(Ok(()), SECOND);
    assert_eq!(machine.lap(found(ProcessFacts::Stopping), SECOND), []);
    let stopping = UnitLook::Stopping { process: Some(process(machine.target().launch())) };
    let tell = machine.look(look_at(stopping, Some(word(NodeStage::Ready))), SECOND);
    assert_eq!(tell, Some(Tell::Progress(5)));
    assert_eq!(machine.report().stage, Stage::Stopping);
    assert_eq!(machine.lap(found(ProcessFacts::Absent), SECOND * 2), []);
    machine.look(look_at(UnitLook::AtRest, None), SECOND * 2);
    assert_eq!(machine.report().stage, Stage::Stopped);
}

#[test]
fn a_node_that_waits_to_be_replaced_says_why_it_cannot_be() {
    let mut machine = machine(RunState::Running);
    machine.lap(outdated(), SECOND);
    let old = UnitLook::Live { process: process(Sha256::of(b"older")), incarnation: 1, known_ready: true };
    let ready = || Some(word(NodeStage::Ready));
    let full = failure("/srv/d0: write failed: no space left on device", true);
    machine.acted(Err(full.clone()), SECOND);
    machine.look(look_at(old, ready()), SECOND);
    assert_eq!(machine.report().stage, Stage::Blocked { reason: full.reason });
}

#[test]
fn memory_alone_is_no_news() {
    let mut machine = machine(RunState::Running);
    machine.lap(live(), SECOND);
    machine.look(live_look(Some(word(NodeStage::Ready))), SECOND);
    let told = machine.report().clone();
    let grown = ProcessReport {
        resident: Some(crate::model::ByteCount::gibibytes(1)),
        ..process(target(RunState::Running).launch())
    };
    let unit = UnitLook::Live { process: grown, incarnation: 1, known_ready: true };
    machine.look(look_at(unit, Some(word(NodeStage::Ready))), SECOND * 3);
    assert_ne!(&told, machine.report());
    assert!(!machine.is_news(&told));
    machine.look(look_at(UnitLook::Spawning, None), SECOND * 4);
    assert!(machine.is_news(&told));
}
