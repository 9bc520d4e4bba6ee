//! Elections and eligible leader replicas (`kafka-facts` §7, `PartitionChangeBuilder`).

use std::collections::BTreeSet;

use klamm_core::model::NodeId;

use super::*;
use crate::kafka::PartitionName;

fn nodes(ids: &[u32]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

fn partition(leader: Option<u32>, in_sync: &[u32], eligible: &[u32]) -> Partition {
    Partition {
        name: PartitionName::new("orders", 0),
        replicas: vec![NodeId(1), NodeId(2), NodeId(3)],
        in_sync: nodes(in_sync),
        eligible: nodes(eligible),
        last_leader: None,
        leader: leader.map(NodeId),
        leader_epoch: 5,
        moving: false,
    }
}

fn without(partition: &Partition, gone: u32, active: &[u32]) -> Option<Partition> {
    let change = PartitionChange {
        partition,
        in_sync: partition.in_sync.iter().copied().filter(|node| *node != NodeId(gone)).collect(),
        election: Election::Online,
        unclean: None,
        min_in_sync: 2,
    };
    change.apply(|node| active.contains(&node.0))
}

fn registered_unclean(partition: &Partition, node: u32, active: &[u32]) -> Option<Partition> {
    let change = PartitionChange {
        partition,
        in_sync: partition.in_sync.iter().copied().filter(|member| *member != NodeId(node)).collect(),
        election: Election::Online,
        unclean: Some(NodeId(node)),
        min_in_sync: 2,
    };
    change.apply(|node| active.contains(&node.0))
}

#[test]
fn a_fenced_leader_is_followed_by_the_first_replica_in_sync() {
    let after = without(&partition(Some(1), &[1, 2, 3], &[]), 1, &[2, 3]).unwrap();
    assert_eq!((after.leader, after.leader_epoch), (Some(NodeId(2)), 6));
    assert_eq!((after.in_sync, after.eligible), (nodes(&[2, 3]), nodes(&[])));
}

#[test]
fn a_fenced_follower_leaves_the_leader_and_its_epoch_alone() {
    let after = without(&partition(Some(1), &[1, 2, 3], &[]), 3, &[1, 2]).unwrap();
    assert_eq!((after.leader, after.leader_epoch), (Some(NodeId(1)), 5));
}

#[test]
fn who_leaves_a_partition_below_its_minimum_stays_eligible() {
    let after = without(&partition(Some(1), &[1, 2], &[]), 2, &[1]).unwrap();
    assert_eq!((&after.in_sync, &after.eligible), (&nodes(&[1]), &nodes(&[2])));
    let after = without(&after, 1, &[]).unwrap();
    assert_eq!((after.leader, after.last_leader), (None, Some(NodeId(1))));
    assert_eq!((after.in_sync, after.eligible), (nodes(&[]), nodes(&[1, 2])));
}

#[test]
fn without_anybody_in_sync_an_eligible_one_leads_and_is_alone_in_sync() {
    let nobody = partition(None, &[], &[1, 2]);
    let change = PartitionChange {
        partition: &nobody,
        in_sync: nodes(&[]),
        election: Election::Online,
        unclean: None,
        min_in_sync: 2,
    };
    let after = change.apply(|node| node == NodeId(2)).unwrap();
    assert_eq!((after.leader, after.in_sync, after.eligible), (Some(NodeId(2)), nodes(&[2]), nodes(&[1])));
}

#[test]
fn an_unclean_end_takes_a_broker_out_of_what_it_is_eligible_for() {
    let after = registered_unclean(&partition(Some(1), &[1], &[2]), 2, &[1]).unwrap();
    assert_eq!((after.leader, after.eligible), (Some(NodeId(1)), nodes(&[])));
}

#[test]
fn the_last_leader_leads_again_when_nobody_is_left_to_ask() {
    let nobody = Partition { last_leader: Some(NodeId(1)), ..partition(None, &[], &[]) };
    let change = |partition| PartitionChange {
        partition,
        in_sync: nodes(&[]),
        election: Election::Online,
        unclean: None,
        min_in_sync: 2,
    };
    assert_eq!(change(&nobody).apply(|node| node == NodeId(2)), None);
    let after = change(&nobody).apply(|node| node == NodeId(1)).unwrap();
    assert_eq!((after.leader, after.in_sync, after.last_leader), (Some(NodeId(1)), nodes(&[1]), None));
}

#[test]
fn the_preferred_leader_comes_back_only_if_it_is_in_sync() {
    let wish = |partition| PartitionChange {
        partition,
        in_sync: Partition::clone(partition).in_sync,
        election: Election::Preferred,
        unclean: None,
        min_in_sync: 2,
    };
    let behind = partition(Some(2), &[2, 3], &[]);
    assert_eq!(wish(&behind).apply(|_| true), None);
    let after = wish(&partition(Some(2), &[1, 2, 3], &[])).apply(|_| true).unwrap();
    assert_eq!((after.leader, after.leader_epoch), (Some(NodeId(1)), 6));
}
