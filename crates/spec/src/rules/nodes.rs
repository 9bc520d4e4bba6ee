//! Voters, brokers, roles, heaps, disks and node ids.

use std::collections::BTreeMap;

use klamm_core::kafka::NodeRole;
use klamm_core::model::cluster::{Heap, Pool};
use klamm_core::model::{ByteCount, NodeId, PoolName};

use super::Scene;
use crate::problem::{Code, Severity};
use crate::read::{Place, Problems};

/// Rules about single pools and slots.
pub(super) fn check_each(scene: &Scene<'_>, problems: &mut Problems) {
    for (name, pool) in &scene.cluster.pools {
        let place = scene.root.find(&["pools", name.as_str()]);
        check_storage(pool, &place, problems);
    }
    check_combined(scene, problems);
    check_heaps(scene, problems);
    check_node_ids(scene, problems);
}

/// The count of the only pool that matters, else `pools`.
fn count_of<'a>(scene: &Scene<'a>, matters: impl Fn(NodeRole) -> bool) -> Place<'a> {
    let mut pools = scene.cluster.pools.iter().filter(|(_, pool)| matters(pool.roles));
    match (pools.next(), pools.next()) {
        (Some((name, _)), None) => scene.root.find(&["pools", name.as_str(), "count"]),
        _ => scene.root.find(&["pools"]),
    }
}

/// How many vote.
pub(super) fn check_voters(scene: &Scene<'_>, problems: &mut Problems) {
    let voters = scene.cluster.controllers();
    let spot = count_of(scene, NodeRole::is_controller).spot();
    if voters == 0 {
        let message = "no pool has the role `controller`, so nobody keeps the cluster's metadata";
        problems.error(Code::Voters, spot, message, "add `controllers: { roles: [controller], count: 3 }`");
    } else if voters == 1 && scene.is_production() {
        let message = "one controller: with its disk go all topics, rights and configuration of the cluster";
        problems.error(Code::Voters, spot, message, "write `count: 3` for the controllers");
    } else if voters.is_multiple_of(2) {
        let message = format!(
            "{voters} controllers vote: an even number survives no more losses than {}, and has one more node to lose",
            voters - 1
        );
        let better = if voters == 2 { 3 } else { voters - 1 };
        problems.error(Code::Voters, spot, message, format!("write `count: {better}` for the controllers"));
    } else if voters > 7 {
        let message =
            format!("{voters} controllers vote on each change, and the cluster is as slow as their majority");
        problems.warning(Code::Voters, spot, message, "three or five are enough");
    }
}

/// How many hold partitions.
pub(super) fn check_brokers(scene: &Scene<'_>, problems: &mut Problems) {
    let brokers = scene.cluster.brokers();
    let spot = count_of(scene, NodeRole::is_broker).spot();
    if brokers == 0 {
        let message = "no pool has the role `broker`, so there is nowhere to keep records";
        problems.error(Code::Brokers, spot, message, "add `brokers: { roles: [broker], count: 3 }`");
    } else if brokers < 3 && scene.is_production() {
        let few = if brokers == 1 { "one broker" } else { "two brokers" };
        let message = format!("{few} cannot hold three copies, so one loss stops writes or loses records");
        problems.error(Code::Brokers, spot, message, "write `count: 3` or more for the brokers");
    } else if brokers == 2 {
        let message = "two brokers: either writes stop when one is gone, or they are kept once";
        problems.warning(Code::Brokers, spot, message, "write `count: 3`");
    }
}

fn check_combined(scene: &Scene<'_>, problems: &mut Problems) {
    let combined = scene.cluster.pools.iter().filter(|(_, pool)| pool.roles == NodeRole::Combined);
    for (name, _) in combined.filter(|_| scene.is_production()) {
        let spot = scene.root.find(&["pools", name.as_str(), "roles"]).spot();
        let message =
            "a busy broker starves the controller in the same process, and the two cannot be restarted apart";
        let help =
            "split it into a pool with `[controller]` and one with `[broker]`, or write `profile: laptop`";
        problems.error(Code::Combined, spot, message, help);
    }
}

fn check_storage(pool: &Pool, place: &Place<'_>, problems: &mut Problems) {
    for (index, path) in pool.storage.iter().enumerate() {
        let Some(earlier) = pool.storage[..index].iter().find(|earlier| earlier.overlaps(path)) else {
            continue;
        };
        let spot = place.find(&["storage"]).items().nth(index).and_then(|item| item.get("path"));
        let message =
            format!("`{path}` and `{earlier}` lie in each other, so they would share one disk and one loss");
        let spot = spot.as_ref().unwrap_or(place).spot();
        problems.error(Code::Storage, spot, message, "name each disk once, by its own mount point");
    }
    if pool.roles == NodeRole::Controller && pool.storage.len() > 1 {
        let spot = place.find(&["storage"]).spot();
        let message =
            "a controller keeps one metadata log in the first directory; the others would stay empty";
        problems.error(Code::Storage, spot, message, "name one path");
    }
}

/// Below this, a broker with its network buffers and the log cleaner's map does not start reliably.
const LEAST_HEAP: ByteCount = ByteCount::mebibytes(128);
/// Kafka's own scripts give a broker 1 GiB.
const LEAST_PRODUCTION_HEAP: ByteCount = ByteCount::gibibytes(1);
/// Above this, the JVM's pointers double in size.
const COMPRESSED_POINTERS_END: ByteCount = ByteCount::gibibytes(31);

fn check_heaps(scene: &Scene<'_>, problems: &mut Problems) {
    let mut together = 0u64;
    for (name, pool) in &scene.cluster.pools {
        let Heap::Exactly(heap) = pool.heap else { continue };
        together = together.saturating_add(heap.0.saturating_mul(u64::from(pool.count)));
        let place = scene.root.find(&["pools", name.as_str(), "heap"]);
        let half = scene.context.memory.map(|memory| ByteCount(memory.0 / 2));
        if heap < LEAST_HEAP {
            let message = format!("a heap of {heap} is less than a node needs to start");
            problems.error(Code::Heap, place.spot(), message, "write `512MiB` or more, or `auto`");
        } else if let Some(half) = half.filter(|half| heap > *half) {
            let message = format!(
                "a heap of {heap} is more than half of the host's memory ({half} is half); \
                 Kafka reads and writes through the page cache, which lives in the rest"
            );
            problems.error(
                Code::Heap,
                place.spot(),
                message,
                format!("write at most `{}MiB`, or `auto`", half.whole_mebibytes()),
            );
        } else if heap > COMPRESSED_POINTERS_END {
            let message = format!(
                "with a heap of {heap} every pointer takes eight bytes, and it holds less than 31 GiB would"
            );
            problems.warning(Code::Heap, place.spot(), message, "write `6GiB`, which is plenty, or `auto`");
        } else if heap < LEAST_PRODUCTION_HEAP && scene.is_production() {
            let message = format!(
                "a heap of {heap} is small for production: a burst of connections ends in an out-of-memory exit"
            );
            problems.warning(Code::Heap, place.spot(), message, "write `1GiB` or more, or `auto`");
        }
    }
    let Some(memory) = scene.context.memory.filter(|_| !scene.is_production()) else { return };
    if together > memory.0 / 2 {
        let message = format!(
            "all nodes share this machine: their heaps are {} together, more than half of its {memory}",
            ByteCount(together)
        );
        problems.warning(
            Code::Heap,
            scene.root.find(&["pools"]).spot(),
            message,
            "write smaller heaps, or `auto`",
        );
    }
}

fn check_node_ids(scene: &Scene<'_>, problems: &mut Problems) {
    let mut seen: BTreeMap<NodeId, (&PoolName, u16)> = BTreeMap::new();
    for (name, pool) in &scene.cluster.pools {
        for (ordinal, slot) in &pool.slots {
            let Some(id) = slot.node_id else { continue };
            let place = |pool: &PoolName, ordinal: u16| {
                scene.root.find(&["pools", pool.as_str(), "slots", &ordinal.to_string(), "node-id"])
            };
            match seen.get(&id) {
                Some((first_pool, first_ordinal)) => {
                    let message = format!(
                        "node id {id} is already pinned for {first_pool}-{first_ordinal}; ids are unique over all pools"
                    );
                    let first = place(first_pool, *first_ordinal).spot().span;
                    problems
                        .add(
                            Severity::Error,
                            Code::NodeIdTaken,
                            place(name, *ordinal).spot(),
                            (message, "write another id".to_owned()),
                        )
                        .other(first, "pinned here");
                }
                None => {
                    seen.insert(id, (name, *ordinal));
                }
            }
        }
    }
}
