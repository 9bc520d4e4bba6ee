//! What the server of the tests knows: a healthy cluster, and one in trouble.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use klamm_core::api::{
    CertificateRow, Certificates, ClusterStatus, HostRow, NodeRow, RunState, RunView, StepState, StepView,
    Want,
};
use klamm_core::model::inventory::{
    CertificateReport, KafkaView, Observed, PartitionView, ProcessReport, QuorumView, Stage,
};
use klamm_core::model::plan::{Act, ChangeClass, Plan, Step};
use klamm_core::model::{ByteCount, ClusterId, NodeId, Sha256, SlotName, TargetNumber};

pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a moment")
}

pub(crate) fn ago(seconds: i64) -> Timestamp {
    now().checked_sub(SignedDuration::from_secs(seconds)).expect("a moment")
}

pub(crate) fn slot(ordinal: u32) -> SlotName {
    format!("nodes-{ordinal}").parse().expect("a slot name")
}

fn node(ordinal: u32) -> NodeRow {
    let port = 9092 + ordinal * 3;
    NodeRow {
        slot: slot(ordinal),
        node_id: NodeId(ordinal + 1),
        roles: "controller+broker".into(),
        host: "h-1".parse().expect("a host id"),
        stage: Some(Observed { at: ago(2), value: Stage::Ready }),
        remark: None,
        process: Some(ProcessReport {
            pid: 4000 + ordinal,
            since: ago(3 * 3600 + 60),
            launch: Sha256::of(b"launch"),
            broker_state: Some(3),
            resident: Some(ByteCount::mebibytes(700)),
        }),
        restarts: 0,
        certificate: Some(CertificateReport {
            serial: "ab".into(),
            not_before: ago(86_400),
            not_after: ago(-89 * 86_400),
            names: vec!["localhost".into()],
            generation: "gen-1".into(),
            served: BTreeSet::from(["ab".to_owned()]),
        }),
        listeners: BTreeMap::from([
            ("CLIENTS".to_owned(), format!("localhost:{port}")),
            ("CONTROLLERS".to_owned(), format!("localhost:{}", port + 1)),
        ]),
    }
}

fn partition(index: i32, in_sync: &[u32]) -> PartitionView {
    PartitionView {
        topic: "orders".into(),
        index,
        leader: in_sync.first().copied().map(NodeId),
        replicas: [1, 2, 3].map(NodeId).to_vec(),
        in_sync: in_sync.iter().copied().map(NodeId).collect(),
        offline: BTreeSet::new(),
        moving: false,
    }
}

/// Three nodes, all well.
pub(crate) fn healthy() -> ClusterStatus {
    let bootstrap = "localhost:9092,localhost:9095,localhost:9098";
    ClusterStatus {
        name: "dev".parse().expect("a name"),
        id: ClusterId::from_random([7; 16]),
        want: Want::Up,
        since: Some(ago(3 * 3600)),
        kafka: "4.3.1".into(),
        target: TargetNumber(4),
        bootstrap: BTreeMap::from([("clients".to_owned(), bootstrap.to_owned())]),
        nodes: (0..3).map(node).collect(),
        hosts: vec![HostRow { id: "h-1".parse().expect("a host id"), name: "laptop".into(), seen: ago(2) }],
        kafka_view: Some(Observed {
            at: ago(5),
            value: KafkaView {
                quorum: Some(QuorumView { leader: Some(NodeId(2)), epoch: 3, voters: BTreeMap::new() }),
                brokers: [1, 2, 3].map(NodeId).into(),
                partitions: (0..6).map(|index| partition(index, &[1, 2, 3])).collect(),
                ..KafkaView::default()
            },
        }),
        run: None,
        now: now(),
    }
}

/// Three nodes, stopped as asked.
pub(crate) fn stopped() -> ClusterStatus {
    let mut status = healthy();
    status.want = Want::Down;
    status.kafka_view = None;
    for node in &mut status.nodes {
        node.stage = Some(Observed { at: ago(1), value: Stage::Stopped });
        node.process = None;
    }
    status
}

/// One node crashed, one unknown, a run that stopped.
pub(crate) fn troubled() -> ClusterStatus {
    let mut status = healthy();
    let cause = "the disk of nodes-0 is full: /srv/kafka/d1 has 0 bytes left";
    status.nodes[0].stage =
        Some(Observed { at: ago(4), value: Stage::Crashed { cause: cause.into(), retry_at: ago(-10) } });
    status.nodes[0].process = None;
    status.nodes[0].restarts = 7;
    status.nodes[1].stage = None;
    status.nodes[1].process = None;
    status.nodes[1].certificate = None;
    let view = status.kafka_view.as_mut().expect("it has one");
    view.value.partitions[0] = partition(0, &[3]);
    view.value.partitions[1] = partition(1, &[]);
    status.run = Some(run(
        5,
        RunState::Failed { reason: "nodes-0 is not ready after 10 m".into() },
        StepState::Failed,
    ));
    status
}

/// A run of one step.
pub(crate) fn run(number: u64, state: RunState, step: StepState) -> RunView {
    let stage = if state == RunState::Done { Stage::Ready } else { Stage::Joining };
    RunView {
        run: number,
        cluster: "dev".parse().expect("a name"),
        state,
        steps: vec![StepView { title: "restart nodes-0".into(), state: step }],
        slots: BTreeMap::from([(slot(0), stage)]),
        started: ago(90),
    }
}

/// A run from beginning to end.
pub(crate) fn good_run(number: u64) -> Vec<RunView> {
    vec![
        run(number, RunState::Running, StepState::Running { waits_for: "nodes-0 to be in sync".into() }),
        run(number, RunState::Done, StepState::Done),
    ]
}

/// Steps of two classes, and a note.
pub(crate) fn plan() -> Plan {
    Plan {
        cluster: "dev".parse().expect("a name"),
        from: Some(TargetNumber(4)),
        steps: vec![
            Step {
                act: Act::Configure {
                    settings: BTreeMap::from([("min.insync.replicas".into(), "2".into())]),
                },
                class: ChangeClass::Dynamic,
                reason: "the spec says 2, the cluster has 1".into(),
            },
            Step {
                act: Act::Restart { slot: slot(0) },
                class: ChangeClass::Restart,
                reason:
                    "num.network.threads is 8 in the spec and 3 in the process, which reads it at its start"
                        .into(),
            },
        ],
        notes: vec!["topic old is in the cluster and not in the spec; it stays".into()],
    }
}

/// No steps.
pub(crate) fn empty_plan() -> Plan {
    Plan {
        cluster: "dev".parse().expect("a name"),
        from: Some(TargetNumber(4)),
        steps: vec![],
        notes: vec![],
    }
}

/// An authority, a node and a user whose certificate has expired. Relative to the real clock, which the command reads.
pub(crate) fn certificates() -> Certificates {
    let day = 86_400;
    let at = |seconds: i64| Timestamp::from_second(Timestamp::now().as_second() + seconds).expect("a moment");
    let row = |kind: &str, subject: &str, serial: &str, from: i64, to: i64, place: &str| CertificateRow {
        kind: kind.into(),
        subject: subject.into(),
        serial: serial.into(),
        issuer: "CN=nodes 1,OU=authorities,O=dev".into(),
        not_before: at(from),
        // half an hour more, so that the day does not end while the test runs
        not_after: at(to + 1800),
        place: place.into(),
    };
    let mut of_command = row("user", "CN=admin,OU=users,O=dev", "99", -60, 0, "klamm topic list");
    of_command.not_after = at(540);
    Certificates {
        certificates: vec![
            of_command,
            row("authority", "CN=nodes 1,OU=authorities,O=dev", "01", -2 * day, 3650 * day, "server"),
            row("node", "CN=nodes-0,OU=nodes,O=dev", "5f3c9a", -2 * day, 88 * day, "nodes-0"),
            row("node", "CN=nodes-0,OU=nodes,O=dev", "4e2b8f", -60 * day, 30 * day, "nodes-0"),
            row("user", "CN=alice,OU=users,O=dev", "77aa01", -4 * day, -day, "klamm client-config"),
        ],
    }
}
