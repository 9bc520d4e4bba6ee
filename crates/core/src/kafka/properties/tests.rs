//! Tests of this module; each name is the sentence that it proves.

use super::*;
use crate::kafka::KafkaLine;

fn table() -> &'static PropertyTable {
    PropertyTable::for_line(KafkaLine::new(4, 3)).unwrap()
}

/// `include_str!` of the table that [`table`] is read from, to prove that no row is lost.
const ROWS: &str = include_str!("../../../data/kafka-properties-4.3.tsv");

#[test]
fn every_table_is_read_whole_and_every_default_is_a_valid_value() {
    assert_eq!(PropertyTable::lines().count(), 5);
    for line in PropertyTable::lines() {
        let table = PropertyTable::for_line(line).unwrap();
        for property in table.node_keys().chain(table.topic_keys()) {
            if let Default::Value(value) = property.default {
                let checked = match property.scope {
                    Scope::Node | Scope::NodeDynamicOnly => table.check_value(property.key, value),
                    Scope::Topic => table.check_topic_value(property.key, value),
                };
                assert_eq!(checked, Ok(()), "{line}: {}={value}", property.key);
            }
            if let Some(broker_key) = property.broker_key {
                assert!(table.get(broker_key).is_some(), "{line}: {broker_key}");
            }
        }
    }
    let keys = table().node_keys().count() + table().topic_keys().count();
    assert_eq!(keys, ROWS.lines().count() - 1);
}

#[test]
fn a_property_tells_type_default_and_update_mode() {
    let min_isr = table().get("min.insync.replicas").unwrap();
    assert_eq!(min_isr.kind, PropertyKind::Int { range: Range { least: Some(1), most: None } });
    assert_eq!((min_isr.default, min_isr.update), (Default::Value("1"), UpdateMode::ClusterWide));
    assert_eq!(table().get("process.roles").unwrap().default, Default::Required);
    assert_eq!(table().get("log.retention.ms").unwrap().default, Default::Null);
    assert_eq!(table().get("leader.replication.throttled.rate").unwrap().scope, Scope::NodeDynamicOnly);
    assert_eq!(table().topic("retention.ms").unwrap().broker_key, Some("log.retention.ms"));
    assert_eq!(table().get("retention.ms"), None);
}

#[test]
fn values_are_checked_for_type_range_and_choice() {
    let ok = |key: &str, value: &str| assert_eq!(table().check_value(key, value), Ok(()), "{key}={value}");
    let bad = |key: &str, value: &str, said: &str| {
        assert_eq!(table().check_value(key, value).unwrap_err().to_string(), said, "{key}={value}");
    };
    ok("num.network.threads", "8");
    ok("num.network.threads", " 8 ");
    ok("auto.create.topics.enable", "False");
    ok("group.consumer.migration.policy", "Upgrade");
    ok("log.cleanup.policy", "compact, delete");
    ok("ssl.keystore.password", "${file:/run/secret:password}");
    ok("metric.reporters", "");
    ok("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
    bad("num.network.threads", "eight", "is not a whole number of 32 bits");
    bad("num.network.threads", "0", "is out of range: 1 or more");
    bad("num.network.threads", "3000000000", "is not a whole number of 32 bits");
    bad("compression.lz4.level", "18", "is out of range: 1 to 17");
    bad("auto.create.topics.enable", "yes", "is not true or false");
    bad("log.cleanup.policy", "compress", "may only be compact, delete");
    bad("log.cleanup.policy", "delete,delete", "names delete twice");
    bad("process.roles", "", "may not be empty");
    bad("log.cleaner.min.cleanable.ratio", "1.5", "is out of range: 0 to 1");
    bad("principal.builder.class", "not a class", "is not the full name of a Java class");
    bad("num.network.thread", "8", "is not a key that this Kafka knows");
    assert!(table().check_topic_value("cleanup.policy", "delete").is_ok());
    assert!(table().check_topic_value("log.cleanup.policy", "delete").is_err());
}

#[test]
fn keys_of_a_listener_are_understood_and_others_are_not_taken_with_a_prefix() {
    let known = |key: &str| table().get(key).is_some();
    assert!(known("listener.name.clients.ssl.client.auth"));
    assert!(known("listener.name.clients.max.connections"));
    assert!(known("listener.name.apps.scram-sha-512.sasl.jaas.config"));
    assert!(known("listener.name.my-apps.num.network.threads"));
    for ignored in [
        "listener.name.clients.num.io.threads",
        "listener.name.CLIENTS.ssl.client.auth",
        "listener.name.clients.ssl.client.oauth",
        "listener.name.apps.scram-sha-512.ssl.client.auth",
        "listener.name.ssl.client.auth",
    ] {
        assert!(!known(ignored), "{ignored}");
    }
    assert_eq!(
        table().check_value("listener.name.clients.ssl.client.auth", "maybe"),
        Err(ValueProblem::NotAllowed { allowed: vec!["required", "requested", "none"] })
    );
}

#[test]
fn certificates_change_at_once_only_with_the_prefix_of_a_listener() {
    let mode = |key: &str| table().update_mode(key).unwrap();
    assert_eq!(mode("ssl.keystore.location"), UpdateMode::ReadOnly);
    assert_eq!(mode("listener.name.clients.ssl.keystore.location"), UpdateMode::PerNode);
    assert_eq!(mode("max.connections"), UpdateMode::ClusterWide);
    assert_eq!(mode("listener.name.clients.max.connections"), UpdateMode::PerNode);
    assert_eq!(mode("log.dirs"), UpdateMode::ReadOnly);
}

#[test]
fn a_typo_finds_its_key_and_nonsense_finds_none() {
    assert_eq!(table().suggest("num.network.thread"), Some("num.network.threads"));
    assert_eq!(table().suggest("auto.create.topic.enabled"), Some("auto.create.topics.enable"));
    assert_eq!(table().suggest("retention.hours"), Some("log.retention.hours"));
    assert_eq!(table().suggest_topic("retention.m"), Some("retention.ms"));
    assert_eq!(table().suggest("xyzzy"), None);
}

#[test]
fn the_removed_keys_are_exactly_what_a_line_has_no_more() {
    let lines: Vec<KafkaLine> = PropertyTable::lines().collect();
    for pair in lines.windows(2) {
        let (before, after) =
            (PropertyTable::for_line(pair[0]).unwrap(), PropertyTable::for_line(pair[1]).unwrap());
        for property in before.node_keys().filter(|property| !property.internal) {
            let gone = after.get(property.key).is_none();
            let entry = removed_key(pair[1], property.key);
            assert_eq!(entry.is_some(), gone, "{} from {} to {}", property.key, pair[0], pair[1]);
            assert_eq!(entry.map(|entry| entry.since), gone.then_some(pair[1]), "{}", property.key);
        }
    }
    assert_eq!(removed_key(KafkaLine::new(3, 9), "zookeeper.connect"), None);
    assert!(removed_key(KafkaLine::new(4, 3), "zookeeper.connect").unwrap().instead.contains("no ZooKeeper"));
}
