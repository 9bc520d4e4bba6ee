//! Brokers: registration, sessions, controlled shutdown, log recovery (§3.3 defaults, §3.5).

use klamm_core::kafka::start_errors::{StartCause, recognise};
use klamm_core::model::{ClusterId, NodeId};

use super::cluster::{Cluster, ms, nodes, seconds};
use crate::kafka::{BrokerState, DiskNumber, Exit, KafkaError, Request, Storage, What, WhyFenced};

#[test]
fn a_killed_broker_is_fenced_when_its_session_of_nine_seconds_ends() {
    for seed in 0..20 {
        let mut cluster = Cluster::separate(seed);
        cluster.topic("orders", 3);
        let since = cluster.kafka.now();
        cluster.kill(4);
        cluster.pass(seconds(12));
        let fenced = |what: &What| *what == What::Fenced { node: NodeId(4), why: WhyFenced::SessionExpired };
        let took = cluster.when(since, fenced).unwrap() - since;
        assert!((ms(7_000)..ms(10_200)).contains(&took), "{took:?}");
        assert_eq!(cluster.in_sync("orders"), nodes(&[5, 6]));
        assert!(!cluster.view().brokers.contains(&NodeId(4)));
    }
}

#[test]
fn a_broker_that_comes_back_within_its_session_is_refused_until_that_ends() {
    let mut cluster = Cluster::separate(1);
    cluster.kill(4);
    let killed = cluster.kafka.now();
    cluster.start(4);
    cluster.pass(seconds(4));
    let refused =
        What::RegistrationRefused { node: NodeId(4), error: KafkaError::DuplicateBrokerRegistration };
    assert!(cluster.when(killed, |what| *what == refused).is_some(), "{}", cluster.told());
    assert_eq!(cluster.state(4), Some(BrokerState::Starting));
    cluster.until("it runs", seconds(25), |cluster| cluster.state(4) == Some(BrokerState::Running));
    assert!(cluster.kafka.now() - killed > ms(6_500));
}

#[test]
fn a_stopped_broker_hands_over_what_it_leads_before_it_goes() {
    for seed in 0..20 {
        let mut cluster = Cluster::separate(seed);
        cluster.topic("orders", 3);
        let run = cluster.runs[&4];
        cluster.stop(4);
        let took = cluster.until("it ended", seconds(15), |cluster| !cluster.is_alive(4));
        assert!((ms(800)..ms(9_000)).contains(&took), "{took:?}");
        assert_eq!(cluster.exit_of(run), Some(Exit::Code { code: 143, log: String::new() }));
        let view = cluster.view();
        assert!(view.partitions.iter().all(|it| it.in_sync == nodes(&[5, 6]) && it.leader.is_some()));
    }
}

#[test]
fn a_broker_that_was_told_to_go_also_waits_for_its_session_before_it_may_come_back() {
    let mut cluster = Cluster::separate(2);
    cluster.stop(4);
    cluster.until("it ended", seconds(15), |cluster| !cluster.is_alive(4));
    let stopped = cluster.kafka.now();
    cluster.start(4);
    cluster.until("it runs", seconds(25), |cluster| cluster.state(4) == Some(BrokerState::Running));
    let refused = |what: &What| matches!(what, What::RegistrationRefused { .. });
    assert!(cluster.when(stopped, refused).is_some(), "{}", cluster.told());
}

#[test]
fn without_an_active_controller_a_broker_waits_five_minutes_before_it_stops() {
    let mut cluster = Cluster::separate(3);
    (1..=3).for_each(|node| cluster.kill(node));
    cluster.stop(4);
    cluster.pass(seconds(295));
    assert_eq!(cluster.state(4), Some(BrokerState::PendingControlledShutdown));
    cluster.until("it gives up waiting", seconds(10), |cluster| !cluster.is_alive(4));
}

#[test]
fn a_frozen_broker_is_fenced_and_unfenced_when_it_thaws_without_a_restart() {
    let mut cluster = Cluster::separate(4);
    cluster.topic("orders", 3);
    cluster.freeze(5);
    cluster.pass(seconds(15));
    assert_eq!(cluster.in_sync("orders"), nodes(&[4, 6]));
    cluster.thaw(5);
    cluster.until("it is back", seconds(5), |cluster| cluster.in_sync("orders") == nodes(&[4, 5, 6]));
    assert_eq!(cluster.state(5), Some(BrokerState::Running));
}

#[test]
fn after_a_kill_logs_are_checked_and_the_observer_tells_how_many_are_left() {
    let mut cluster = Cluster::separate(5);
    cluster.topic("orders", 12);
    cluster.kafka.set_unchecked_segments(DiskNumber(4), 1_000);
    cluster.kill(4);
    cluster.start(4);
    cluster.pass(seconds(5));
    let early = cluster.kafka.status(cluster.runs[&4]).unwrap();
    cluster.pass(seconds(5));
    let late = cluster.kafka.status(cluster.runs[&4]).unwrap();
    let segments = |status: &crate::kafka::NodeStatus| status.segments_remaining.unwrap();
    assert!(segments(&early) > segments(&late) && segments(&late) > 300, "{early:?} {late:?}");
    assert!(late.logs_remaining.unwrap() > 0 && late.broker <= Some(BrokerState::Recovery));
    let left =
        cluster.until("it runs", seconds(40), |cluster| cluster.state(4) == Some(BrokerState::Running));
    assert!(left > seconds(8), "{left:?}");
}

#[test]
fn a_killed_recovery_starts_over() {
    let mut cluster = Cluster::separate(6);
    cluster.topic("orders", 3);
    cluster.kafka.set_unchecked_segments(DiskNumber(4), 1_000);
    cluster.kill(4);
    cluster.start(4);
    cluster.pass(seconds(15));
    cluster.kill(4);
    cluster.start(4);
    cluster.pass(seconds(15));
    assert!(cluster.kafka.status(cluster.runs[&4]).unwrap().segments_remaining.is_some());
}

#[test]
fn after_a_clean_stop_nothing_is_checked() {
    let mut cluster = Cluster::separate(7);
    cluster.topic("orders", 12);
    cluster.kafka.set_unchecked_segments(DiskNumber(4), 1_000);
    cluster.stop(4);
    cluster.until("it ended", seconds(15), |cluster| !cluster.is_alive(4));
    cluster.start(4);
    cluster.until("it runs", seconds(16), |cluster| cluster.state(4) == Some(BrokerState::Running));
}

#[test]
fn an_unformatted_disk_a_foreign_one_and_a_used_one_end_the_process_with_kafkas_words() {
    let mut cluster = Cluster::separate(8);
    let cause = |cluster: &mut Cluster, launch| {
        let run = cluster.kafka.launch(launch);
        cluster.pass(seconds(5));
        match cluster.exit_of(run) {
            Some(Exit::Code { code: 1, log }) => recognise(&log).expect("a known cause").cause,
            other => panic!("{other:?}"),
        }
    };
    let mut unformatted = cluster.launch_of(4);
    (unformatted.disk, unformatted.storage) = (DiskNumber(50), Storage::Unformatted);
    assert!(matches!(cause(&mut cluster, unformatted), StartCause::NotFormatted { .. }));
    let mut foreign = cluster.launch_of(4);
    (foreign.disk, foreign.storage) = (DiskNumber(51), cluster.launch_of(5).storage);
    assert!(matches!(cause(&mut cluster, foreign), StartCause::OtherNode { .. }));
    let used = cluster.launch_of(4);
    assert!(matches!(cause(&mut cluster, used), StartCause::DirectoryInUse { .. }));
}

#[test]
fn a_disk_of_another_cluster_is_not_registered() {
    let mut cluster = Cluster::separate(9);
    cluster.stop(4);
    cluster.until("it ended", seconds(15), |cluster| !cluster.is_alive(4));
    let mut launch = cluster.launch_of(4);
    if let Storage::Formatted { meta, .. } = &mut launch.storage {
        meta.cluster_id = ClusterId::from_random([8; 16]);
    }
    let run = cluster.kafka.launch(launch);
    cluster.pass(seconds(70));
    let Some(Exit::Code { code: 1, log }) = cluster.exit_of(run) else { panic!("{}", cluster.told()) };
    assert_eq!(recognise(&log).unwrap().cause, StartCause::ControllersOfOtherCluster);
}

#[test]
fn a_second_process_with_a_brokers_id_is_refused_while_the_first_lives_and_gives_up() {
    let mut cluster = Cluster::separate(10);
    let mut launch = cluster.launch_of(4);
    launch.disk = DiskNumber(60);
    let second = cluster.kafka.launch(launch);
    cluster.pass(seconds(90));
    assert!(matches!(cluster.exit_of(second), Some(Exit::Code { code: 1, .. })), "{}", cluster.told());
    assert_eq!(cluster.state(4), Some(BrokerState::Running));
}

#[test]
fn a_broker_that_reaches_no_controller_gives_up_after_a_minute() {
    let mut cluster = Cluster::separate(11);
    cluster.kill(4);
    cluster.cut_off(4);
    cluster.start(4);
    let run = cluster.runs[&4];
    cluster.pass(seconds(60));
    assert_eq!(cluster.state(4), Some(BrokerState::Starting));
    cluster.pass(seconds(10));
    assert!(matches!(cluster.exit_of(run), Some(Exit::Code { code: 1, .. })));
}

#[test]
fn a_new_active_controller_gives_every_broker_a_whole_session() {
    let mut cluster = Cluster::separate(12);
    let leader = cluster.leader().unwrap();
    let since = cluster.kafka.now();
    cluster.kill(leader);
    cluster.pass(seconds(30));
    assert_eq!(cluster.when(since, |what| matches!(what, What::Fenced { .. })), None, "{}", cluster.told());
}

#[test]
fn a_broker_that_is_gone_can_be_unregistered_and_an_unknown_one_cannot() {
    let mut cluster = Cluster::separate(13);
    cluster.kill(4);
    cluster.pass(seconds(12));
    cluster.ask(Request::UnregisterBroker { node: NodeId(4) }).unwrap();
    let again = cluster.ask(Request::UnregisterBroker { node: NodeId(4) });
    assert_eq!(again, Err(KafkaError::BrokerIdNotRegistered));
}
