//! Partitions: in-sync sets, leaders, eligible leader replicas, reassignment marks, changes and refusals (§3.6, §7).

use std::collections::{BTreeMap, BTreeSet};

use klamm_core::kafka::NodeRole;
use klamm_core::model::NodeId;

use super::cluster::{CLIENT, Cluster, ms, nodes, seconds};
use crate::kafka::{Acks, BrokerState, DiskNumber, HostNumber, KafkaError, PartitionName, Request, What};

#[test]
fn a_new_cluster_takes_its_minimum_from_its_first_active_controller() {
    let cluster = Cluster::combined(1);
    assert_eq!(cluster.view().cluster_config["min.insync.replicas"], "2");
}

#[test]
fn a_topics_leaders_are_spread_and_all_its_replicas_are_in_sync() {
    let mut cluster = Cluster::separate(1);
    cluster.topic("orders", 6);
    let mut leads: BTreeMap<Option<NodeId>, usize> = BTreeMap::new();
    for partition in cluster.view().partitions {
        *leads.entry(partition.leader).or_default() += 1;
        assert_eq!(partition.leader, partition.replicas.first().copied());
    }
    assert_eq!(leads, BTreeMap::from([4, 5, 6].map(|node| (Some(NodeId(node)), 2))));
}

#[test]
fn a_record_counts_as_written_within_milliseconds_while_all_are_in_sync() {
    let mut cluster = Cluster::separate(2);
    cluster.topic("orders", 1);
    let record = cluster.write("orders", Acks::All).unwrap();
    let took = cluster.until("it is acknowledged", seconds(1), |cluster| cluster.is_acknowledged(record));
    assert!(took <= ms(20), "{took:?}");
}

#[test]
fn while_a_replica_is_silent_but_in_sync_nothing_is_acknowledged_and_then_everything_is() {
    let mut cluster = Cluster::separate(3);
    cluster.topic("orders", 1);
    let follower = cluster.partition("orders", 0).replicas[1].0;
    cluster.freeze(follower);
    let record = cluster.write("orders", Acks::All).unwrap();
    cluster.pass(seconds(5));
    assert!(!cluster.is_acknowledged(record));
    cluster.until("its session ended", seconds(7), |cluster| cluster.is_acknowledged(record));
}

#[test]
fn below_the_minimum_records_are_refused_with_acks_all_and_taken_with_acks_one() {
    let mut cluster = Cluster::separate(4);
    cluster.topic("orders", 1);
    let leader = cluster.partition("orders", 0).leader.unwrap().0;
    for follower in (4..=6).filter(|node| *node != leader) {
        cluster.kill(follower);
    }
    cluster.pass(seconds(12));
    assert_eq!(cluster.in_sync("orders"), nodes(&[leader]));
    assert_eq!(cluster.write("orders", Acks::All), Err(KafkaError::NotEnoughReplicas));
    let record = cluster.write("orders", Acks::Leader).unwrap();
    cluster.pass(ms(1));
    assert!(cluster.is_acknowledged(record));
}

#[test]
fn a_follower_that_only_its_leader_cannot_reach_leaves_the_in_sync_set_after_thirty_seconds() {
    for seed in 0..10 {
        let mut cluster = Cluster::separate(seed);
        cluster.topic("orders", 1);
        let partition = cluster.partition("orders", 0);
        let host = |node: NodeId| HostNumber(u16::try_from(node.0).unwrap());
        cluster.kafka.cut(host(partition.replicas[0]), host(partition.replicas[1]));
        let since = cluster.kafka.now();
        cluster.pass(seconds(29));
        assert_eq!(cluster.in_sync("orders").len(), 3);
        cluster.until("it is out", seconds(18), |cluster| cluster.in_sync("orders").len() == 2);
        assert!(cluster.kafka.now() - since < seconds(46));
        cluster.kafka.heal(host(partition.replicas[0]), host(partition.replicas[1]));
        cluster.until("it is back", seconds(2), |cluster| cluster.in_sync("orders").len() == 3);
    }
}

#[test]
fn with_nobody_in_sync_the_set_is_empty_and_the_last_that_was_leads_first() {
    let mut cluster = Cluster::separate(5);
    cluster.topic("orders", 1);
    let record = cluster.write_safely("orders");
    for node in 4..=6 {
        cluster.freeze(node);
    }
    cluster.pass(seconds(20));
    for node in 4..=6 {
        cluster.thaw(node);
    }
    cluster.until("all is in sync", seconds(10), |cluster| cluster.in_sync("orders").len() == 3);
    let emptied = |what: &What| matches!(what, What::InSyncChanged { in_sync, .. } if in_sync.is_empty());
    assert!(cluster.when(seconds(0), emptied).is_some(), "{}", cluster.told());
    assert!(cluster.is_acknowledged(record) && cluster.kafka.lost_records().is_empty());
}

#[test]
fn all_killed_at_once_come_back_with_all_that_was_acknowledged() {
    for seed in 0..20 {
        let mut cluster = Cluster::combined(seed);
        cluster.topic("orders", 6);
        cluster.write_safely("orders");
        (1..=3).for_each(|node| cluster.kill(node));
        cluster.pass(seconds(30));
        (1..=3).for_each(|node| cluster.start(node));
        cluster.until("all is in sync", seconds(60), |cluster| {
            let view = cluster.kafka.view(CLIENT);
            view.is_some_and(|view| view.partitions.iter().all(|it| it.in_sync.len() == 3))
        });
        assert!(cluster.kafka.lost_records().is_empty(), "{}", cluster.told());
    }
}

#[test]
fn leaders_return_to_the_preferred_replica_within_five_minutes_or_when_asked() {
    let mut cluster = Cluster::separate(6);
    cluster.topic("orders", 3);
    let preferred = |cluster: &Cluster| {
        cluster.view().partitions.iter().all(|it| it.leader == it.replicas.first().copied())
    };
    let restart = |cluster: &mut Cluster| {
        cluster.stop(4);
        cluster.until("it ended", seconds(15), |cluster| !cluster.is_alive(4));
        cluster.start(4);
        cluster.until("all in sync", seconds(30), |cluster| {
            cluster.view().partitions.iter().all(|it| it.in_sync.len() == 3)
        });
    };
    restart(&mut cluster);
    assert!(!preferred(&cluster));
    cluster.ask(Request::ElectPreferred { partitions: BTreeSet::new() }).unwrap();
    cluster.until("leaders are back", seconds(1), preferred);
    restart(&mut cluster);
    let took = cluster.until("leaders are balanced", seconds(300), preferred);
    assert!(took > seconds(1));
}

#[test]
fn a_follower_that_lost_its_disk_needs_the_time_that_its_data_needs() {
    let mut cluster = Cluster::separate(7);
    cluster.topic("orders", 1);
    // 3 GB at 50 MiB/s take about a minute.
    cluster.kafka.set_volume("orders", 3_000_000_000);
    let follower = cluster.partition("orders", 0).replicas[1].0;
    cluster.kill(follower);
    cluster.kafka.wipe(DiskNumber(follower));
    cluster.pass(seconds(12));
    cluster.start(follower);
    let runs = |cluster: &Cluster| cluster.state(follower) == Some(BrokerState::Running);
    cluster.until("it runs", seconds(15), runs);
    let took = cluster.until("it is in sync", seconds(90), |cluster| cluster.in_sync("orders").len() == 3);
    assert!(took > seconds(50), "{took:?}");
}

#[test]
fn a_record_that_is_sent_again_is_acknowledged_again_and_written_once() {
    let mut cluster = Cluster::separate(8);
    cluster.topic("orders", 1);
    let record = cluster.write_safely("orders");
    let acknowledged = |cluster: &Cluster| {
        cluster.history.iter().filter(|it| it.what == What::Acknowledged { record }).count()
    };
    cluster.kafka.produce(CLIENT, record, &PartitionName::new("orders", 0), Acks::All).unwrap();
    cluster.pass(ms(10));
    assert_eq!(acknowledged(&cluster), 2);
}

#[test]
fn requests_are_refused_in_kafkas_words() {
    let mut cluster = Cluster::separate(9);
    let create = |name: &str, partitions, replicas| Request::CreateTopic {
        name: name.to_owned(),
        partitions,
        replicas,
        config: BTreeMap::new(),
    };
    cluster.ask(create("orders", 1, 3)).unwrap();
    assert_eq!(cluster.ask(create("orders", 1, 3)), Err(KafkaError::TopicAlreadyExists));
    assert_eq!(cluster.ask(create("a/b", 1, 3)), Err(KafkaError::InvalidTopic));
    assert_eq!(cluster.ask(create("b", 0, 3)), Err(KafkaError::InvalidPartitions));
    assert_eq!(cluster.ask(create("c", 1, 4)), Err(KafkaError::InvalidReplicationFactor));
    let none = BTreeMap::from([("min.insync.replicas".to_owned(), None)]);
    let refused = cluster.ask(Request::SetClusterConfig { settings: none });
    assert_eq!(refused, Err(KafkaError::InvalidConfig));
    let voter = cluster.voters()[0];
    assert_eq!(cluster.ask(Request::AddVoter { voter }), Err(KafkaError::DuplicateVoter));
}

#[test]
fn settings_and_marks_are_seen_by_brokers_a_moment_later() {
    let mut cluster = Cluster::separate(10);
    cluster.topic("orders", 1);
    let settings = BTreeMap::from([("min.insync.replicas".to_owned(), Some("1".to_owned()))]);
    cluster.ask(Request::SetTopicConfig { topic: "orders".to_owned(), settings }).unwrap();
    let partition = PartitionName::new("orders", 0);
    cluster.ask(Request::MarkMoving { partition, moving: true }).unwrap();
    cluster.pass(ms(50));
    assert_eq!(cluster.view().min_isr["orders"], 1);
    assert!(cluster.partition("orders", 0).moving);
}

#[test]
fn without_an_active_controller_a_request_times_out_and_looks_fail() {
    let mut cluster = Cluster::separate(11);
    (1..=3).for_each(|node| cluster.kill(node));
    cluster.pass(seconds(1));
    assert_eq!(cluster.kafka.view(CLIENT), None);
    let settings = BTreeMap::from([("retention.ms".to_owned(), Some("1".to_owned()))]);
    let answer = cluster.ask(Request::SetClusterConfig { settings });
    assert_eq!(answer, Err(KafkaError::RequestTimedOut));
}

#[test]
fn a_quiet_cluster_has_an_event_every_five_minutes_only() {
    let mut cluster = Cluster::of(&[[NodeRole::Controller; 3], [NodeRole::Broker; 3]].concat(), 12);
    (1..=6).for_each(|node| cluster.start(node));
    cluster.pass(seconds(30));
    cluster.topic("orders", 30);
    cluster.pass(seconds(60));
    let next = cluster.kafka.next_event_at().unwrap();
    assert!(next > cluster.kafka.now() + seconds(60), "{next:?}");
}
