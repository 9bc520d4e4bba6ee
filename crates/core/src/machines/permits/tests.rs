//! Who may stop, and when: one decision a test.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::inventory::{
    ClusterReport, HostFolders, KafkaView, Observed, PartitionView, ProcessReport, QuorumView, VoterView,
};
use crate::model::target::{
    CredentialTarget, HostSlice, ProcessTarget, SlotIdentity, SlotTarget, TARGET_VERSION,
};
use crate::model::{ByteCount, ClusterId, ClusterName, Epoch, NodeId, Sha256, TargetNumber};

const NOW: &str = "2026-01-01T00:00:10Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn slot(id: u32) -> SlotName {
    format!("nodes-{id}").parse().unwrap()
}

fn host(id: u32) -> HostId {
    format!("h{id}").parse().unwrap()
}

/// Three nodes on a host each, all of which shall be started anew.
fn target() -> Target {
    let cluster = ClusterId::from_random([3; 16]);
    let name: ClusterName = "dev".parse().unwrap();
    let slices = (1..=3).map(|id| {
        let target = SlotTarget {
            identity: SlotIdentity {
                node_id: NodeId(id),
                claim: Epoch(1),
                directories: vec![],
                listeners: BTreeMap::new(),
            },
            run: RunState::Running,
            process: ProcessTarget {
                kafka: "new".into(),
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
        slice.slots.insert(slot(id), target);
        (host(id), slice)
    });
    Target {
        version: TARGET_VERSION,
        cluster,
        name: name.clone(),
        number: TargetNumber(4),
        parent: None,
        spec: Sha256::of(b"spec"),
        next_node_id: NodeId(4),
        holdings: Default::default(),
        slices: slices.collect(),
    }
}

/// Every node runs as it did before the target, and Kafka is whole.
fn inventory() -> Inventory {
    let target = target();
    let reports = (1..=3).map(|id| {
        let process = ProcessReport {
            pid: id,
            since: now(),
            launch: Sha256::of(b"old"),
            broker_state: Some(3),
            resident: None,
        };
        let report = SlotReport { stage: Stage::Ready, process: Some(process), ..SlotReport::waiting() };
        let cluster = ClusterReport {
            epoch: Epoch(1),
            number: target.number,
            root: target.digest(),
            slots: BTreeMap::from([(slot(id), report)]),
        };
        let value = HostReport {
            version: 1,
            name: format!("h{id}"),
            klamm: "0".into(),
            folders: HostFolders { state: "/s".into(), logs: "/l".into() },
            memory: ByteCount::gibibytes(1),
            processors: 1,
            address: "127.0.0.1".parse().unwrap(),
            advertised: "localhost".into(),
            ports_taken: BTreeSet::new(),
            clusters: BTreeMap::from([(target.cluster, cluster)]),
            refused: BTreeMap::new(),
        };
        (host(id), Observed { at: now(), value })
    });
    let ids = [1, 2, 3].map(NodeId);
    let voter = VoterView { directory: None, log_end: 5, caught_up_ms: Some(1000) };
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
            in_sync: BTreeSet::from(ids),
            offline: BTreeSet::new(),
            moving: false,
        }],
        min_isr: BTreeMap::from([("t".to_owned(), 2)]),
        ..KafkaView::default()
    };
    Inventory { hosts: reports.collect(), kafka: Some(Observed { at: now(), value }) }
}

fn report(inventory: &mut Inventory, id: u32) -> &mut SlotReport {
    let report = inventory.hosts.get_mut(&host(id)).unwrap();
    report.value.clusters.get_mut(&target().cluster).unwrap().slots.get_mut(&slot(id)).unwrap()
}

fn wanted(id: u32) -> PermitWanted {
    let target = target();
    let launch = target.slot(&slot(id)).unwrap().launch();
    PermitWanted { cluster: target.cluster, slot: slot(id), launch }
}

fn ask(desk: &mut PermitDesk, id: u32, inventory: &Inventory) -> Option<String> {
    desk.decide(&host(id), &wanted(id), &target(), inventory, now()).unwrap().refused
}

#[test]
fn the_next_slot_is_permitted_when_the_one_before_it_is_back_with_its_new_launch() {
    let (mut desk, mut inventory) = (PermitDesk::default(), inventory());
    assert_eq!(ask(&mut desk, 1, &inventory), None);
    assert_eq!(ask(&mut desk, 1, &inventory), None, "asking again is harmless");
    assert_eq!(ask(&mut desk, 2, &inventory).as_deref(), Some("nodes-1 is being restarted"));
    report(&mut inventory, 1).process.as_mut().unwrap().launch = wanted(1).launch;
    assert_eq!(ask(&mut desk, 2, &inventory), None);
    assert_eq!(ask(&mut desk, 1, &inventory).as_deref(), Some("nodes-2 is being restarted"));
}

#[test]
fn a_desk_that_forgot_whom_it_permitted_sees_that_another_node_is_on_its_way() {
    for stage in [Stage::Stopping, Stage::Launching, Stage::Joining] {
        let mut inventory = inventory();
        report(&mut inventory, 1).stage = stage.clone();
        let refused = ask(&mut PermitDesk::default(), 2, &inventory).unwrap();
        assert_eq!(refused, format!("nodes-1 is on its way: {}", stage.describe()));
    }
    let mut silent = inventory();
    silent.hosts.get_mut(&host(1)).unwrap().at = "2026-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(ask(&mut PermitDesk::default(), 2, &silent), None, "ten seconds old");
    silent.hosts.get_mut(&host(1)).unwrap().at = "2025-12-31T23:59:59Z".parse().unwrap();
    let refused = ask(&mut PermitDesk::default(), 2, &silent);
    assert_eq!(refused.as_deref(), Some("the agent of nodes-1 is not heard"));
    silent.hosts.remove(&host(1));
    assert_eq!(ask(&mut PermitDesk::default(), 2, &silent), refused);
}

#[test]
fn kafka_has_the_last_word_and_an_unknown_kafka_says_no() {
    let mut inventory = inventory();
    inventory.kafka.as_mut().unwrap().value.partitions[0].in_sync.remove(&NodeId(3));
    assert!(ask(&mut PermitDesk::default(), 1, &inventory).unwrap().contains("min.insync.replicas is 2"));
    inventory.kafka = None;
    assert_eq!(ask(&mut PermitDesk::default(), 1, &inventory).as_deref(), Some("Kafka could not be asked"));
}

#[test]
fn a_node_that_serves_nobody_is_replaced_without_asking_kafka() {
    let (desk, mut inventory) = (PermitDesk::default(), inventory());
    assert!(desk.needs_kafka(&wanted(1), &target(), &inventory, now()));
    inventory.kafka = None;
    let retry_at = now();
    report(&mut inventory, 1).stage = Stage::Crashed { cause: "a bad setting".into(), retry_at };
    report(&mut inventory, 1).failures = 2;
    assert!(!desk.needs_kafka(&wanted(1), &target(), &inventory, now()));
    assert_eq!(ask(&mut PermitDesk::default(), 1, &inventory), None);
    inventory.hosts.get_mut(&host(1)).unwrap().at = "2025-12-31T23:00:00Z".parse().unwrap();
    assert!(desk.needs_kafka(&wanted(1), &target(), &inventory, now()), "an old word about it is none");
}

#[test]
fn of_nodes_that_are_all_down_none_waits_for_another() {
    let (mut desk, mut inventory) = (PermitDesk::default(), inventory());
    let retry_at = now();
    for id in 1..=3 {
        let report = report(&mut inventory, id);
        report.stage = Stage::Crashed { cause: "a bad setting".into(), retry_at };
        (report.process, report.failures) = (None, 5);
    }
    for id in 1..=3 {
        assert_eq!(ask(&mut desk, id, &inventory), None, "node {id}");
    }
}

#[test]
fn another_launch_than_the_targets_and_another_host_than_the_claims_are_refused() {
    let (mut desk, inventory) = (PermitDesk::default(), inventory());
    let other = PermitWanted { launch: Sha256::of(b"old"), ..wanted(1) };
    let answer = desk.decide(&host(1), &other, &target(), &inventory, now()).unwrap();
    assert_eq!(answer.refused.as_deref(), Some("another target is in force"));
    let foreign = desk.decide(&host(2), &wanted(1), &target(), &inventory, now());
    assert_eq!(foreign, Err(NotYours { host: host(2), slot: slot(1) }));
    assert_eq!(desk, PermitDesk::default(), "nothing was given");
}
