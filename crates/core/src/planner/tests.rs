//! Plans of a small fleet: from nothing, again, after an edit, to the end.

mod access;
mod fleets;
mod older;
mod settings;
mod world;

use std::collections::BTreeSet;

use super::*;
use crate::model::NodeId;
use crate::model::cluster::Pool;
use crate::model::inventory::{Observed, Stage};
use crate::model::plan::ChangeClass;
use world::{World, cluster, host, id, reasons, titles};

#[test]
fn from_nothing_three_nodes_are_created_and_a_second_plan_is_empty() {
    let mut world = World::new();
    let first = world.plan().unwrap();
    assert_eq!(
        titles(&first),
        [
            "none: create nodes-0, nodes-1, nodes-2",
            "dynamic: set min.insync.replicas=2",
            "dynamic: give access to admin"
        ]
    );
    let goal = first.goal.as_ref().unwrap();
    let ids: Vec<_> = goal.slots().values().map(|(_, slot)| slot.identity.node_id).collect();
    assert_eq!(ids, [NodeId(1), NodeId(2), NodeId(3)]);
    let missing: Vec<_> = goal.blobs().into_iter().filter(|blob| !first.blobs.contains_key(blob)).collect();
    assert_eq!(missing, [], "every blob of a new target was made");

    world.carry_out(&first);
    let second = world.plan().unwrap();
    assert_eq!((titles(&second), second.plan.notes), (vec![], vec![]));
    assert_eq!(second.goal.unwrap().slices, goal.slices);
}

#[test]
fn what_is_planned_is_what_agents_do() {
    use crate::api::Delivery;
    use crate::kafka::Profile;
    use crate::machines::admission::{Terms, admit};
    use crate::model::Epoch;
    let key = crate::signature::SigningKey::from_seed(&[1; 32]);
    for profile in [Profile::Laptop, Profile::Production] {
        let mut world = World::new();
        world.cluster.profile = profile;
        for pool in world.cluster.pools.values_mut() {
            pool.storage = vec!["/srv/kafka/d1".parse().unwrap(), "/srv/kafka/d2".parse().unwrap()];
            pool.jvm = vec!["-XX:+UseZGC".into(), "-XX:ParallelGCThreads=2".into()];
        }
        let goal = world.plan().unwrap().goal.unwrap();
        let slice = String::from_utf8(goal.slices[&host()].to_bytes()).unwrap();
        let delivery = Delivery { signed: key.sign(&goal.root(Epoch(1))), slice };
        let folders = world.inventory.hosts[&host()].value.folders.clone();
        let terms = Terms { key: key.verifying_key(), host: host(), folders };
        let admitted = admit(&delivery, &terms, |_| None);
        assert!(admitted.is_ok(), "{admitted:?}");
    }
}

#[test]
fn slots_of_a_pool_are_spread_over_the_hosts_that_are_heard() {
    use crate::kafka::NodeRole;
    let mut world = World::new();
    let report = world.inventory.hosts.remove(&host()).unwrap();
    for name in ["h1", "h2", "h3"] {
        world.inventory.hosts.insert(name.parse().unwrap(), report.clone());
    }
    let hour_ago = report.at - jiff::SignedDuration::from_hours(1);
    let silent = Observed { at: hour_ago, value: report.value };
    world.inventory.hosts.insert("h0".parse().unwrap(), silent);
    let nodes = world.cluster.pools.remove(&"nodes".parse().unwrap()).unwrap();
    let brokers = Pool { roles: NodeRole::Broker, count: 4, ..nodes.clone() };
    let controllers = Pool { roles: NodeRole::Controller, count: 3, ..nodes };
    world.cluster.pools.insert("brokers".parse().unwrap(), brokers);
    world.cluster.pools.insert("controllers".parse().unwrap(), controllers);
    let goal = world.plan().unwrap().goal.unwrap();
    let on = |host: &str| -> Vec<String> {
        let slots = goal.slices.get(&host.parse().unwrap()).map(|slice| slice.slots.keys());
        slots.into_iter().flatten().map(ToString::to_string).collect()
    };
    assert_eq!(on("h0"), Vec::<String>::new());
    assert_eq!(on("h1"), ["brokers-0", "brokers-3", "controllers-2"]);
    assert_eq!(on("h2"), ["brokers-1", "controllers-0"]);
    assert_eq!(on("h3"), ["brokers-2", "controllers-1"]);

    for report in world.inventory.hosts.values_mut() {
        report.at = hour_ago;
    }
    assert!(world.plan().unwrap_err().to_string().contains("none has reported lately"));
}

#[test]
fn ports_that_are_taken_or_reserved_are_passed_over_and_then_kept_for_life() {
    let mut world = World::new();
    world.report().ports_taken = BTreeSet::from([9092, 9094]);
    world.reserved.insert(host(), BTreeSet::from([9093]));
    let ports = |planned: &Planned| -> Vec<u16> {
        let goal = planned.goal.as_ref().unwrap();
        goal.slots().values().map(|(_, slot)| slot.identity.listeners["CLIENTS"].port).collect()
    };
    let first = world.plan().unwrap();
    assert_eq!(ports(&first), [9095, 9096, 9097]);
    world.carry_out(&first);
    world.report().ports_taken = BTreeSet::from([9095, 9096, 9097]);
    assert_eq!(ports(&world.plan().unwrap()), [9095, 9096, 9097], "it is the node itself that listens");
}

#[test]
fn a_roll_restarts_what_it_names_once_and_nothing_again() {
    let mut world = World::running(cluster());
    let before = world.current.clone().unwrap();
    world.roll = BTreeSet::from(["nodes-0".parse().unwrap(), "nodes-2".parse().unwrap()]);
    let rolled = world.plan().unwrap();
    assert_eq!(titles(&rolled), ["restart: restart nodes-2", "restart: restart nodes-0"], "the leader last");
    assert_eq!(rolled.plan.steps[0].reason, "asked for");
    world.carry_out(&rolled);
    assert_eq!(world.starts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["nodes-2", "nodes-0"]);
    world.roll.clear();
    assert_eq!(titles(&world.plan().unwrap()), Vec::<String>::new());
    let untouched = "nodes-1".parse().unwrap();
    let after = world.current.as_ref().unwrap();
    assert_eq!(after.slot(&untouched), before.slot(&untouched));

    world.cluster.config.insert("num.partitions".into(), "3".into());
    world.roll = BTreeSet::from(["nodes-1".parse().unwrap()]);
    let both = world.plan().unwrap();
    assert_eq!(both.plan.steps[0].reason, "asked for; read only at start: num.partitions: not set → 3");
}

#[test]
fn an_edited_setting_restarts_one_node_after_the_other_and_the_active_controller_last() {
    let mut world = World::running(cluster());
    world.cluster.config.insert("num.partitions".into(), "3".into());
    let edited = world.plan().unwrap();
    assert_eq!(
        titles(&edited),
        ["restart: restart nodes-1", "restart: restart nodes-2", "restart: restart nodes-0"]
    );
    assert_eq!(edited.plan.steps[0].class, ChangeClass::Restart);
    assert_eq!(edited.plan.steps[0].reason, "read only at start: num.partitions: not set → 3");

    let goal = edited.goal.as_ref().unwrap();
    let current = world.current.as_ref();
    let step = advance(current, goal, &edited.plan.steps[0].act.slots());
    let changed: Vec<String> = step
        .slots()
        .into_iter()
        .filter(|(name, (_, slot))| current.unwrap().slot(name) != Some(*slot))
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(changed, ["nodes-1"], "the target of a step changes the slots of the step alone");
    assert_eq!(step.parent, current.map(Target::digest));
}

#[test]
fn nodes_that_do_not_come_up_are_started_together_with_the_edit_that_mends_them() {
    let mut world = World::running(cluster());
    let cluster = world.report().clusters.get_mut(&id()).unwrap();
    for report in cluster.slots.values_mut() {
        let retry_at = "2026-01-01T00:00:00Z".parse().unwrap();
        report.stage = Stage::Crashed { cause: "a bad setting".into(), retry_at };
        (report.process, report.failures) = (None, 5);
    }
    world.inventory.kafka = None;
    world.cluster.config.insert("num.partitions".into(), "3".into());
    let planned = world.plan().unwrap();
    assert_eq!(
        reasons(&planned)[0],
        "none: start nodes-0, nodes-1, nodes-2 (they do not come up; read only at start: num.partitions: not set → 3)"
    );
    assert!(!titles(&planned).iter().any(|title| title.starts_with("restart")), "{planned:?}");
}

#[test]
fn controllers_go_before_brokers_and_the_active_one_last_of_them() {
    let mut world = World::running(world::production());
    world.cluster.config.insert("num.partitions".into(), "3".into());
    let restarts: Vec<String> =
        world.plan().unwrap().plan.steps.iter().map(|step| step.act.title()).collect();
    // Ids were given to the brokers first, so that controllers-0 leads.
    assert_eq!(
        restarts,
        [
            "restart controllers-1",
            "restart controllers-2",
            "restart controllers-0",
            "restart brokers-0",
            "restart brokers-1",
            "restart brokers-2"
        ]
    );
}

#[test]
fn a_stopped_cluster_starts_again_as_it_was_and_a_destroyed_one_is_removed() {
    let mut world = World::running(cluster());
    let first = world.current.clone().unwrap();
    assert_eq!(world.end(End::Down), ["stop: stop nodes-0, nodes-1, nodes-2"]);
    assert_eq!(world.end(End::Down), Vec::<String>::new());
    let again = world.plan().unwrap();
    assert_eq!(titles(&again)[0], "none: start nodes-0, nodes-1, nodes-2");
    assert_eq!(again.goal.unwrap().slices, first.slices);
    assert_eq!(world.end(End::Destroyed), ["delete: delete nodes-0, nodes-1, nodes-2"]);
}

#[test]
fn a_silent_host_is_unknown_and_not_gone() {
    let mut world = World::running(cluster());
    world.inventory.hosts.clear();
    assert!(matches!(world.plan(), Err(PlanRefused::NoHost { .. })), "no slot moves to another host");
}

#[test]
fn nodes_that_are_not_ready_are_waited_for() {
    let mut world = World::running(cluster());
    let report = world.report().clusters.get_mut(&id()).unwrap();
    report.slots.get_mut(&"nodes-1".parse().unwrap()).unwrap().stage = Stage::Launching;
    assert_eq!(titles(&world.plan().unwrap()), ["none: wait for nodes-1"]);
}

#[test]
fn all_that_cannot_be_changed_is_refused_at_once_with_what_to_do_instead() {
    let mut world = World::running(cluster());
    let nodes = world.cluster.pools.values_mut().next().unwrap();
    nodes.count = 2;
    nodes.storage = vec!["/srv/d1".parse().unwrap()];
    nodes.slots.entry(0).or_default().node_id = Some(NodeId(7));
    world.cluster.listeners.values_mut().for_each(|listener| listener.port = 9999);
    let refused = world.plan().unwrap_err();
    let text = refused.to_string();
    let nodes_0: Vec<&str> = text.lines().filter(|line| line.starts_with("nodes-0: ")).collect();
    assert_eq!(
        nodes_0,
        [
            "nodes-0: its node id is 1 and the spec says 7: an id is for life, data and votes carry it; write `node-id: \
             1`, or nothing",
            "nodes-0: its data are in /state/clusters/BQUFBQUFRQWFBQUFBQUFBQ/nodes-0/data and the spec's `storage` now \
             says /srv/d1: they must be copied first, which this version does not do; keep the pool's `storage`",
            "nodes-0: its listener CLIENTS was given out at port 9092 and the spec says 9999: who knows the old port \
             would be cut off; add a second listener with the new port, move the clients, remove the first",
        ]
    );
    assert!(text.starts_with("nodes-2: the spec has it no more"), "{text}");
    let PlanRefused::Changes(refusals) = refused else { panic!("{refused}") };
    assert!(refusals.iter().all(|refusal| matches!(refusal.class, ChangeClass::Move | ChangeClass::Refused)));
    world.cluster = cluster();
    assert!(world.plan().unwrap().plan.is_empty(), "reverting the edit recovers");
}
