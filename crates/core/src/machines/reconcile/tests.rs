//! One decision a test: what a slot needs next.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::Epoch;
use crate::model::target::{CredentialTarget, DataDirectory, ProcessTarget, SlotIdentity};

pub(in crate::machines) fn cluster() -> ClusterId {
    ClusterId::from_random([3; 16])
}

pub(in crate::machines) fn host() -> HostId {
    "h1".parse().unwrap()
}

fn reconcile(target: &SlotTarget, facts: &SlotFacts) -> Next {
    super::reconcile(Holder { cluster: cluster(), host: &host() }, target, facts)
}

pub(in crate::machines) fn target(run: RunState) -> SlotTarget {
    SlotTarget {
        identity: SlotIdentity {
            node_id: NodeId(1),
            claim: Epoch(1),
            directories: vec![DataDirectory {
                path: "/srv/d0".into(),
                id: DirectoryId::from_random([4; 16]),
                seeds: BTreeMap::new(),
            }],
            listeners: BTreeMap::new(),
        },
        run,
        process: ProcessTarget {
            kafka: "4.3.1".into(),
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
    }
}

fn formatted(target: &SlotTarget) -> DirectoryFacts {
    let directory = target.identity.directories[0].id;
    let claim = Some(Claim { owner: host(), epoch: target.identity.claim });
    DirectoryFacts::Formatted { cluster: cluster(), node: target.identity.node_id, directory, claim }
}

pub(in crate::machines) fn ready_facts(target: &SlotTarget) -> SlotFacts {
    SlotFacts {
        directories: vec![formatted(target)],
        formatted_before: true,
        remains: true,
        distribution: true,
        files: true,
        certificate_wanted: None,
        process: ProcessFacts::Absent,
    }
}

#[test]
fn a_new_slot_gets_everything_at_once_and_is_launched_only_then() {
    let target = target(RunState::Running);
    let nothing = SlotFacts {
        directories: vec![DirectoryFacts::Empty],
        formatted_before: false,
        remains: false,
        distribution: false,
        files: false,
        certificate_wanted: Some("there is none".into()),
        process: ProcessFacts::Absent,
    };
    let Next::Do(actions) = reconcile(&target, &nothing) else { panic!("not doing anything") };
    assert_eq!(actions.len(), 4);
    assert!(!actions.contains(&Action::Launch));
    assert_eq!(reconcile(&target, &ready_facts(&target)), Next::Do(vec![Action::Launch]));
}

#[test]
fn a_known_slot_never_gets_an_empty_disk() {
    let target = target(RunState::Running);
    let facts = SlotFacts { directories: vec![DirectoryFacts::Empty], ..ready_facts(&target) };
    let Next::Blocked { reason } = reconcile(&target, &facts) else { panic!("not blocked") };
    assert!(reason.contains("/srv/d0"), "{reason}");
}

#[test]
fn the_data_of_another_node_or_cluster_is_refused_with_both_ids() {
    let target = target(RunState::Running);
    let directory = target.identity.directories[0].id;
    let other = ClusterId::from_random([9; 16]);
    let foreign = DirectoryFacts::Formatted { cluster: other, node: NodeId(1), directory, claim: None };
    let facts = SlotFacts { directories: vec![foreign], ..ready_facts(&target) };
    let Next::Blocked { reason } = reconcile(&target, &facts) else { panic!("not blocked") };
    assert!(reason.contains(&other.to_string()) && reason.contains(&cluster().to_string()), "{reason}");
}

#[test]
fn a_directory_that_was_formatted_and_not_noted_or_not_claimed_is_claimed_and_noted() {
    let target = target(RunState::Running);
    let unnoted = SlotFacts { formatted_before: false, ..ready_facts(&target) };
    assert_eq!(reconcile(&target, &unnoted), Next::Do(vec![Action::Format]));

    let claimed = |owner: &str, epoch: u64| {
        let DirectoryFacts::Formatted { cluster, node, directory, .. } = formatted(&target) else {
            panic!("it is formatted")
        };
        let claim = Some(Claim { owner: owner.parse().unwrap(), epoch: Epoch(epoch) });
        let found = DirectoryFacts::Formatted { cluster, node, directory, claim };
        reconcile(&target, &SlotFacts { directories: vec![found], ..ready_facts(&target) })
    };
    assert_eq!(claimed("h2", 0), Next::Do(vec![Action::Format]), "an older claim gives way");
    for (owner, epoch) in [("h1", 2), ("h2", 1), ("h2", 2)] {
        let Next::Blocked { reason } = claimed(owner, epoch) else {
            panic!("{owner} {epoch} is not blocked")
        };
        assert!(reason.contains(owner), "{reason}");
    }
}

#[test]
fn a_running_process_with_its_launch_is_left_alone_and_another_launch_stops_it_only_when_all_is_ready() {
    let target = target(RunState::Running);
    let same = ProcessFacts::Live { launch: target.launch() };
    assert_eq!(reconcile(&target, &SlotFacts { process: same, ..ready_facts(&target) }), Next::Settled);

    let other = ProcessFacts::Live { launch: Sha256::of(b"older") };
    let facts = SlotFacts { process: other, ..ready_facts(&target) };
    assert_eq!(reconcile(&target, &facts), Next::Do(vec![Action::Replace]));

    let unprepared = SlotFacts { distribution: false, ..facts };
    assert_eq!(reconcile(&target, &unprepared), Next::Do(vec![Action::Provide]));
}

#[test]
fn a_stopped_slot_is_stopped_and_a_removed_one_is_deleted_after_its_process_is_gone() {
    let stopped = target(RunState::Stopped);
    let live = ProcessFacts::Live { launch: stopped.launch() };
    let facts = SlotFacts { process: live.clone(), ..ready_facts(&stopped) };
    assert!(
        matches!(reconcile(&stopped, &facts), Next::Do(actions) if matches!(actions[..], [Action::Stop { .. }]))
    );
    assert_eq!(reconcile(&stopped, &ready_facts(&stopped)), Next::Settled);

    let removed = target(RunState::Removed);
    let facts = SlotFacts { process: live, ..ready_facts(&removed) };
    assert!(
        matches!(reconcile(&removed, &facts), Next::Do(actions) if matches!(actions[..], [Action::Stop { .. }]))
    );
    assert_eq!(reconcile(&removed, &ready_facts(&removed)), Next::Do(vec![Action::Delete]));
    let gone = SlotFacts { remains: false, ..ready_facts(&removed) };
    assert_eq!(reconcile(&removed, &gone), Next::Settled);
}
