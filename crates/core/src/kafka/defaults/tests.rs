//! Tests of this module; each name is the sentence that it proves.

use super::*;
use crate::kafka::properties::{Default, PropertyTable};
use crate::model::ByteCount;

const THREE: Size = Size { brokers: 3, directories: 2, processors: Some(8) };

fn version(text: &str) -> KafkaVersion {
    text.parse().unwrap()
}

fn value(settings: &[Setting], key: &str) -> Option<String> {
    settings.iter().find(|setting| setting.key == key).map(|setting| setting.value.clone())
}

#[test]
fn every_setting_is_known_valid_set_once_and_not_already_kafkas_default() {
    for line in PropertyTable::lines() {
        let table = PropertyTable::for_line(line).unwrap();
        let version = version(&format!("{line}.0"));
        for role in [NodeRole::Broker, NodeRole::Controller, NodeRole::Combined] {
            for profile in [Profile::Laptop, Profile::Production] {
                for brokers in [1, 2, 3, 9] {
                    let settings = settings(role, profile, version, &Size { brokers, ..THREE });
                    assert!(settings.is_sorted_by(|a, b| a.key < b.key), "{settings:?}");
                    for Setting { key, value, reason } in
                        settings.iter().chain(&cluster_dynamic_settings(version, brokers))
                    {
                        assert_eq!(table.check_value(key, value), Ok(()), "{line}: {key}={value}");
                        let default = table.get(key).unwrap().default;
                        // What follows the number of brokers is written out whatever it comes to.
                        let follows_size = key.contains("replica") || key.contains("min.isr");
                        let is_default = matches!(default, Default::Value(text) if text == value);
                        assert!(!is_default || follows_size, "{line}: {key}={value}");
                        assert!(reason.starts_with('['), "{key}: {reason}");
                    }
                }
                for setting in client_listener_settings(profile) {
                    let key = format!("listener.name.clients.{}", setting.key);
                    assert_eq!(table.check_value(&key, &setting.value), Ok(()), "{key}");
                }
            }
        }
    }
}

#[test]
fn min_in_sync_is_the_clusters_where_eligible_leaders_are_on_and_the_brokers_where_not() {
    let of = |role, text| {
        value(&settings(role, Profile::Production, version(text), &THREE), "min.insync.replicas")
    };
    assert_eq!(of(NodeRole::Broker, "4.3.1"), None);
    assert_eq!(of(NodeRole::Controller, "4.3.1").as_deref(), Some("2"));
    assert_eq!(of(NodeRole::Combined, "4.1.0").as_deref(), Some("2"));
    assert_eq!(of(NodeRole::Broker, "3.9.2").as_deref(), Some("2"));
    assert_eq!(
        value(&cluster_dynamic_settings(version("4.3.1"), 3), "min.insync.replicas").as_deref(),
        Some("2")
    );
    assert_eq!(cluster_dynamic_settings(version("3.9.2"), 3), []);
    assert_eq!(
        value(&cluster_dynamic_settings(version("4.3.1"), 1), "min.insync.replicas").as_deref(),
        Some("1")
    );
}

#[test]
fn a_single_broker_can_make_its_internal_topics() {
    let size = Size { brokers: 1, ..THREE };
    let settings = settings(NodeRole::Combined, Profile::Laptop, version("4.3.1"), &size);
    for key in [
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
        "share.coordinator.state.topic.replication.factor",
        "share.coordinator.state.topic.min.isr",
        "min.insync.replicas",
    ] {
        assert_eq!(value(&settings, key).as_deref(), Some("1"), "{key}");
    }
}

#[test]
fn recovery_uses_the_processors_of_the_host_when_they_are_known() {
    let threads = |directories, processors| {
        let size = Size { directories, processors, ..THREE };
        let settings = settings(NodeRole::Broker, Profile::Production, version("4.3.1"), &size);
        value(&settings, "num.recovery.threads.per.data.dir")
    };
    assert_eq!(threads(2, Some(8)).as_deref(), Some("4"));
    assert_eq!(threads(1, Some(64)).as_deref(), Some("8"));
    assert_eq!(threads(12, Some(8)).as_deref(), Some("1"));
    assert_eq!(threads(1, None), None);
}

#[test]
fn heaps_leave_memory_to_the_page_cache() {
    let size = |profile, role, gibibytes| heap(profile, role, ByteCount::gibibytes(gibibytes)).size;
    assert_eq!(size(Profile::Laptop, NodeRole::Combined, 64), ByteCount::mebibytes(512));
    assert_eq!(size(Profile::Production, NodeRole::Broker, 16), ByteCount::gibibytes(4));
    assert_eq!(size(Profile::Production, NodeRole::Broker, 256), ByteCount::gibibytes(6));
    assert_eq!(size(Profile::Production, NodeRole::Controller, 64), ByteCount::gibibytes(2));
    assert_eq!(size(Profile::Production, NodeRole::Controller, 2), ByteCount::gibibytes(1));
}

#[test]
fn the_specs_heap_wins_and_a_production_heap_never_grows() {
    let options = jvm_options(
        Profile::Production,
        NodeRole::Broker,
        Some(ByteCount::gibibytes(3)),
        ByteCount::gibibytes(64),
    );
    assert!(
        options.contains(&"-Xmx3072m".to_owned()) && options.contains(&"-Xms3072m".to_owned()),
        "{options:?}"
    );
    let laptop = jvm_options(Profile::Laptop, NodeRole::Combined, None, ByteCount::gibibytes(8));
    assert!(laptop.contains(&"-XX:TieredStopAtLevel=1".to_owned()), "{laptop:?}");
}
