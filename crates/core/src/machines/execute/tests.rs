//! One decision a test: what the executor does next.

use std::collections::BTreeMap;

use super::*;
use crate::model::inventory::{AccessEntry, PartitionView, QuorumView, VoterView};
use crate::model::plan::ChangeClass;
use crate::model::target::{
    CredentialTarget, HostSlice, ListenerAddress, ListenerPurpose, ProcessTarget, SlotIdentity,
    TARGET_VERSION,
};
use crate::model::{ClusterId, Epoch, NodeId, Sha256, TargetNumber};

const NOW: &str = "2026-01-01T00:00:10Z";

fn target(number: u64, kafka: &str) -> Target {
    let cluster = ClusterId::from_random([2; 16]);
    let name: crate::model::ClusterName = "dev".parse().unwrap();
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
        run: RunState::Running,
        process: ProcessTarget {
            kafka: kafka.into(),
            lock: Sha256::of(b"lock"),
            jar: Sha256::of(b"jar"),
            java: vec![17],
            jvm_options: vec![],
            main_class: "kafka.Kafka".into(),
            arguments: vec![],
        },
        files: BTreeMap::new(),
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
        slices: BTreeMap::from([("h1".parse().unwrap(), slice)]),
    }
}

fn slot_name() -> SlotName {
    "nodes-1".parse().unwrap()
}

fn restart_step() -> Step {
    Step { act: Act::Restart { slot: slot_name() }, class: ChangeClass::Restart, reason: "edited".into() }
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
    use crate::model::inventory::{ClusterReport, HostFolders, HostReport, ProcessReport};
    let launch = current.slot(&slot_name()).unwrap().launch();
    let process =
        ProcessReport { pid: 7, since: NOW.parse().unwrap(), launch, broker_state: Some(3), resident: None };
    let slot = SlotReport { stage, process: Some(process), restarts: 0, failures: 0, certificate: None };
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
    };
    let host = Observed { at: NOW.parse().unwrap(), value: host };
    Inventory { hosts: BTreeMap::from([("h1".parse().unwrap(), host)]), kafka: None }
}

fn decide(step: &Step, current: &Target, goal: &Target, inventory: &Inventory) -> Move {
    let now = NOW.parse().unwrap();
    next_move(
        step,
        &Situation { current: Some(current), goal, inventory, unchanged_for: Duration::ZERO, now },
    )
}

#[test]
fn a_node_is_restarted_only_with_permission_and_done_only_when_it_is_back_in_sync() {
    let (current, goal) = (target(1, "old"), target(2, "new"));
    let mut inventory = reported(&current, Stage::Ready);
    assert!(
        matches!(decide(&restart_step(), &current, &goal, &inventory), Move::Wait { .. }),
        "nothing is known"
    );
    inventory.kafka = Some(healthy_view(&[1, 2]));
    assert!(matches!(decide(&restart_step(), &current, &goal, &inventory), Move::Wait { .. }), "at min ISR");
    inventory.kafka = Some(healthy_view(&[1, 2, 3]));
    assert!(matches!(decide(&restart_step(), &current, &goal, &inventory), Move::Publish(_)));

    let mut inventory = reported(&goal, Stage::Joining);
    inventory.kafka = Some(healthy_view(&[1, 3]));
    assert!(matches!(decide(&restart_step(), &goal, &goal, &inventory), Move::Wait { .. }));
    let mut inventory = reported(&goal, Stage::Ready);
    inventory.kafka = Some(healthy_view(&[1, 3]));
    assert!(
        matches!(decide(&restart_step(), &goal, &goal, &inventory), Move::Wait { .. }),
        "not in sync yet"
    );
    inventory.kafka = Some(healthy_view(&[1, 2, 3]));
    assert_eq!(decide(&restart_step(), &goal, &goal, &inventory), Move::Done);
}

#[test]
fn an_agent_that_has_not_taken_up_the_target_is_waited_for() {
    let (old, current) = (target(1, "new"), target(2, "new"));
    let step = Step { act: Act::Await { slots: BTreeSet::from([slot_name()]) }, ..restart_step() };
    assert!(matches!(decide(&step, &current, &current, &reported(&old, Stage::Ready)), Move::Wait { .. }));
    assert_eq!(decide(&step, &current, &current, &reported(&current, Stage::Ready)), Move::Done);
}

#[test]
fn a_blocked_slot_and_a_long_standstill_fail_the_run_with_their_reason() {
    let current = target(1, "new");
    let step = Step { act: Act::Await { slots: BTreeSet::from([slot_name()]) }, ..restart_step() };
    let blocked = reported(&current, Stage::Blocked { reason: "the disk is full".into() });
    assert!(
        matches!(decide(&step, &current, &current, &blocked), Move::Wait { .. }),
        "it may be an old word"
    );
    let now = NOW.parse().unwrap();
    let unchanged_for = PATIENCE_WITH_STUCK;
    let believed =
        Situation { current: Some(&current), goal: &current, inventory: &blocked, unchanged_for, now };
    assert_eq!(next_move(&step, &believed), Move::Fail { reason: "nodes-1: the disk is full".into() });
    let inventory = reported(&current, Stage::Joining);
    let stuck = Situation {
        current: Some(&current),
        goal: &current,
        inventory: &inventory,
        unchanged_for: STANDSTILL,
        now,
    };
    let Move::Fail { reason } = next_move(&step, &stuck) else { panic!("waits for ever") };
    assert!(reason.contains("nodes-1 (joining)"), "{reason}");
}

#[test]
fn access_is_granted_until_kafka_shows_it() {
    let current = target(1, "new");
    let entry = AccessEntry {
        user: "alice".parse().unwrap(),
        resource: crate::model::cluster::ResourcePattern::any(crate::model::cluster::ResourceKind::Topic),
        operation: crate::model::cluster::AclOperation::Read,
    };
    let step = Step { act: Act::Grant { entries: BTreeSet::from([entry.clone()]) }, ..restart_step() };
    let mut inventory = reported(&current, Stage::Ready);
    assert!(matches!(decide(&step, &current, &current, &inventory), Move::Wait { .. }));
    inventory.kafka = Some(healthy_view(&[1, 2, 3]));
    assert!(matches!(decide(&step, &current, &current, &inventory), Move::InsideKafka(_)));
    inventory.kafka.as_mut().unwrap().value.access.insert(entry);
    assert_eq!(decide(&step, &current, &current, &inventory), Move::Done);
}

#[test]
fn a_node_that_crashes_at_every_start_is_replaced_without_permission() {
    let (current, goal) = (target(1, "old"), target(2, "new"));
    let retry_at = NOW.parse().unwrap();
    let mut inventory = reported(&current, Stage::Crashed { cause: "a bad setting".into(), retry_at });
    let host = inventory.hosts.values_mut().next().unwrap();
    let cluster = host.value.clusters.values_mut().next().unwrap();
    let slot = cluster.slots.get_mut(&slot_name()).unwrap();
    (slot.process, slot.failures) = (None, 3);
    assert!(matches!(decide(&restart_step(), &current, &goal, &inventory), Move::Publish(_)));
}
