//! Edited settings: altered live, restarted for, taken back.

use super::world::{Kafka, World, cluster, production, reasons, titles};
use crate::kafka::NodeRole;
use crate::model::NodeId;
use crate::planner::End;

fn set(world: &mut World, key: &str, value: &str) {
    world.cluster.config.insert(key.to_owned(), value.to_owned());
}

#[test]
fn a_setting_that_kafka_alters_live_restarts_nobody_and_is_in_the_file_of_the_next_start() {
    let mut world = World::running(cluster());
    set(&mut world, "num.io.threads", "3");
    let planned = world.plan().unwrap();
    assert_eq!(
        reasons(&planned),
        [
            "dynamic: alter num.io.threads (num.io.threads: 8 → 3)",
            "none: refresh nodes-0, nodes-1, nodes-2 (files for the next start: num.io.threads: not set → 3)",
        ]
    );
    world.carry_out(&planned);
    assert_eq!(world.starts, []);
    assert_eq!(world.kafka.in_force(1, "num.io.threads").as_deref(), Some("3"));
    assert_eq!(world.kafka.of_cluster["num.io.threads"], "3", "altered for all brokers at once");
    assert_eq!(world.up(), Vec::<String>::new(), "a second plan is empty");
    world.crash(&"nodes-1".parse().unwrap());
    assert_eq!(world.kafka.started_with[&NodeId(2)]["num.io.threads"], "3");
    assert_eq!(world.up(), Vec::<String>::new());
}

#[test]
fn a_reverted_edit_is_unset_where_it_was_set() {
    let mut world = World::running(cluster());
    let before = world.current.clone().unwrap().slot(&"nodes-0".parse().unwrap()).unwrap().clone();
    set(&mut world, "num.io.threads", "3");
    world.up();
    world.cluster = cluster();
    assert_eq!(world.up().len(), 2);
    assert_eq!((world.kafka.of_cluster.get("num.io.threads"), world.starts.len()), (None, 0));
    let after = world.current.clone().unwrap().slot(&"nodes-0".parse().unwrap()).unwrap().clone();
    assert_eq!(
        (after.launch(), after.files, after.launched_with),
        (before.launch(), before.files, before.launched_with)
    );
    assert_eq!(world.up(), Vec::<String>::new());
}

#[test]
fn a_node_that_started_with_the_value_is_told_the_default_when_the_key_goes() {
    let mut world = World::running(cluster());
    set(&mut world, "num.io.threads", "9");
    world.up();
    world.crash(&"nodes-1".parse().unwrap());
    world.cluster = cluster();
    world.up();
    for id in 1..=3 {
        assert_eq!(world.kafka.in_force(id, "num.io.threads").as_deref(), Some("8"), "node {id}");
    }
    assert_eq!((world.up(), world.starts.len()), (vec![], 0));
}

#[test]
fn a_key_without_a_default_needs_a_restart_only_of_those_that_started_with_it() {
    let mut world = World::running(cluster());
    set(&mut world, "log.retention.ms", "5000");
    world.up();
    world.crash(&"nodes-1".parse().unwrap());
    world.cluster = cluster();
    let planned = world.plan().unwrap();
    assert_eq!(
        reasons(&planned),
        [
            "none: refresh nodes-0, nodes-2 (files for the next start: log.retention.ms: 5000 → not set)",
            "restart: restart nodes-1 (read only at start: log.retention.ms: 5000 → not set)",
            "dynamic: alter log.retention.ms (log.retention.ms: 5000 → not set)",
        ]
    );
    world.carry_out(&planned);
    assert_eq!(world.kafka.in_force(2, "log.retention.ms"), None);
    assert_eq!(world.up(), Vec::<String>::new());
}

#[test]
fn what_somebody_else_altered_is_set_right_where_the_spec_says_something_and_else_only_told() {
    let mut world = World::running(cluster());
    set(&mut world, "num.io.threads", "6");
    world.up();
    world.kafka.of_brokers.entry(NodeId(2)).or_default().insert("num.io.threads".into(), "12".into());
    world.kafka.of_cluster.insert("log.cleaner.threads".into(), "2".into());
    world.look();
    let planned = world.plan().unwrap();
    assert_eq!(reasons(&planned), ["dynamic: alter num.io.threads (num.io.threads: 12 → 6)"]);
    assert_eq!(
        planned.plan.notes,
        ["Kafka holds log.cleaner.threads=2, altered by somebody else and not in the spec: left alone"]
    );
    world.carry_out(&planned);
    assert_eq!(world.kafka.in_force(2, "num.io.threads").as_deref(), Some("6"));
    assert_eq!(world.up(), Vec::<String>::new());
}

#[test]
fn a_value_that_kafka_refused_is_forgotten_by_reverting_the_spec() {
    let mut world = World::running(cluster());
    set(&mut world, "log.cleaner.io.buffer.size", "1");
    let planned = world.plan().unwrap();
    world.begin(&planned);
    // The target in force knows of the key before Kafka does; then one broker took it and the run failed.
    let goal = planned.goal.as_ref().unwrap();
    world.current = Some(crate::planner::advance(world.current.as_ref(), goal, &Default::default()));
    world
        .kafka
        .of_brokers
        .entry(NodeId(3))
        .or_default()
        .insert("log.cleaner.io.buffer.size".into(), "1".into());
    world.look();
    world.cluster = cluster();
    assert_eq!(world.up(), ["dynamic: alter log.cleaner.io.buffer.size"]);
    assert_eq!(world.kafka.in_force(3, "log.cleaner.io.buffer.size").as_deref(), Some("524288"));
    assert_eq!((world.up(), world.starts.len()), (vec![], 0));
}

#[test]
fn an_edit_of_a_stopped_cluster_is_not_hidden_by_what_was_altered_before() {
    let mut world = World::running(cluster());
    set(&mut world, "num.io.threads", "6");
    world.up();
    world.end(End::Down);
    set(&mut world, "num.io.threads", "7");
    assert_eq!(world.up()[..2], ["none: start nodes-0, nodes-1, nodes-2", "dynamic: alter num.io.threads"]);
    assert_eq!(world.kafka.in_force(1, "num.io.threads").as_deref(), Some("7"));
    assert_eq!(world.up(), Vec::<String>::new());
}

#[test]
fn pools_that_differ_are_altered_broker_by_broker() {
    let mut cluster = production();
    cluster.pools.insert("big".parse().unwrap(), super::world::pool(NodeRole::Broker, 1));
    let mut world = World::running(cluster);
    world.cluster.pools.get_mut("big".parse::<crate::model::PoolName>().as_ref().unwrap()).unwrap().config =
        [("num.io.threads".to_owned(), "16".to_owned())].into();
    assert_eq!(world.up(), ["dynamic: alter num.io.threads", "none: refresh big-0"]);
    let Kafka { of_cluster, of_brokers, .. } = &world.kafka;
    assert_eq!((of_cluster.get("num.io.threads"), of_brokers.len()), (None, 1));
    assert_eq!((world.up(), world.starts.len()), (vec![], 0));
}

#[test]
fn what_controllers_do_not_read_restarts_none_and_what_they_read_does() {
    let mut world = World::running(production());
    set(&mut world, "log.retention.ms", "5000");
    assert!(titles(&world.plan().unwrap()).iter().all(|title| !title.starts_with("restart")));
    world.up();
    assert_eq!((world.up(), world.starts.len()), (vec![], 0));
    set(&mut world, "num.io.threads", "9");
    let restarted: Vec<String> =
        world.up().into_iter().filter(|title| title.starts_with("restart")).collect();
    assert_eq!(restarted.len(), 3);
    assert!(restarted.iter().all(|title| title.contains("controllers-")), "{restarted:?}");
    assert_eq!(world.up(), Vec::<String>::new());
}
