//! Users and topics of the spec: given, grown, taken back, left alone.

use std::collections::BTreeMap;

use super::world::{World, cluster, reasons, user};
use crate::model::UserName;
use crate::model::cluster::{AclOperation, ResourceKind, ResourcePattern, Topic};
use crate::model::inventory::AccessEntry;
use crate::planner::PlanRefused;

fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

fn topic(partitions: u32, replicas: u16, config: &[(&str, &str)]) -> Topic {
    let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Topic { partitions, replicas, config }
}

#[test]
fn rights_that_the_spec_does_not_say_any_more_are_taken_back_and_those_of_others_are_told() {
    let mut world = World::new();
    world.cluster.users.insert(name("bob"), user("read,write topic:orders"));
    world.up();
    let others = AccessEntry {
        user: name("eve"),
        resource: ResourcePattern::any(ResourceKind::Topic),
        operation: AclOperation::Read,
    };
    world.kafka.access.insert(others.clone());
    world.look();
    world.cluster.users.insert(name("bob"), user("read topic:orders"));
    let planned = world.plan().unwrap();
    assert_eq!(
        reasons(&planned),
        ["dynamic: take access from bob (the spec does not allow it: write topic:orders)"]
    );
    assert_eq!(
        planned.plan.notes,
        [
            "user eve has access and was never in a spec (read topic:*): it is left alone; list the user to manage it here"
        ]
    );
    world.carry_out(&planned);
    world.cluster.users.remove(&name("bob"));
    assert_eq!(world.up(), ["dynamic: take access from bob"]);
    assert!(world.kafka.access.iter().all(|entry| entry.user != name("bob")));
    assert!(world.kafka.access.contains(&others));
    assert_eq!(world.up(), Vec::<String>::new());
}

#[test]
fn a_removed_user_is_remembered_when_the_run_is_cut_short_after_its_first_target() {
    let mut world = World::new();
    world.cluster.users.insert(name("bob"), user("read topic:orders"));
    world.up();
    world.cluster.users.remove(&name("bob"));
    world.cluster.config.insert("num.partitions".into(), "3".into());
    let planned = world.plan().unwrap();
    world.begin(&planned);
    (0..3).for_each(|index| world.step(&planned, index));
    // The target in force is of the new spec now, and the old one is forgotten.
    let spec = world.current.as_ref().unwrap().spec;
    world.known.specs.retain(|digest, _| *digest == spec);
    assert_eq!(world.up(), ["dynamic: take access from bob"]);
}

#[test]
fn topics_grow_and_their_settings_are_set_and_unset() {
    let mut world = World::new();
    world.cluster.topics.insert("orders".into(), topic(3, 3, &[("retention.ms", "5000")]));
    world.up();
    assert_eq!(world.up(), Vec::<String>::new());
    world.kafka.topic_config.get_mut("orders").unwrap().insert("segment.ms".into(), "9000".into());
    world.look();
    world.cluster.topics.insert("orders".into(), topic(6, 3, &[("cleanup.policy", "compact")]));
    let planned = world.plan().unwrap();
    assert_eq!(
        reasons(&planned),
        [
            "dynamic: grow topic orders to 6 partitions (partitions: 3 → 6; keys go to other partitions than before)",
            "dynamic: topic orders: set cleanup.policy=compact, unset retention.ms (cleanup.policy: not set → compact, \
             retention.ms: 5000 → not set)",
        ]
    );
    assert_eq!(planned.plan.notes, ["topic orders has segment.ms=9000 and no spec said so: left alone"]);
    world.carry_out(&planned);
    assert_eq!(world.up(), Vec::<String>::new());
    assert_eq!(world.kafka.topics["orders"], (6, 3));
}

#[test]
fn a_topic_never_shrinks_and_its_replicas_do_not_move() {
    let mut world = World::new();
    world.cluster.topics.insert("orders".into(), topic(6, 3, &[]));
    world.up();
    world.cluster.topics.insert("orders".into(), topic(3, 2, &[]));
    let refused = world.plan().unwrap_err();
    assert!(matches!(&refused, PlanRefused::Changes(refusals) if refusals.len() == 2));
    assert_eq!(
        refused.to_string(),
        "topic orders: it has 6 partitions and the spec says 3: Kafka takes no partition away, as its records would be \
         lost; write `partitions: 6`, or make another topic and move its clients\n\
         topic orders: its partitions have 3 replicas and the spec says 2: replicas must be copied to other brokers, \
         which this version does not do; write `replicas: 3`, or change it with Kafka's own tools first"
    );
}

#[test]
fn what_others_did_to_a_topic_refuses_no_plan_and_a_topic_that_left_the_spec_stays() {
    let mut world = World::new();
    world.cluster.topics.insert("orders".into(), topic(3, 3, &[]));
    world.up();
    world.kafka.topics = BTreeMap::from([("orders".to_owned(), (6, 3))]);
    world.look();
    let planned = world.plan().unwrap();
    assert!(planned.plan.is_empty());
    assert_eq!(planned.plan.notes.len(), 1, "{:?}", planned.plan.notes);
    world.cluster = cluster();
    let planned = world.plan().unwrap();
    assert!(planned.plan.is_empty());
    assert_eq!(
        planned.plan.notes,
        ["topic orders is not in the spec any more: it stays, with its records, until somebody deletes it"]
    );
}
