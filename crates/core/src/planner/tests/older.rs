//! Targets of an older Klamm, on machines that changed since: nothing is slipped in, all is offered.

use std::collections::BTreeMap;

use super::world::{World, cluster, production, supply, titles};
use crate::model::cluster::Cluster;
use crate::model::inventory::AccessEntry;
use crate::model::target::Target;
use crate::model::{ByteCount, Sha256};

/// A cluster as Klamm 0.1 made it on a host with 16 GiB and four processors: the target and the files that it names.
fn older(name: &str, cluster: Cluster) -> World {
    let read = |file: &str| {
        let path = format!("{}/tests/golden/target-1/{name}/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let target: Target = serde_json::from_str(&read("target.json")).unwrap();
    let files: BTreeMap<String, String> = serde_json::from_str(&read("blobs.json")).unwrap();
    let mut world = World::of(cluster.clone());
    world.known.files =
        files.into_values().map(|text| (Sha256::of(text.as_bytes()), text.into_bytes())).collect();
    world.known.specs.insert(target.spec, cluster);
    world.kafka.of_cluster.insert("min.insync.replicas".into(), "2".into());
    let rights = world.cluster.users.iter().flat_map(|(user, rights)| {
        rights.acls().into_iter().map(|(resource, operation)| AccessEntry {
            user: user.clone(),
            resource,
            operation,
        })
    });
    world.kafka.access = rights.collect();
    world.adopt(target);
    world
}

fn worlds() -> [World; 2] {
    [older("laptop", cluster()), older("production", production())]
}

#[test]
fn a_newer_klamm_on_a_larger_machine_plans_nothing_and_offers_what_it_would_do() {
    for mut world in worlds() {
        let exact = world.plan().unwrap();
        assert_eq!((titles(&exact), exact.plan.notes), (vec![], vec![]), "nothing changed at all");
        world.supply = supply("a newer jar");
        let report = world.report();
        (report.memory, report.processors) = (ByteCount::gibibytes(64), 32);
        report.advertised = "another-name".into();
        let planned = world.plan().unwrap();
        assert_eq!(titles(&planned), Vec::<String>::new());
        assert_eq!(planned.goal.unwrap().slices, world.current.as_ref().unwrap().slices);
        assert!(planned.plan.notes[0].starts_with("newer defaults are offered"), "{:?}", planned.plan.notes);
    }
}

#[test]
fn an_edit_of_an_older_target_changes_what_was_edited_and_nothing_else() {
    for mut world in worlds() {
        world.supply = supply("a newer jar");
        let report = world.report();
        (report.memory, report.processors) = (ByteCount::gibibytes(64), 32);
        world.cluster.config.insert("num.partitions".into(), "3".into());
        let planned = world.plan().unwrap();
        let reasons: Vec<&str> = planned.plan.steps.iter().map(|step| step.reason.as_str()).collect();
        let slots = world.cluster.slots().count();
        assert_eq!(reasons, vec!["read only at start: num.partitions: not set → 3"; slots]);
        world.carry_out(&planned);
        assert_eq!(world.up(), Vec::<String>::new());
    }
}

#[test]
fn a_roll_of_an_older_target_that_is_cut_short_goes_on_where_it_was() {
    for mut world in worlds() {
        world.cluster.config.insert("num.partitions".into(), "3".into());
        let planned = world.plan().unwrap();
        world.begin(&planned);
        world.step(&planned, 0);
        let rest: Vec<String> = titles(&planned)[1..].to_vec();
        assert_eq!(titles(&world.plan().unwrap()), rest);
    }
}

#[test]
fn newer_defaults_are_taken_when_they_are_asked_for() {
    let mut world = older("production", production());
    let report = world.report();
    (report.memory, report.processors) = (ByteCount::gibibytes(8), 2);
    world.refresh_defaults = true;
    let planned = world.plan().unwrap();
    let reasons: Vec<&str> = planned
        .plan
        .steps
        .iter()
        .filter(|step| step.act.title().starts_with("restart brokers"))
        .map(|step| step.reason.as_str())
        .collect();
    assert_eq!(reasons, ["read only at start: -Xmx4096m → -Xmx2048m, -Xms4096m → -Xms2048m"; 3]);
    world.carry_out(&planned);
    world.refresh_defaults = false;
    let again = world.plan().unwrap();
    assert_eq!((titles(&again), again.plan.notes), (vec![], vec![]));
}

#[test]
fn a_spec_that_says_what_is_a_default_by_now_gets_it() {
    let mut world = older("production", production());
    world.report().processors = 2;
    world.cluster.config.insert("num.recovery.threads.per.data.dir".into(), "2".into());
    world.up();
    assert_eq!(world.kafka.in_force(1, "num.recovery.threads.per.data.dir").as_deref(), Some("2"));
}
