//! The quorum (§3.1, §3.3, §3.6).

use klamm_core::kafka::NodeRole;

use super::cluster::{CLIENT, Cluster, ms, seconds};
use crate::kafka::{RaftRole, Request, What};

fn elections(cluster: &Cluster) -> usize {
    cluster.history.iter().filter(|it| matches!(it.what, What::ControllerElected { .. })).count()
}

#[test]
fn three_controllers_elect_one_within_seconds_and_then_nothing_happens() {
    let mut cluster = Cluster::separate(1);
    assert!(cluster.kafka.now() < seconds(12), "{:?}\n{}", cluster.kafka.now(), cluster.told());
    let before = elections(&cluster);
    cluster.pass(seconds(3600));
    assert_eq!(elections(&cluster), before, "{}", cluster.told());
    assert_eq!(cluster.view().quorum.unwrap().voters.len(), 3);
}

#[test]
fn a_killed_leader_is_followed_by_another_after_the_fetch_timeout_of_two_seconds() {
    for seed in 0..20 {
        let mut cluster = Cluster::separate(seed);
        let leader = cluster.leader().unwrap();
        cluster.kill(leader);
        let took = cluster
            .until("another leads", seconds(12), |cluster| cluster.leader().is_some_and(|now| now != leader));
        assert!(took >= ms(1_500), "{took:?}");
    }
}

#[test]
fn a_leader_that_is_told_to_stop_hands_over_at_once() {
    for seed in 0..20 {
        let mut cluster = Cluster::separate(seed);
        let leader = cluster.leader().unwrap();
        cluster.stop(leader);
        let took = cluster
            .until("another leads", seconds(2), |cluster| cluster.leader().is_some_and(|now| now != leader));
        assert!(took <= ms(1_500), "{took:?}");
        cluster.until("it ended", seconds(6), |cluster| !cluster.is_alive(leader));
    }
}

#[test]
fn a_leader_without_a_majority_resigns_and_a_minority_elects_nobody() {
    let mut cluster = Cluster::separate(3);
    let leader = cluster.leader().unwrap();
    for node in (1..=3).filter(|node| *node != leader) {
        cluster.kill(node);
    }
    let since = cluster.kafka.now();
    cluster.pass(seconds(60));
    let resigned = cluster.when(since, |what| matches!(what, What::ControllerResigned { .. })).unwrap();
    assert!((ms(2_900)..ms(3_100)).contains(&(resigned - since)), "{:?}", resigned - since);
    assert_eq!(cluster.kafka.view(CLIENT), None);
    assert_eq!(cluster.when(since, |what| matches!(what, What::ControllerElected { .. })), None);
    let other = (1..=3).find(|node| *node != leader).unwrap();
    cluster.start(other);
    cluster.until("a majority elects", seconds(20), |cluster| cluster.leader().is_some());
}

#[test]
fn a_voter_that_was_cut_off_disturbs_nobody_when_it_comes_back() {
    let mut cluster = Cluster::separate(4);
    let leader = cluster.leader().unwrap();
    let epoch = cluster.view().quorum.unwrap().epoch;
    let other = (1..=3).find(|node| *node != leader).unwrap();
    cluster.cut_off(other);
    cluster.pass(seconds(120));
    cluster.reconnect(other);
    cluster.pass(seconds(30));
    assert_eq!((cluster.leader(), cluster.view().quorum.unwrap().epoch), (Some(leader), epoch));
    assert_eq!(cluster.kafka.status(cluster.runs[&other]).unwrap().raft, Some(RaftRole::Follower));
}

#[test]
fn a_frozen_leader_is_replaced_and_follows_when_it_thaws() {
    let mut cluster = Cluster::separate(5);
    let leader = cluster.leader().unwrap();
    cluster.freeze(leader);
    assert_eq!(cluster.kafka.status(cluster.runs[&leader]), None);
    cluster.until("another leads", seconds(12), |cluster| cluster.leader().is_some_and(|now| now != leader));
    cluster.thaw(leader);
    cluster.until("it follows", seconds(3), |cluster| {
        cluster.kafka.status(cluster.runs[&leader]).unwrap().raft == Some(RaftRole::Follower)
    });
}

#[test]
fn a_voter_that_cannot_fetch_falls_behind_in_what_the_leader_tells() {
    let mut cluster = Cluster::separate(6);
    let leader = cluster.leader().unwrap();
    let other = (1..=3).find(|node| *node != leader).unwrap();
    let lag = |cluster: &Cluster, node: u32| {
        let voters = cluster.view().quorum.unwrap().voters;
        let caught_up = |id: u32| voters[&klamm_core::model::NodeId(id)].caught_up_ms.unwrap();
        caught_up(leader) - caught_up(node)
    };
    assert!((0..1_000).contains(&lag(&cluster, other)));
    cluster.freeze(other);
    cluster.pass(seconds(5));
    assert!((4_900..5_600).contains(&lag(&cluster, other)), "{}", lag(&cluster, other));
    cluster.thaw(other);
    cluster.pass(seconds(2));
    assert!((0..1_000).contains(&lag(&cluster, other)));
}

#[test]
fn a_link_that_is_cut_one_way_is_as_good_as_cut() {
    let mut cluster = Cluster::separate(7);
    let leader = cluster.leader().unwrap();
    let host = |node: u32| crate::kafka::HostNumber(u16::try_from(node).unwrap());
    for other in (1..=6).filter(|node| *node != leader) {
        cluster.kafka.cut(host(other), host(leader));
    }
    cluster.until("another leads", seconds(12), |cluster| cluster.leader().is_some_and(|now| now != leader));
}

#[test]
fn an_observer_becomes_a_voter_and_a_voter_is_taken_out() {
    let roles = [NodeRole::Controller, NodeRole::Controller, NodeRole::Controller, NodeRole::Broker];
    let mut cluster = Cluster::of(&roles, 8);
    let all = cluster.voters();
    let two = all[..2].to_vec();
    let launch = |cluster: &Cluster, node: u32, voters: Vec<_>| {
        let mut launch = cluster.launch_of(node);
        if let crate::kafka::Storage::Formatted { voters: begins_with, .. } = &mut launch.storage {
            *begins_with = voters;
        }
        launch
    };
    for node in 1..=4 {
        let voters = if node <= 2 { two.clone() } else { Vec::new() };
        let launch = launch(&cluster, node, voters);
        let run = cluster.kafka.launch(launch);
        cluster.runs.insert(node, run);
    }
    cluster.until("a broker runs", seconds(20), |cluster| cluster.leader().is_some());
    assert_eq!(cluster.kafka.status(cluster.runs[&3]).unwrap().raft, Some(RaftRole::Observer));
    cluster.ask(Request::AddVoter { voter: all[2] }).unwrap();
    cluster.pass(seconds(1));
    assert_eq!(cluster.kafka.status(cluster.runs[&3]).unwrap().raft, Some(RaftRole::Follower));
    let leader = cluster.leader().unwrap();
    cluster.ask(Request::RemoveVoter { voter: all[leader as usize - 1] }).unwrap();
    cluster.until("a voter leads", seconds(12), |cluster| cluster.leader().is_some_and(|now| now != leader));
    assert_eq!(cluster.view().quorum.unwrap().voters.len(), 2);
}

#[test]
fn metadata_is_lost_when_a_majority_of_voters_loses_its_disks() {
    let mut cluster = Cluster::separate(9);
    cluster.topic("orders", 3);
    (1..=3).for_each(|node| cluster.kill(node));
    cluster.pass(seconds(1));
    (1..=2).for_each(|node| cluster.kafka.wipe(crate::kafka::DiskNumber(node)));
    (1..=2).for_each(|node| cluster.start(node));
    cluster.pass(seconds(30));
    assert!(cluster.when(seconds(0), |what| *what == What::MetadataLost).is_some(), "{}", cluster.told());
}

#[test]
fn a_voter_whose_log_is_behind_is_not_elected() {
    for seed in 0..20 {
        let mut cluster = Cluster::separate(seed);
        let leader = cluster.leader().unwrap();
        let behind = (1..=3).find(|node| *node != leader).unwrap();
        cluster.cut_off(behind);
        cluster.topic("orders", 1);
        cluster.kill(leader);
        cluster.reconnect(behind);
        let other = 6 - leader - behind;
        cluster.until("the other one leads", seconds(20), |cluster| cluster.leader() == Some(other));
        assert_eq!(cluster.view().partitions.len(), 1);
    }
}
