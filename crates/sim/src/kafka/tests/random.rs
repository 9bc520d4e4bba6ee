//! Random faults: whatever happens, no promise is broken, and what is mended comes back.

use std::time::Duration;

use super::cluster::{CLIENT, Cluster, ms, seconds};
use crate::kafka::chance::Chance;
use crate::kafka::{Acks, DiskNumber, HostNumber, What};

/// Histories; a release build plays a thousand in a second or two.
const SEEDS: u64 = 150;

/// Faults of one history.
const FAULTS: u64 = 40;

struct Fate {
    chance: Chance,
    /// Whether a voter lost its disk: then metadata may be lost.
    voter_wiped: bool,
}

impl Fate {
    fn below(&mut self, most: u32) -> u32 {
        u32::try_from(self.chance.next() % u64::from(most)).unwrap()
    }
}

/// One fault, or one thing mended, of a node.
fn strike(cluster: &mut Cluster, fate: &mut Fate) {
    let nodes = u32::try_from(cluster.runs.len()).unwrap();
    let node = 1 + fate.below(nodes);
    let other = 1 + fate.below(nodes);
    let host = |node: u32| HostNumber(u16::try_from(node).unwrap());
    match fate.below(20) {
        0 | 1 => cluster.kill(node),
        2 => cluster.stop(node),
        3 => cluster.freeze(node),
        4 | 5 => cluster.thaw(node),
        6 => cluster.kafka.cut(host(node), host(other)),
        7 | 8 => cluster.kafka.heal(host(node), host(other)),
        9 => cluster.cut_off(node),
        10 | 11 => cluster.reconnect(node),
        12 => cluster.kafka.lose_power(host(node)),
        13 if !cluster.is_alive(node) => {
            fate.voter_wiped |= node <= 3;
            cluster.kafka.wipe(DiskNumber(node));
        }
        14 => (1..=nodes).for_each(|node| cluster.reconnect(node)),
        _ => {
            let dead = (1..=nodes).find(|node| !cluster.is_alive(*node));
            dead.into_iter().for_each(|node| cluster.start(node));
        }
    }
}

fn write_something(cluster: &mut Cluster, fate: &mut Fate) {
    let topic = ["orders", "events"][fate.below(2) as usize];
    let acks = if fate.below(4) == 0 { Acks::Leader } else { Acks::All };
    // Refusals are part of it.
    let _refused = cluster.write(topic, acks);
}

fn mend_all(cluster: &mut Cluster) {
    let nodes: Vec<u32> = cluster.runs.keys().copied().collect();
    for node in &nodes {
        cluster.reconnect(*node);
        cluster.thaw(*node);
    }
    cluster.pass(seconds(400));
    nodes.iter().for_each(|node| {
        if !cluster.is_alive(*node) {
            cluster.start(*node);
        }
    });
}

fn play(seed: u64, separate: bool) -> Cluster {
    let mut fate = Fate { chance: Chance::new(seed ^ 0x5eed), voter_wiped: false };
    let mut cluster = if separate { Cluster::separate(seed) } else { Cluster::combined(seed) };
    cluster.topic("orders", 3);
    cluster.topic("events", 2);
    for _ in 0..FAULTS {
        strike(&mut cluster, &mut fate);
        for _ in 0..fate.below(10) {
            write_something(&mut cluster, &mut fate);
            cluster.pass(ms(u64::from(fate.below(1_500))));
        }
        cluster.pass(ms(u64::from(fate.below(10_000))));
    }
    mend_all(&mut cluster);
    let lost_metadata = cluster.history.iter().any(|it| it.what == What::MetadataLost);
    assert!(fate.voter_wiped || !lost_metadata, "seed {seed}: {}", cluster.told());
    cluster
}

fn is_whole(cluster: &Cluster) -> bool {
    let view = cluster.kafka.view(CLIENT);
    view.is_some_and(|view| {
        view.partitions.iter().all(|it| it.in_sync.len() == it.replicas.len() && it.leader.is_some())
    })
}

#[test]
fn no_promise_is_broken_and_what_is_mended_is_whole_again() {
    for seed in 0..SEEDS {
        let mut cluster = play(seed, seed % 2 == 0);
        let broken: Vec<_> = cluster.kafka.lost_records().iter().filter(|lost| lost.was_promised).collect();
        assert!(broken.is_empty(), "seed {seed}: {broken:?}\n{}", cluster.told());
        let lost_metadata = cluster.history.iter().any(|it| it.what == What::MetadataLost);
        if !lost_metadata {
            let begun = cluster.kafka.now();
            while !is_whole(&cluster) {
                let waited = cluster.kafka.now() - begun;
                assert!(waited < seconds(120), "seed {seed}: not whole\n{}", cluster.told());
                cluster.pass(Duration::from_millis(500));
            }
        }
    }
}
