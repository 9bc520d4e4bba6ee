//! What is promised to whom wrote with acks=all, and when nothing is (§7).

use super::cluster::{Cluster, nodes, seconds};
use crate::kafka::{Acks, DiskNumber, HostNumber, LostRecord};

const NONE: [bool; 0] = [];

fn lost(cluster: &Cluster) -> Vec<bool> {
    cluster.kafka.lost_records().iter().map(|LostRecord { was_promised, .. }| *was_promised).collect()
}

fn all_in_sync(cluster: &mut Cluster) {
    cluster.until("all is in sync", seconds(90), |cluster| {
        let view = cluster.kafka.view(super::cluster::CLIENT);
        view.is_some_and(|view| view.partitions.iter().all(|it| it.in_sync.len() == 3))
    });
}

#[test]
fn one_node_may_lose_its_disk_and_then_another_after_the_first_is_back() {
    let mut cluster = Cluster::separate(1);
    cluster.topic("orders", 1);
    cluster.write_safely("orders");
    for node in 4..=6 {
        cluster.kill(node);
        cluster.kafka.wipe(DiskNumber(node));
        cluster.start(node);
        cluster.until_back(node);
    }
    assert_eq!(lost(&cluster), NONE);
}

#[test]
fn losing_the_disks_of_as_many_nodes_as_must_be_in_sync_may_lose_records_and_is_not_promised() {
    let mut cluster = Cluster::separate(2);
    cluster.topic("orders", 1);
    cluster.write_safely("orders");
    for node in 4..=6 {
        cluster.kill(node);
    }
    for node in 4..=6 {
        cluster.kafka.wipe(DiskNumber(node));
    }
    assert_eq!(lost(&cluster), [false]);
}

#[test]
fn power_loss_of_one_host_takes_the_tail_of_its_log_and_no_acknowledged_record() {
    for seed in 0..20 {
        let mut cluster = Cluster::separate(seed);
        cluster.topic("orders", 1);
        let leader = cluster.partition("orders", 0).leader.unwrap();
        cluster.write_safely("orders");
        cluster.kafka.lose_power(HostNumber(u16::try_from(leader.0).unwrap()));
        cluster.start(leader.0);
        cluster.until_back(leader.0);
        cluster.write_safely("orders");
        assert_eq!(lost(&cluster), NONE, "{}", cluster.told());
    }
}

#[test]
fn power_loss_of_all_hosts_at_once_loses_what_was_just_acknowledged() {
    let mut cluster = Cluster::separate(3);
    cluster.topic("orders", 1);
    cluster.write_safely("orders");
    (4..=6).for_each(|host| cluster.kafka.lose_power(HostNumber(host)));
    assert_eq!(lost(&cluster), [false]);
    (4..=6).for_each(|node| cluster.start(node));
    all_in_sync(&mut cluster);
}

#[test]
fn power_loss_of_all_hosts_long_after_the_last_record_loses_nothing() {
    let mut cluster = Cluster::separate(4);
    cluster.topic("orders", 1);
    cluster.write_safely("orders");
    cluster.pass(seconds(40));
    (1..=6).for_each(|host| cluster.kafka.lose_power(HostNumber(host)));
    (1..=6).for_each(|node| cluster.start(node));
    all_in_sync(&mut cluster);
    assert_eq!(lost(&cluster), NONE);
}

#[test]
fn a_leader_cut_off_with_a_client_loses_what_it_alone_acknowledged_and_nothing_that_was_promised() {
    let mut cluster = Cluster::separate(5);
    cluster.topic("orders", 1);
    let leader = cluster.partition("orders", 0).leader.unwrap().0;
    let beside = HostNumber(u16::try_from(leader).unwrap());
    cluster.cut_off(leader);
    let to = crate::kafka::PartitionName::new("orders", 0);
    let record = crate::kafka::RecordNumber(500);
    cluster.kafka.produce(beside, record, &to, Acks::Leader).unwrap();
    let never = crate::kafka::RecordNumber(501);
    cluster.kafka.produce(beside, never, &to, Acks::All).unwrap();
    cluster.pass(seconds(20));
    assert!(cluster.is_acknowledged(record) && !cluster.is_acknowledged(never));
    cluster.write_safely("orders");
    cluster.reconnect(leader);
    all_in_sync(&mut cluster);
    assert_eq!(lost(&cluster), NONE);
    assert!(!cluster.is_acknowledged(never));
}

#[test]
fn an_old_snapshot_of_one_disk_is_survived() {
    let mut cluster = Cluster::separate(6);
    cluster.topic("orders", 1);
    cluster.write_safely("orders");
    let leader = cluster.partition("orders", 0).leader.unwrap().0;
    let copy = cluster.kafka.copy_of(DiskNumber(leader));
    cluster.write_safely("orders");
    cluster.kill(leader);
    cluster.kafka.restore(DiskNumber(leader), copy);
    cluster.start(leader);
    cluster.until_back(leader);
    assert_eq!(lost(&cluster), NONE);
    assert_eq!(cluster.in_sync("orders"), nodes(&[4, 5, 6]));
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let history = |seed| {
        let mut cluster = Cluster::combined(seed);
        cluster.topic("orders", 6);
        cluster.kill(1);
        cluster.pass(seconds(5));
        cluster.start(1);
        cluster.pass(seconds(60));
        cluster.told()
    };
    assert_eq!(history(7), history(7));
    assert_ne!(history(7), history(8));
}
