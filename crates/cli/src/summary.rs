//! A cluster in one line and its state in words, from what the server tells.

use klamm_core::api::{ClusterStatus, NodeRow, Want};
use klamm_core::model::inventory::{KafkaView, PartitionView, Stage};

use crate::output::{Tone, age, count};

/// `dev: up, Kafka 4.3.1, 3 of 3 nodes ready, leader 1, all 51 partitions in sync`.
pub(crate) fn one_line(status: &ClusterStatus) -> String {
    let ready = status.nodes.iter().filter(|node| is_ready(node)).count();
    let nodes = format!("{ready} of {} ready", count(status.nodes.len(), "node"));
    let kafka = status.kafka_view.as_ref().map_or_else(|| "kafka: ?".to_owned(), |view| in_sync(&view.value));
    match status.want {
        Want::Up => {
            let leader = leader(status).map_or("?".to_owned(), |leader| leader.to_string());
            format!("{}: up, Kafka {}, {nodes}, controller {leader}, {kafka}", status.name, status.kafka)
        }
        Want::Down => format!("{}: {}, Kafka {}", status.name, how_down(status), status.kafka),
        Want::Destroyed => format!("{}: being destroyed, {nodes}", status.name),
    }
}

/// `down for 3h`, as far as that is known.
fn how_down(status: &ClusterStatus) -> String {
    let stopped = status.nodes.iter().filter(|node| is_stopped(node)).count();
    let all = status.nodes.len();
    match status.since {
        Some(since) if stopped == all => format!("down for {}", age(status.now, since)),
        None if stopped == all => "down".to_owned(),
        Some(_) | None => format!("going down, {stopped} of {} stopped", count(all, "node")),
    }
}

fn is_stopped(node: &NodeRow) -> bool {
    matches!(node.stage.as_ref().map(|stage| &stage.value), Some(Stage::Stopped))
}

/// The node that leads the quorum; none while it is unknown.
pub(crate) fn leader(status: &ClusterStatus) -> Option<klamm_core::model::NodeId> {
    status.kafka_view.as_ref()?.value.quorum.as_ref()?.leader
}

/// Whether a node does all its work.
pub(crate) fn is_ready(node: &NodeRow) -> bool {
    matches!(node.stage.as_ref().map(|stage| &stage.value), Some(Stage::Ready))
}

/// How good a stage is.
pub(crate) fn tone(stage: &Stage) -> Tone {
    match stage {
        Stage::Ready => Tone::Good,
        Stage::Crashed { .. } | Stage::Blocked { .. } => Tone::Bad,
        Stage::Stopped | Stage::Removed => Tone::Quiet,
        Stage::Waiting
        | Stage::Fetching { .. }
        | Stage::Preparing { .. }
        | Stage::Launching
        | Stage::Recovering { .. }
        | Stage::Joining
        | Stage::Stopping => Tone::Notice,
    }
}

/// `all 51 partitions in sync`, or how many are not.
pub(crate) fn in_sync(view: &KafkaView) -> String {
    let behind = view.partitions.iter().filter(|partition| is_behind(partition)).count();
    let headless = view.partitions.iter().filter(|partition| partition.leader.is_none()).count();
    let all = count(view.partitions.len(), "partition");
    match (behind, headless) {
        (0, 0) if view.partitions.is_empty() => "no partitions yet".to_owned(),
        (0, 0) if view.partitions.len() == 1 => format!("{all} in sync"),
        (0, 0) => format!("all {all} in sync"),
        (behind, 0) => format!("{behind} of {all} under-replicated"),
        (behind, headless) => format!("{behind} of {all} under-replicated, {headless} without a leader"),
    }
}

/// Whether a partition has fewer replicas in sync than it should have.
fn is_behind(partition: &PartitionView) -> bool {
    partition.in_sync.len() < partition.replicas.len()
}
