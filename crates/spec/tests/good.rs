//! Specs that are taken: built-in ones, the shortest, and the one of the blueprint.

use std::time::Duration;

use klamm_core::kafka::{NodeRole, Profile};
use klamm_core::model::cluster::{Heap, ListenerAuth, SaslMechanism};
use klamm_core::model::{ByteCount, Cluster};
use klamm_spec::{Context, check, commented_example, default_laptop, explain, json_schema};

fn context() -> Context {
    Context {
        supported_versions: ["4.2.1", "4.3.1"].map(|version| version.parse().expect("a version")).to_vec(),
        running_version: None,
        memory: Some(ByteCount::gibibytes(32)),
    }
}

fn clean(text: &str) -> Cluster {
    let checked = check(text, "cluster.yaml", &context());
    assert!(checked.problems.is_empty(), "{:#?}", checked.problems);
    checked.cluster.expect("a spec without problems is taken")
}

#[test]
fn the_built_in_specs_have_no_problems() {
    let laptop = clean(default_laptop());
    assert_eq!(laptop.name.as_str(), "dev");
    let slots: Vec<String> = laptop.slots().map(|slot| slot.name().to_string()).collect();
    assert_eq!(slots, ["nodes-0", "nodes-1", "nodes-2"]);
    assert!(laptop.slots().all(|slot| slot.role() == NodeRole::Combined));
    assert_eq!(clean(&commented_example(Profile::Laptop)), laptop);
    let production = clean(&commented_example(Profile::Production));
    assert_eq!((production.controllers(), production.brokers()), (3, 3));
}

/// An example whose commented lines do not work is worse than none.
#[test]
fn the_commented_lines_of_the_examples_work_too() {
    for profile in [Profile::Laptop, Profile::Production] {
        let text = commented_example(profile);
        let uncommented: Vec<String> = text
            .lines()
            .skip_while(|line| !line.is_empty())
            .map(|line| {
                let bare = line.trim_start();
                let indent = &line[..line.len() - bare.len()];
                bare.strip_prefix("# ").map_or(line.to_owned(), |code| format!("{indent}{code}"))
            })
            .collect();
        let checked = check(&uncommented.join("\n"), "example.yaml", &context());
        assert!(checked.problems.is_empty(), "{:#?}", checked.problems);
    }
}

#[test]
fn two_lines_give_a_cluster_for_production() {
    let cluster = clean("cluster: telemetry\nprofile: production\n");
    assert_eq!(cluster.kafka.to_string(), "4.3.1");
    assert_eq!((cluster.controllers(), cluster.brokers()), (3, 3));
    assert!(cluster.slots().all(|slot| slot.role() != NodeRole::Combined));
    assert_eq!(cluster.listeners.len(), 1);
}

#[test]
fn a_spec_without_a_version_stays_on_the_one_that_runs() {
    let running = Context { running_version: Some("4.2.1".parse().unwrap()), ..context() };
    let checked = check("cluster: a\nprofile: laptop\n", "a", &running);
    assert_eq!(checked.cluster.unwrap().kafka.to_string(), "4.2.1");
}

#[test]
fn every_key_of_the_blueprint_reaches_the_model() {
    let cluster = clean(include_str!("specs/blueprint.yaml"));
    let slot = cluster.slot(&"brokers-2".parse().unwrap()).unwrap();
    assert_eq!(slot.pinned_node_id().unwrap().0, 11);
    assert_eq!(slot.pool.heap, Heap::Exactly(ByteCount::gibibytes(6)));
    let config = cluster.effective_config(&slot);
    assert_eq!(config["num.network.threads"], "16");
    assert_eq!(config["log.segment.bytes"], "67108864");
    assert_eq!(config["log.retention.hours"], "168");
    assert_eq!(
        cluster.listeners[&"apps".parse().unwrap()].auth,
        ListenerAuth::Sasl([SaslMechanism::ScramSha512].into())
    );
    assert_eq!((cluster.ports.internal, cluster.ports.controller), (9091, 9093));
    assert_eq!(cluster.certificates.renewal_age(), Duration::from_secs(15 * 86_400));
    let orders = &cluster.topics["orders"];
    assert_eq!(
        (orders.config["retention.ms"].as_str(), orders.config["retention.bytes"].as_str()),
        ("604800000", "1073741824")
    );
    assert_eq!(orders.config["cleanup.policy"], "compact,delete");
    assert_eq!(cluster.users[&"billing".parse().unwrap()].acls().len(), 2);
    assert_eq!(cluster.components.connect.as_ref().unwrap().connectors["pg"].tasks, 4);
    assert!(cluster.monitoring.prometheus);
    assert_eq!((cluster.policy.max_unavailable, cluster.policy.heal.enabled), (2, false));
    assert_eq!(cluster.policy.heal.after, Duration::from_secs(600));
    assert_eq!(cluster.artifacts.mirrors, ["https://maven.example.com/central"]);
    let json = serde_json::to_string(&cluster).unwrap();
    assert_eq!(serde_json::from_str::<Cluster>(&json).unwrap(), cluster);
}

#[test]
fn a_key_is_explained_by_its_path_or_its_name() {
    let heap = explain("pools.brokers.heap");
    assert_eq!(heap.len(), 1);
    assert_eq!((heap[0].path.as_str(), heap[0].default), ("pools.NAME.heap", Some("auto")));
    assert_eq!(explain("heap").len(), 3);
    assert!(explain("no.such.key").is_empty());
    assert!(explain("pools")[0].keys.contains(&"storage"));
}

#[test]
fn the_published_schema_is_the_one_of_this_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/spec.schema.json");
    let published = std::fs::read_to_string(path).unwrap_or_default();
    if std::env::var_os("KLAMM_UPDATE_REFERENCE").is_some() {
        std::fs::write(path, json_schema()).unwrap();
        return;
    }
    assert!(published == json_schema(), "run this test once with KLAMM_UPDATE_REFERENCE=1");
}

#[test]
fn a_merged_pool_takes_what_it_does_not_say_itself() {
    let cluster = clean(include_str!("specs/merged.yaml"));
    let west = &cluster.pools[&"west".parse().unwrap()];
    assert_eq!((west.count, west.config["num.io.threads"].as_str()), (2, "16"));
}
