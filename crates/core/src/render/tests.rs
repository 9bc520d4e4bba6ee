//! Golden trees: every file of each kind of node, byte for byte, and the same bytes a second time.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::logging::Logging;
use super::server_properties::ServerProperties;
use super::*;
use crate::kafka::properties::{PropertyTable, split_listener_prefix};
use crate::model::target::{DataDirectory, ListenerAddress, ListenerPurpose};
use crate::model::{DirectoryId, Epoch, NodeId};

struct Node {
    cluster: ClusterName,
    slot: SlotName,
    identity: SlotIdentity,
    profile: Profile,
    role: NodeRole,
    settings: BTreeMap<String, String>,
}

fn node(role: NodeRole, profile: Profile) -> Node {
    let address = |host: &str, port, purpose| ListenerAddress {
        bind: IpAddr::from([127, 0, 0, 1]),
        host: host.to_owned(),
        port,
        base: port,
        purpose,
    };
    let mut listeners = BTreeMap::new();
    if role.is_controller() {
        listeners.insert("CONTROLLER".to_owned(), address("localhost", 29092, ListenerPurpose::Controller));
    }
    if role.is_broker() {
        let clients = ListenerPurpose::Clients("clients".parse().unwrap());
        listeners.insert("INTERNAL".to_owned(), address("localhost", 19092, ListenerPurpose::Internal));
        listeners.insert("CLIENTS".to_owned(), address("::1", 9092, clients));
    }
    let directory = |path: &str| DataDirectory {
        path: path.to_owned(),
        id: DirectoryId::from_random([1; 16]),
        seeds: BTreeMap::new(),
    };
    Node {
        cluster: "tele".parse().unwrap(),
        slot: "nodes-0".parse().unwrap(),
        identity: SlotIdentity {
            node_id: NodeId(1),
            claim: Epoch(1),
            directories: vec![directory("/srv/a b/d1"), directory("/srv/d2")],
            listeners,
        },
        profile,
        role,
        settings: BTreeMap::from([("num.io.threads".to_owned(), "3".to_owned())]),
    }
}

/// One of each line that Klamm knows.
const VERSIONS: [&str; 5] = ["3.9.2", "4.0.2", "4.1.2", "4.2.1", "4.3.1"];

fn render(node: &Node, version: &str) -> String {
    let version: KafkaVersion = version.parse().unwrap();
    let context = NodeContext {
        cluster: &node.cluster,
        version,
        profile: node.profile,
        role: node.role,
        slot: &node.slot,
        identity: &node.identity,
        size: Size { brokers: 3, directories: 2, processors: Some(4) },
        controllers: &["localhost:29092".to_owned(), "localhost:29093".to_owned()],
        zone: Some("east"),
        folder: "/state/clusters/ID/nodes-0",
        logs: "/logs/clusters/ID/nodes-0",
        settings: &node.settings,
    };
    let logging = Logging::of(version);
    format!(
        "==> config/server.properties <==\n{}\n==> {} <==\n{}",
        ServerProperties::of(&context).render(),
        logging.file(),
        logging.render(&context)
    )
}

#[test]
fn every_kind_of_node_has_its_golden_tree_on_every_line_and_renders_the_same_bytes_again() {
    for version in VERSIONS {
        let line = version.parse::<KafkaVersion>().unwrap().line();
        for (name, role, profile) in [
            ("laptop-combined", NodeRole::Combined, Profile::Laptop),
            ("production-broker", NodeRole::Broker, Profile::Production),
            ("production-controller", NodeRole::Controller, Profile::Production),
        ] {
            let node = node(role, profile);
            insta::assert_snapshot!(format!("{line}-{name}"), render(&node, version));
            assert_eq!(render(&node, version), render(&node, version));
        }
    }
}

#[test]
fn every_rendered_key_is_one_that_this_kafka_knows() {
    assert_eq!(VERSIONS.len(), PropertyTable::lines().count());
    for version in VERSIONS {
        let table = PropertyTable::for_line(version.parse::<KafkaVersion>().unwrap().line()).unwrap();
        for role in [NodeRole::Combined, NodeRole::Broker, NodeRole::Controller] {
            for profile in [Profile::Laptop, Profile::Production] {
                let text = render(&node(role, profile), version);
                let (properties, _) = text.split_once("==> config/log4j").unwrap();
                for line in
                    properties.lines().filter(|line| line.contains('=') && !line.starts_with(['#', '=']))
                {
                    let (key, value) = line.split_once('=').unwrap();
                    // The authorizer's own key; Kafka's configuration does not list it.
                    if key == "super.users" {
                        continue;
                    }
                    let value = value.replace("\\\\", "\\");
                    let checked = table.check_value(key, &value);
                    assert_eq!(checked, Ok(()), "{version}: {key} ({:?})", split_listener_prefix(key));
                }
            }
        }
    }
}
