//! What the validated model promises: layers, rights, names, windows.

use super::*;
use crate::model::ByteCount;

fn cluster() -> Cluster {
    let pool = |roles, count| Pool {
        roles,
        count,
        hosts: [].into(),
        zones: [].into(),
        storage: vec![],
        heap: Heap::Exactly(ByteCount::mebibytes(512)),
        jvm: vec![],
        config: [].into(),
        slots: [].into(),
    };
    let config = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let mut brokers = pool(NodeRole::Broker, 2);
    brokers.config = config(&[("b", "pool"), ("c", "pool")]);
    let second = SlotOverride {
        node_id: Some(NodeId(7)),
        config: config(&[("c", "slot")]),
        ..SlotOverride::default()
    };
    brokers.slots.insert(1, second);
    Cluster {
        name: "tele".parse().unwrap(),
        profile: Profile::Production,
        kafka: "4.3.1".parse().unwrap(),
        pools: [
            ("controllers".parse().unwrap(), pool(NodeRole::Controller, 1)),
            ("brokers".parse().unwrap(), brokers),
        ]
        .into(),
        listeners: [].into(),
        ports: NodePorts::DEFAULT,
        certificates: CertificatePolicy::DEFAULT,
        topics: [].into(),
        users: [].into(),
        config: config(&[("a", "cluster"), ("b", "cluster"), ("c", "cluster")]),
        components: Components::default(),
        monitoring: Monitoring::default(),
        policy: Policy::DEFAULT,
        artifacts: ArtifactPolicy::default(),
    }
}

#[test]
fn config_is_layered_from_the_cluster_over_the_pool_to_the_slot() {
    let cluster = cluster();
    let layers = |slot: &str| -> String {
        let slot = cluster.slot(&slot.parse().unwrap()).unwrap();
        cluster.effective_config(&slot).into_values().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(layers("controllers-0"), "cluster cluster cluster");
    assert_eq!(layers("brokers-0"), "cluster pool pool");
    assert_eq!(layers("brokers-1"), "cluster pool slot");
}

#[test]
fn slots_come_by_pool_and_ordinal_and_none_that_was_not_asked_for() {
    let cluster = cluster();
    let names: Vec<_> = cluster.slots().map(|slot| slot.name().to_string()).collect();
    assert_eq!(names, ["brokers-0", "brokers-1", "controllers-0"]);
    assert_eq!((cluster.brokers(), cluster.controllers()), (2, 1));
    assert!(cluster.slot(&"brokers-2".parse().unwrap()).is_none());
    let pinned = cluster.slot(&"brokers-1".parse().unwrap()).unwrap();
    assert_eq!(pinned.pinned_node_id(), Some(NodeId(7)));
}

#[test]
fn a_cluster_survives_json() {
    let cluster = cluster();
    let text = serde_json::to_string(&cluster).unwrap();
    assert_eq!(serde_json::from_str::<Cluster>(&text).unwrap(), cluster);
}

#[test]
fn rights_are_read_and_written_and_unknown_ones_are_refused() {
    let rule: AccessRule = "read topic:orders group:billing-*".parse().unwrap();
    assert_eq!(rule.to_string(), "read topic:orders group:billing-*");
    let all: AccessRule = "all".parse().unwrap();
    assert_eq!(all, AccessRule::everything());
    assert_eq!(all.acls().count(), 4);
    assert_eq!(all.to_string().parse::<AccessRule>().unwrap(), all);
    for bad in [
        "",
        "read",
        "eat topic:x",
        "read topic",
        "read topic:",
        "read topic:a*b",
        "write group:g",
        "read cluster",
        "read cluster:x",
    ] {
        assert!(bad.parse::<AccessRule>().is_err(), "{bad}");
    }
}

#[test]
fn a_template_gives_each_slot_its_name() {
    let template: NameTemplate = "{slot}.{cluster}.example.com".parse().unwrap();
    let slot = "brokers-2".parse().unwrap();
    let cluster = "tele".parse().unwrap();
    let values = TemplateValues { slot: &slot, node_id: NodeId(5), cluster: &cluster, host: "h1" };
    assert_eq!(template.fill(&values), "brokers-2.tele.example.com");
    assert!(template.tells_slots_apart());
    assert!(!"kafka.example.com".parse::<NameTemplate>().unwrap().tells_slots_apart());
    for bad in ["{slto}.example.com", "a b", "", "host:9092", "-x.example.com"] {
        assert!(bad.parse::<NameTemplate>().is_err(), "{bad}");
    }
}

#[test]
fn windows_wrap_around_weeks_and_carry_their_offset() {
    let window: MaintenanceWindow = "fri-mon 22:00-04:30 -05:30".parse().unwrap();
    assert_eq!(window.days, [Weekday::Fri, Weekday::Sat, Weekday::Sun, Weekday::Mon].into());
    assert_eq!((window.from, window.until, window.offset), (1320, 270, -330));
    assert_eq!(window.to_string().parse::<MaintenanceWindow>().unwrap(), window);
    for bad in [
        "sat",
        "sat 2-4",
        "sat 02:00-02:00",
        "x 02:00-03:00",
        "sat 02:00-25:00",
        "sat 24:00-03:00",
        "sat 01:00-02:00 CET",
        "sat 01:00-02:00 ü",
    ] {
        assert!(bad.parse::<MaintenanceWindow>().is_err(), "{bad}");
    }
}

#[test]
fn certificates_are_renewed_with_a_third_of_their_life_left() {
    assert_eq!(CertificatePolicy::DEFAULT.renewal_age().as_secs(), 60 * 24 * 3600);
    for bad in ["0/3", "3/3", "2", "-1/2", "1/0"] {
        assert!(bad.parse::<Fraction>().is_err(), "{bad}");
    }
}

#[test]
fn storage_paths_are_absolute_and_overlaps_are_seen() {
    let path = |text: &str| text.parse::<StoragePath>().unwrap();
    assert_eq!(path("/srv/kafka/").as_str(), "/srv/kafka");
    assert!(path("/srv/kafka").overlaps(&path("/srv/kafka/d1")));
    assert!(!path("/srv/kafka").overlaps(&path("/srv/kafka2")));
    for bad in ["srv", "/", "", "/a/../b", "/a,b", "/a//b"] {
        assert!(bad.parse::<StoragePath>().is_err(), "{bad}");
    }
}
