//! Each rule, and that the unknown permits nothing.

use std::collections::BTreeMap;

use super::*;
use crate::model::inventory::VoterView;

const NOW: &str = "2026-01-01T00:00:10Z";

fn view() -> Observed<KafkaView> {
    let voter = |caught_up_ms| VoterView { directory: None, log_end: 10, caught_up_ms };
    let quorum = QuorumView {
        leader: Some(NodeId(1)),
        epoch: 4,
        voters: BTreeMap::from([
            (NodeId(1), voter(Some(10_000))),
            (NodeId(2), voter(Some(9_900))),
            (NodeId(3), voter(Some(9_800))),
        ]),
    };
    let partition = PartitionView {
        topic: "t".into(),
        index: 0,
        leader: Some(NodeId(1)),
        replicas: vec![NodeId(1), NodeId(2), NodeId(3)],
        in_sync: BTreeSet::from([NodeId(1), NodeId(2), NodeId(3)]),
        offline: BTreeSet::new(),
        moving: false,
    };
    let value = KafkaView {
        quorum: Some(quorum),
        brokers: BTreeSet::from([NodeId(1), NodeId(2), NodeId(3)]),
        partitions: vec![partition],
        min_isr: BTreeMap::from([("t".to_owned(), 2)]),
        ..KafkaView::default()
    };
    Observed { at: "2026-01-01T00:00:09Z".parse().unwrap(), value }
}

fn ask(nodes: &[u32], view: Option<&Observed<KafkaView>>) -> Option<Unsafe> {
    reason_not_to_stop(&nodes.iter().copied().map(NodeId).collect(), view, NOW.parse().unwrap())
}

#[test]
fn a_healthy_cluster_lets_one_node_stop_and_not_two() {
    assert_eq!(ask(&[2], Some(&view())), None);
    assert!(matches!(ask(&[2, 3], Some(&view())), Some(Unsafe::QuorumLost { caught_up: 1, needed: 2 })));
}

#[test]
fn nothing_seen_or_an_old_or_future_view_permits_nothing() {
    assert_eq!(ask(&[2], None), Some(Unsafe::NotObserved));
    for at in ["2026-01-01T00:00:01Z", "2026-01-01T00:01:00Z"] {
        let old = Observed { at: at.parse().unwrap(), ..view() };
        assert!(matches!(ask(&[2], Some(&old)), Some(Unsafe::Stale { .. })));
    }
}

#[test]
fn a_lagging_or_unheard_voter_does_not_count() {
    for caught_up_ms in [Some(7_000), None] {
        let mut lagging = view();
        lagging.value.quorum.as_mut().unwrap().voters.get_mut(&NodeId(3)).unwrap().caught_up_ms =
            caught_up_ms;
        assert!(matches!(ask(&[2], Some(&lagging)), Some(Unsafe::QuorumLost { .. })));
    }
}

#[test]
fn a_partition_at_min_isr_holds_back_also_a_replica_that_is_out_of_sync() {
    let mut at_min = view();
    at_min.value.partitions[0].in_sync = BTreeSet::from([NodeId(1), NodeId(2)]);
    assert!(matches!(ask(&[2], Some(&at_min)), Some(Unsafe::BelowMinIsr { left: 1, needed: 2, .. })));
    assert_eq!(ask(&[3], Some(&at_min)), None, "it is not in the set that would shrink");
    at_min.value.partitions[0].in_sync = BTreeSet::from([NodeId(1)]);
    assert!(
        matches!(ask(&[3], Some(&at_min)), Some(Unsafe::BelowMinIsr { .. })),
        "it may be the first to catch up"
    );
}

#[test]
fn a_move_or_an_unknown_min_isr_holds_back() {
    let mut moving = view();
    moving.value.partitions[0].moving = true;
    assert!(matches!(ask(&[2], Some(&moving)), Some(Unsafe::Moving { .. })));
    let mut unknown = view();
    unknown.value.min_isr.clear();
    assert!(matches!(ask(&[2], Some(&unknown)), Some(Unsafe::MinIsrUnknown { .. })));
}

#[test]
fn a_partition_that_can_never_satisfy_min_isr_does_not_hold_back() {
    let mut single = view();
    single.value.partitions[0].replicas = vec![NodeId(2)];
    single.value.partitions[0].in_sync = BTreeSet::from([NodeId(2)]);
    assert_eq!(ask(&[2], Some(&single)), None);
}

#[test]
fn the_last_in_sync_replica_of_several_holds_back_whatever_min_isr_says() {
    let mut last = view();
    last.value.partitions[0].replicas = vec![NodeId(2), NodeId(3)];
    last.value.partitions[0].in_sync = BTreeSet::from([NodeId(2)]);
    assert!(matches!(ask(&[2], Some(&last)), Some(Unsafe::BelowMinIsr { left: 0, .. })));
    last.value.partitions[0].in_sync.insert(NodeId(3));
    assert_eq!(ask(&[2], Some(&last)), None, "two replicas and min.insync.replicas 2 can never be satisfied");
}
