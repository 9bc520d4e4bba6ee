//! One decision a test: what the executor does next.

use super::*;
use crate::model::inventory::{
    AccessEntry, ClusterReport, HostFolders, HostReport, KafkaView, Observed, PartitionView, ProcessReport,
    QuorumView, RefusedTarget, SlotReport, VoterView,
};
use crate::model::plan::{ChangeClass, Plan, Step};
use crate::model::target::{
    CredentialTarget, HostSlice, ListenerAddress, ListenerPurpose, ProcessTarget, RunState as Wanted,
    SlotIdentity, SlotTarget, TARGET_VERSION,
};
use crate::model::{ClusterId, ClusterName, Epoch, HostId, NodeId, Sha256, TargetNumber};

const NOW: &str = "2026-01-01T00:00:10Z";

fn now() -> Moment {
    after(0)
}

/// So many seconds later.
fn after(seconds: u64) -> Moment {
    let elapsed = Duration::from_secs(seconds);
    Moment { elapsed, wall: NOW.parse::<jiff::Timestamp>().unwrap() + elapsed }
}

fn target(number: u64, kafka: &str) -> Target {
    let cluster = ClusterId::from_random([2; 16]);
    let name: ClusterName = "dev".parse().unwrap();
    let internal = ListenerAddress {
        bind: "127.0.0.1".parse().unwrap(),
        host: "localhost".into(),
        port: 19092,
        base: 19092,
        purpose: ListenerPurpose::Internal,
    };
    let slot = SlotTarget {
        identity: SlotIdentity {
            node_id: NodeId(2),
            claim: Epoch(1),
            directories: vec![],
            listeners: BTreeMap::from([("INTERNAL".to_owned(), internal)]),
        },
        run: Wanted::Running,
        process: ProcessTarget {
            kafka: kafka.into(),
            lock: Sha256::of(b"lock"),
            jar: Sha256::of(b"jar"),
            java: vec![17],
            jvm_options: vec![],
            main_class: "kafka.Kafka".into(),
            arguments: vec![],
            generation: 0,
        },
        files: BTreeMap::new(),
        launched_with: BTreeMap::new(),
        made_from: None,
        credential: CredentialTarget {
            dns_names: BTreeSet::new(),
            addresses: BTreeSet::new(),
            lifetime_seconds: 60,
            trust_nodes: Sha256::of(b"n"),
            trust_users: Sha256::of(b"u"),
        },
    };
    let mut slice = HostSlice::empty(cluster, name.clone());
    slice.slots.insert(slot_name(), slot);
    Target {
        version: TARGET_VERSION,
        cluster,
        name,
        number: TargetNumber(number),
        parent: None,
        spec: Sha256::of(b"spec"),
        next_node_id: NodeId(4),
        holdings: Default::default(),
        slices: BTreeMap::from([("h1".parse().unwrap(), slice)]),
    }
}

fn slot_name() -> SlotName {
    "nodes-1".parse().unwrap()
}

fn healthy_view(in_sync: &[u32]) -> Observed<KafkaView> {
    let voter = VoterView { directory: None, log_end: 5, caught_up_ms: Some(1000) };
    let ids = [NodeId(1), NodeId(2), NodeId(3)];
    let value = KafkaView {
        quorum: Some(QuorumView {
            leader: Some(NodeId(1)),
            epoch: 1,
            voters: ids.into_iter().map(|id| (id, voter.clone())).collect(),
        }),
        brokers: BTreeSet::from(ids),
        partitions: vec![PartitionView {
            topic: "t".into(),
            index: 0,
            leader: Some(NodeId(1)),
            replicas: ids.to_vec(),
            in_sync: in_sync.iter().copied().map(NodeId).collect(),
            offline: BTreeSet::new(),
            moving: false,
        }],
        min_isr: BTreeMap::from([("t".to_owned(), 2)]),
        ..KafkaView::default()
    };
    Observed { at: NOW.parse().unwrap(), value }
}

fn reported(current: &Target, stage: Stage) -> Inventory {
    let launch = current.slot(&slot_name()).unwrap().launch();
    let process =
        ProcessReport { pid: 7, since: NOW.parse().unwrap(), launch, broker_state: Some(3), resident: None };
    let slot = SlotReport { stage, process: Some(process), ..SlotReport::waiting() };
    let cluster = ClusterReport {
        epoch: Epoch(1),
        number: current.number,
        root: current.digest(),
        slots: BTreeMap::from([(slot_name(), slot)]),
    };
    let host = HostReport {
        version: 1,
        name: "h1".into(),
        klamm: "0".into(),
        folders: HostFolders { state: "/s".into(), logs: "/l".into() },
        memory: crate::model::ByteCount::gibibytes(1),
        processors: 1,
        address: "127.0.0.1".parse().unwrap(),
        advertised: "localhost".into(),
        ports_taken: BTreeSet::new(),
        clusters: BTreeMap::from([(current.cluster, cluster)]),
        refused: BTreeMap::new(),
    };
    let host = Observed { at: NOW.parse().unwrap(), value: host };
    Inventory { hosts: BTreeMap::from([("h1".parse().unwrap(), host)]), kafka: None }
}

fn access() -> BTreeSet<AccessEntry> {
    let entry = AccessEntry {
        user: "alice".parse().unwrap(),
        resource: crate::model::cluster::ResourcePattern::any(crate::model::cluster::ResourceKind::Topic),
        operation: crate::model::cluster::AclOperation::Read,
    };
    BTreeSet::from([entry])
}

fn slots() -> BTreeSet<SlotName> {
    BTreeSet::from([slot_name()])
}

fn executor(act: Act, goal: &Target) -> Executor {
    let step = Step { act, class: ChangeClass::Restart, reason: "edited".into() };
    let plan = Plan {
        cluster: "dev".parse().unwrap(),
        from: Some(TargetNumber(1)),
        steps: vec![step],
        notes: vec![],
    };
    let run = Run {
        id: 3,
        cluster: goal.cluster,
        actor: "alice".into(),
        plan,
        goal: goal.clone(),
        next_step: 0,
        state: RunState::Running,
        started: now().wall,
        changed: now().wall,
    };
    Executor::new(run, now())
}

/// The report, as of `at`.
fn heard(mut inventory: Inventory, at: Moment) -> Inventory {
    inventory.hosts.values_mut().for_each(|host| host.at = at.wall);
    if let Some(kafka) = &mut inventory.kafka {
        kafka.at = at.wall;
    }
    inventory
}

fn seen(mut inventory: Inventory, in_sync: &[u32]) -> Inventory {
    inventory.kafka = Some(healthy_view(in_sync));
    inventory
}

/// The first decision of an executor with one step.
fn decide(act: Act, current: &Target, goal: &Target, inventory: &Inventory) -> Action {
    executor(act, goal).next(&Look { current: Some(current), inventory }, now())
}

fn is_wait(action: &Action) -> bool {
    matches!(action, Action::Wait { .. })
}

fn is_done(action: &Action) -> bool {
    matches!(action, Action::Progress { next_step: 1, state: RunState::Done, entry: Some(_) })
}

fn slot_report(inventory: &mut Inventory) -> &mut SlotReport {
    let host = inventory.hosts.values_mut().next().unwrap();
    host.value.clusters.values_mut().next().unwrap().slots.get_mut(&slot_name()).unwrap()
}

fn waits_for(executor: &Executor) -> String {
    let StepState::Running { waits_for } = executor.view().steps.remove(0).state else {
        panic!("the step waits for nothing")
    };
    waits_for
}

#[test]
fn a_node_is_restarted_only_with_permission_and_done_only_when_it_is_back_in_sync() {
    let (current, goal) = (target(1, "old"), target(2, "new"));
    let restart = || Act::Restart { slot: slot_name() };
    let ready = reported(&current, Stage::Ready);
    assert!(is_wait(&decide(restart(), &current, &goal, &ready)), "nothing is known");
    let at_min_isr = seen(ready.clone(), &[1, 2]);
    assert!(is_wait(&decide(restart(), &current, &goal, &at_min_isr)));
    let whole = seen(ready, &[1, 2, 3]);
    assert!(matches!(decide(restart(), &current, &goal, &whole), Action::Publish { .. }));

    let joining = seen(reported(&goal, Stage::Joining), &[1, 2, 3]);
    assert!(is_wait(&decide(restart(), &goal, &goal, &joining)));
    let behind = seen(reported(&goal, Stage::Ready), &[1, 3]);
    assert!(is_wait(&decide(restart(), &goal, &goal, &behind)));
    let back = seen(reported(&goal, Stage::Ready), &[1, 2, 3]);
    assert!(is_done(&decide(restart(), &goal, &goal, &back)));
}

#[test]
fn a_restarted_node_is_given_back_the_lead_of_what_it_should_lead() {
    let goal = target(2, "new");
    let mut back = seen(reported(&goal, Stage::Ready), &[1, 2, 3]);
    let partition = &mut back.kafka.as_mut().unwrap().value.partitions[0];
    partition.replicas = [2, 1, 3].map(NodeId).to_vec();
    let restart = Act::Restart { slot: slot_name() };
    let action = decide(restart.clone(), &goal, &goal, &back);
    let partitions = BTreeSet::from([("t".to_owned(), 0)]);
    let call = InsideKafka::ElectPreferred { partitions };
    assert!(matches!(&action, Action::InsideKafka { call: found, .. } if *found == call), "{action:?}");
    back.kafka.as_mut().unwrap().value.partitions[0].leader = Some(NodeId(2));
    assert!(is_done(&decide(restart, &goal, &goal, &back)));
}

#[test]
fn started_nodes_are_waited_for_until_they_are_registered_and_back_in_sync() {
    let goal = target(2, "new");
    for act in [Act::Start { slots: slots() }, Act::Await { slots: slots() }] {
        let ready = reported(&goal, Stage::Ready);
        assert!(is_wait(&decide(act.clone(), &goal, &goal, &ready)), "Kafka was not asked");
        assert!(is_wait(&decide(act.clone(), &goal, &goal, &seen(ready.clone(), &[1, 3]))));
        let mut fenced = seen(ready.clone(), &[1, 2, 3]);
        fenced.kafka.as_mut().unwrap().value.brokers.remove(&NodeId(2));
        assert!(is_wait(&decide(act.clone(), &goal, &goal, &fenced)));
        assert!(is_done(&decide(act, &goal, &goal, &seen(ready, &[1, 2, 3]))));
    }
    let created = decide(Act::Create { slots: slots() }, &goal, &goal, &reported(&goal, Stage::Ready));
    assert!(is_done(&created), "a cluster of new nodes has nothing to catch up with");
}

#[test]
fn kafka_is_looked_at_only_when_everything_else_is_there() {
    let goal = target(2, "new");
    let awaiting = executor(Act::Await { slots: slots() }, &goal);
    let asks = |inventory: &Inventory| awaiting.needs_kafka(&Look { current: Some(&goal), inventory }, now());
    assert!(!asks(&reported(&goal, Stage::Launching)));
    assert!(asks(&reported(&goal, Stage::Ready)));
    let creating = executor(Act::Create { slots: slots() }, &goal);
    let inventory = reported(&goal, Stage::Ready);
    assert!(!creating.needs_kafka(&Look { current: Some(&goal), inventory: &inventory }, now()));
}

#[test]
fn an_agent_that_has_not_taken_up_the_target_is_waited_for() {
    let (old, current) = (target(1, "new"), target(2, "new"));
    let create = || Act::Create { slots: slots() };
    assert!(is_wait(&decide(create(), &current, &current, &reported(&old, Stage::Ready))));
    assert!(is_done(&decide(create(), &current, &current, &reported(&current, Stage::Ready))));
}

#[test]
fn neither_an_old_report_nor_that_of_another_host_proves_anything() {
    let goal = target(2, "new");
    let create = || Act::Create { slots: slots() };
    let ready = reported(&goal, Stage::Ready);
    let look = Look { current: Some(&goal), inventory: &ready };
    assert!(is_wait(&executor(create(), &goal).next(&look, after(11))), "eleven seconds old");
    let mut foreign = ready.clone();
    let report = foreign.hosts.remove(&"h1".parse::<HostId>().unwrap()).unwrap();
    foreign.hosts.insert("h0".parse().unwrap(), report);
    assert!(is_wait(&decide(create(), &goal, &goal, &foreign)), "h0 has no claim of it");
}

#[test]
fn an_agent_that_obeys_a_newer_target_than_the_store_has_stops_the_run() {
    let (current, newer) = (target(2, "new"), target(7, "new"));
    let mut executor = executor(Act::Await { slots: slots() }, &current);
    let look = |at| heard(reported(&newer, Stage::Ready), at);
    for second in 0..8 {
        let inventory = look(after(second));
        let action = executor.next(&Look { current: Some(&current), inventory: &inventory }, after(second));
        assert!(is_wait(&action));
    }
    let inventory = look(after(8));
    let action = executor.next(&Look { current: Some(&current), inventory: &inventory }, after(8));
    let Action::Progress { state: RunState::Failed { reason }, .. } = action else { panic!("{action:?}") };
    assert!(reason.contains("obeys target 7, the newest that the server has is 2"), "{reason}");
}

#[test]
fn a_blocked_slot_is_believed_after_a_while_also_when_it_tries_again_in_between() {
    let current = target(1, "new");
    let mut executor = executor(Act::Await { slots: slots() }, &current);
    let mut action = Action::Ended;
    for second in 0..=8 {
        let stage = match second % 2 {
            0 => Stage::Blocked { reason: format!("the disk is full, {second} bytes left") },
            _ => Stage::Preparing { step: "writing files".into() },
        };
        assert!(!matches!(action, Action::Progress { .. }), "at {second} s");
        let inventory = heard(reported(&current, stage), after(second));
        action = executor.next(&Look { current: Some(&current), inventory: &inventory }, after(second));
    }
    let reason = "nodes-1: the disk is full, 8 bytes left".to_owned();
    assert!(
        matches!(&action, Action::Progress { state, .. } if *state == RunState::Failed { reason }),
        "{action:?}"
    );
}

/// Runs a step with what is seen in each second, for so long; the second in which it failed, and why.
fn fails_after(
    seconds: u64,
    act: Act,
    mut at: impl FnMut(u64) -> (Target, Inventory),
) -> Option<(u64, String)> {
    let mut executor = executor(act, &target(2, "new"));
    for second in 0..seconds {
        let (current, inventory) = at(second);
        let inventory = heard(inventory, after(second));
        match executor.next(&Look { current: Some(&current), inventory: &inventory }, after(second)) {
            Action::Wait { .. } => {}
            Action::Progress { state: RunState::Failed { reason }, .. } => return Some((second, reason)),
            other @ (Action::Publish { .. }
            | Action::InsideKafka { .. }
            | Action::Progress { .. }
            | Action::Ended) => panic!("{other:?}"),
        }
    }
    None
}

#[test]
fn a_target_that_its_agent_refuses_stops_the_run_with_the_agents_reason() {
    let (old, current) = (target(1, "new"), target(2, "new"));
    let look = |refused: &Target, obeyed: &Target| {
        let mut inventory = reported(obeyed, Stage::Ready);
        let report = &mut inventory.hosts.values_mut().next().unwrap().value;
        let reason = "-javaagent is not allowed".to_owned();
        let refused = RefusedTarget { epoch: Epoch(1), number: refused.number, reason };
        report.refused.insert(current.cluster, refused);
        inventory
    };
    let create = || Act::Create { slots: slots() };
    let failed = fails_after(20, create(), |_| (current.clone(), look(&current, &old)));
    assert!(failed.unwrap().1.contains("-javaagent is not allowed"));
    assert_eq!(fails_after(20, create(), |_| (current.clone(), look(&old, &old))), None, "refused before");
    let obeyed = look(&current, &current);
    assert!(is_done(&decide(create(), &current, &current, &obeyed)), "refused late, once it was obeyed");
}

#[test]
fn a_recovery_that_advances_is_waited_for_and_one_that_stands_still_is_not() {
    let hours = 3 * 3600;
    let recovering = |segments| {
        let goal = target(2, "new");
        let inventory = reported(&goal, Stage::Recovering { logs: Some(1), segments: Some(segments) });
        (goal, inventory)
    };
    let act = || Act::Await { slots: slots() };
    assert_eq!(fails_after(hours, act(), |second| recovering(1_000 - second / 300)), None);
    let (second, reason) = fails_after(hours, act(), |_| recovering(7)).unwrap();
    assert_eq!(second, STANDSTILL.as_secs());
    assert!(reason.contains("nodes-1 (recovering: 1 logs, 7 segments left)"), "{reason}");
}

#[test]
fn to_and_fro_is_no_progress_and_other_words_are_none_either() {
    let goal = target(2, "new");
    let flapping = |second: u64| {
        let stage = if second.is_multiple_of(2) { Stage::Launching } else { Stage::Joining };
        (goal.clone(), reported(&goal, stage))
    };
    assert_eq!(fails_after(3600, Act::Await { slots: slots() }, flapping).unwrap().0, 361);

    let current = target(1, "old");
    let old_look = |second: u64| {
        let mut inventory = reported(&current, Stage::Ready);
        inventory.kafka = Some(healthy_view(&[1, 2, 3]));
        inventory.kafka.as_mut().unwrap().at = after(second).wall;
        (current.clone(), inventory)
    };
    let mut executor = executor(Act::Restart { slot: slot_name() }, &target(2, "new"));
    let mut ended = None;
    for second in 10..3600 {
        let (current, mut inventory) = old_look(0);
        inventory.hosts.values_mut().for_each(|host| host.at = after(second).wall);
        let look = Look { current: Some(&current), inventory: &inventory };
        if matches!(executor.next(&look, after(second)), Action::Progress { .. }) {
            ended = Some(second);
            break;
        }
        assert!(waits_for(&executor).contains(&format!("is {second}000 ms old")));
    }
    assert_eq!(ended, Some(10 + STANDSTILL.as_secs()));
}

#[test]
fn a_node_that_crashes_at_every_start_stops_the_run_and_is_replaced_without_permission() {
    let (current, goal) = (target(1, "old"), target(2, "new"));
    let retry_at = NOW.parse().unwrap();
    let crashed = |of: &Target, failures| {
        let mut inventory = reported(of, Stage::Crashed { cause: "a bad setting".into(), retry_at });
        let slot = slot_report(&mut inventory);
        (slot.process, slot.failures) = (None, failures);
        inventory
    };
    let restart = || Act::Restart { slot: slot_name() };
    assert!(matches!(decide(restart(), &current, &goal, &crashed(&current, 3)), Action::Publish { .. }));
    let (second, reason) =
        fails_after(60, restart(), |second| (goal.clone(), crashed(&goal, u32::try_from(second).unwrap())))
            .unwrap();
    assert_eq!((second, reason.as_str()), (12, "nodes-1: it ended 12 times in a row: a bad setting"));
}

#[test]
fn access_is_granted_until_kafka_shows_it_and_journalled_once() {
    let current = target(1, "new");
    let grant = || Act::Grant { entries: access() };
    let mut inventory = reported(&current, Stage::Ready);
    assert!(is_wait(&decide(grant(), &current, &current, &inventory)));
    inventory.kafka = Some(healthy_view(&[1, 2, 3]));
    let mut executor = executor(grant(), &current);
    let look = Look { current: Some(&current), inventory: &inventory };
    assert!(matches!(executor.next(&look, now()), Action::InsideKafka { entry: Some(_), .. }));
    executor.inside_kafka_answered(Err("no leader yet".into()), now());
    assert!(is_wait(&executor.next(&look, now())), "not again at once");
    assert!(matches!(executor.next(&look, after(1)), Action::InsideKafka { entry: None, .. }));
    inventory.kafka.as_mut().unwrap().value.access.extend(access());
    assert!(is_done(&executor.next(&Look { current: Some(&current), inventory: &inventory }, after(1))));
}

#[test]
fn an_act_inside_kafka_that_never_shows_stops_the_run_with_kafkas_answer() {
    let current = target(1, "new");
    let inventory = seen(reported(&current, Stage::Ready), &[1, 2, 3]);
    let mut executor = executor(Act::Grant { entries: access() }, &current);
    let mut reason = None;
    for second in 0..=61 {
        let inventory = heard(inventory.clone(), after(second));
        match executor.next(&Look { current: Some(&current), inventory: &inventory }, after(second)) {
            Action::InsideKafka { .. } => {
                executor.inside_kafka_answered(Err("not allowed".into()), after(second));
            }
            Action::Progress { state: RunState::Failed { reason: why }, .. } => reason = Some((second, why)),
            other @ (Action::Publish { .. }
            | Action::Wait { .. }
            | Action::Progress { .. }
            | Action::Ended) => panic!("{other:?}"),
        }
    }
    assert_eq!(reason, Some((61, "give access to alice: not allowed".to_owned())));
}

#[test]
fn a_run_is_aborted_before_its_next_act_and_says_by_whom() {
    let (current, goal) = (target(1, "old"), target(2, "new"));
    let inventory = seen(reported(&current, Stage::Ready), &[1, 2, 3]);
    let look = Look { current: Some(&current), inventory: &inventory };
    let mut executor = executor(Act::Restart { slot: slot_name() }, &goal);
    executor.abort("bob".into());
    assert!(!executor.needs_kafka(&look, now()));
    let action = executor.next(&look, now());
    let state = RunState::Aborted { by: "bob".into() };
    let entry = Some(executor.run().entry("executor", "aborted by bob"));
    assert_eq!(action, Action::Progress { next_step: 0, state, entry });
    assert_eq!(executor.next(&look, now()), Action::Ended);
    assert_eq!(executor.view().steps[0].state, StepState::Aborted);

    let mut resumed = Executor::new(Run { state: RunState::Running, ..executor.run().clone() }, now());
    assert!(matches!(resumed.next(&look, now()), Action::Publish { .. }), "it goes on at its step");
}

#[test]
fn what_could_not_be_done_ends_the_run_at_its_step() {
    let (current, goal) = (target(1, "old"), target(2, "new"));
    let inventory = seen(reported(&current, Stage::Ready), &[1, 2, 3]);
    let look = Look { current: Some(&current), inventory: &inventory };
    let mut executor = executor(Act::Restart { slot: slot_name() }, &goal);
    assert!(matches!(executor.next(&look, now()), Action::Publish { .. }));
    executor.not_done("another target was published in between".into());
    let action = executor.next(&look, now());
    assert!(matches!(action, Action::Progress { next_step: 0, state: RunState::Failed { .. }, .. }));
}
