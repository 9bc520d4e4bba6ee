//! Pools, slots, listeners and ports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use klamm_core::kafka::{NodeRole, Profile};
use klamm_core::model::cluster::{
    Heap, HostSelector, Listener, ListenerAuth, NodePorts, Pool, SaslMechanism, SlotOverride,
};
use klamm_core::model::{ListenerName, NodeId, PoolName};

use super::{Place, Problems, jvm, name_of, named};
use crate::document::NodeKind;
use crate::problem::Code;
use crate::properties::{Layer, Properties};

const NAME_HELP: &str = "use lower-case letters, digits and hyphens";

/// All pools, without their Kafka properties.
pub(super) fn pools(root: &Place<'_>, profile: Profile, problems: &mut Problems) -> BTreeMap<PoolName, Pool> {
    let Some(place) = root.get("pools") else { return default_pools(profile) };
    let mut pools = BTreeMap::new();
    for (key, place) in place.entries() {
        if let Some(name) = name_of::<PoolName>(key, &place, problems, NAME_HELP) {
            pools.insert(name, pool(&place, problems));
        }
    }
    pools
}

/// Three of each: the least that goes on when one is gone.
fn default_pools(profile: Profile) -> BTreeMap<PoolName, Pool> {
    let named = |name: &str, roles| {
        let name = name.parse().expect("a lower-case word is a pool name");
        (name, Pool { roles, count: 3, ..empty_pool() })
    };
    match profile {
        Profile::Laptop => [named("nodes", NodeRole::Combined)].into(),
        Profile::Production => {
            [named("controllers", NodeRole::Controller), named("brokers", NodeRole::Broker)].into()
        }
    }
}

fn empty_pool() -> Pool {
    Pool {
        roles: NodeRole::Broker,
        count: 1,
        hosts: [].into(),
        zones: [].into(),
        storage: vec![],
        heap: Heap::Auto,
        jvm: vec![],
        config: [].into(),
        slots: [].into(),
    }
}

fn pool(place: &Place<'_>, problems: &mut Problems) -> Pool {
    let list = |key: &str| place.get(key).into_iter().flat_map(|list| list.items().collect::<Vec<_>>());
    let mut pool = empty_pool();
    if let Some(roles) = place.get("roles") {
        pool.roles = node_role(&roles, problems).unwrap_or(NodeRole::Broker);
    }
    let count = number(place.get("count").as_ref()).filter(|count| *count > 0);
    pool.count = count.unwrap_or(1);
    pool.heap = heap(place);
    for host in list("hosts") {
        pool.hosts.extend(named::<HostSelector>(
            &host,
            problems,
            "write a host name such as `kafka-1` or `kafka-*`",
        ));
    }
    for zone in list("zones") {
        pool.zones.extend(named(&zone, problems, "write a short name such as `eu-central-1a`"));
    }
    for directory in list("storage") {
        if let Some(path) = directory.get("path") {
            pool.storage.extend(named(&path, problems, "write a path such as /srv/kafka/d1"));
        }
    }
    for option in list("jvm") {
        let Some(text) = option.scalar() else { continue };
        match jvm::reason_against(text) {
            None if jvm::is_collector(text) && pool.jvm.iter().any(|known| jvm::is_collector(known)) => {
                let message =
                    format!("`{text}` is a second garbage collector, and Java starts with one only");
                problems.error(Code::JvmOption, option.spot(), message, "keep one of the two");
            }
            None => pool.jvm.push(text.to_owned()),
            Some((message, help)) => {
                problems.error(Code::JvmOption, option.spot(), message, help);
            }
        }
    }
    for (ordinal, place) in place.get("slots").iter().flat_map(|slots| slots.entries().collect::<Vec<_>>()) {
        slot(ordinal, &place, &mut pool, count.is_some(), problems);
    }
    pool
}

fn node_role(place: &Place<'_>, problems: &mut Problems) -> Option<NodeRole> {
    let NodeKind::List(_) = place.kind() else { return None };
    let words: BTreeSet<&str> = place.items().filter_map(|item| item.scalar()).collect();
    match (words.contains("controller"), words.contains("broker")) {
        (true, true) => Some(NodeRole::Combined),
        (true, false) => Some(NodeRole::Controller),
        (false, true) => Some(NodeRole::Broker),
        (false, false) => {
            if place.items().next().is_none() {
                let message = "a pool without a role has nothing to do";
                problems.error(
                    Code::InvalidValue,
                    place.spot(),
                    message,
                    "write `[controller]` or `[broker]`",
                );
            }
            None
        }
    }
}

fn slot(ordinal: &str, place: &Place<'_>, pool: &mut Pool, count_is_known: bool, problems: &mut Problems) {
    let number_of: Option<u16> = ordinal.parse().ok().filter(|number: &u16| number.to_string() == ordinal);
    let Some(number_of) = number_of else {
        let message = format!("`{ordinal}` is not the ordinal of a slot");
        problems.error(
            Code::InvalidValue,
            place.key_spot(),
            message,
            "write a number from 0 to the pool's count less one",
        );
        return;
    };
    if number_of >= pool.count && count_is_known {
        let message =
            format!("`count` is {}, so there is no slot {number_of}: ordinals begin at 0", pool.count);
        let help = format!("write an ordinal below {}, or raise `count`", pool.count);
        problems.error(Code::NoSuchSlot, place.key_spot(), message, help);
    }
    let slot = SlotOverride {
        node_id: number(place.get("node-id").as_ref()).map(NodeId),
        host: place
            .get("host")
            .and_then(|host| named(&host, problems, "write a host name such as `kafka-1`")),
        zone: place.get("zone").and_then(|zone| named(&zone, problems, "write a short name such as `a`")),
        config: [].into(),
    };
    pool.slots.insert(number_of, slot);
}

/// Fills in the Kafka properties of pools and slots.
pub(super) fn pool_configs(
    root: &Place<'_>,
    properties: &Properties,
    pools: &mut BTreeMap<PoolName, Pool>,
    problems: &mut Problems,
) {
    for (name, pool) in pools {
        let place = root.find(&["pools", name.as_str()]);
        if place.path().is_empty() || place.path() == "pools" {
            continue;
        }
        pool.config = properties.read(place.get("config").as_ref(), Layer::Pool, problems);
        for (ordinal, slot) in &mut pool.slots {
            let config = place.get("slots").and_then(|slots| slots.get(&ordinal.to_string())?.get("config"));
            slot.config = properties.read(config.as_ref(), Layer::Slot, problems);
        }
    }
}

/// `auto`, or a size.
pub(super) fn heap(place: &Place<'_>) -> Heap {
    let size = place.get("heap").and_then(|heap| heap.scalar()?.parse().ok());
    size.map_or(Heap::Auto, Heap::Exactly)
}

/// A number that the shape has checked.
pub(super) fn number<T: std::str::FromStr>(place: Option<&Place<'_>>) -> Option<T> {
    place?.scalar()?.parse().ok()
}

/// All listeners for programs.
pub(super) fn listeners(root: &Place<'_>, problems: &mut Problems) -> BTreeMap<ListenerName, Listener> {
    let clients = || Listener { port: 9092, auth: ListenerAuth::Mtls, bind: None, advertised: None };
    let Some(place) = root.get("listeners") else {
        return [("clients".parse().expect("a lower-case word is a listener name"), clients())].into();
    };
    let mut listeners = BTreeMap::new();
    for (key, place) in place.entries() {
        let Some(name) = name_of::<ListenerName>(key, &place, problems, NAME_HELP) else { continue };
        if let Some((_, use_instead)) = RESERVED_LISTENERS.iter().find(|(reserved, _)| *reserved == key) {
            let message = format!("`{key}` is the name of a listener that Klamm makes for its nodes alone");
            problems.error(Code::ReservedName, place.key_spot(), message, *use_instead);
            continue;
        }
        listeners.insert(name, listener(&place, problems).unwrap_or_else(clients));
    }
    listeners
}

/// Names of Klamm's own listeners, with what to do instead of taking them.
pub(super) const RESERVED_LISTENERS: [(&str, &str); 2] = [
    ("internal", "choose another name; its port is `ports.internal`"),
    ("controller", "choose another name; its port is `ports.controller`"),
];

fn listener(place: &Place<'_>, problems: &mut Problems) -> Option<Listener> {
    let NodeKind::Mapping(_) = place.kind() else { return None };
    let auth =
        place.get("auth").and_then(|auth| listener_auth(&auth, problems)).unwrap_or(ListenerAuth::Mtls);
    let bind = place.get("bind").and_then(|bind| {
        let text = bind.scalar()?;
        let address = text.parse::<IpAddr>();
        if address.is_err() {
            let message = format!("`{text}` is not an IP address");
            problems.error(
                Code::InvalidValue,
                bind.spot(),
                message,
                "write an address such as 10.0.0.7 or ::",
            );
        }
        address.ok()
    });
    let help = "write a host name with placeholders such as {slot}.kafka.example.com";
    let advertised = place.get("advertised").and_then(|template| named(&template, problems, help));
    Some(Listener { port: number(place.get("port").as_ref()).unwrap_or(9092), auth, bind, advertised })
}

fn listener_auth(place: &Place<'_>, problems: &mut Problems) -> Option<ListenerAuth> {
    let NodeKind::List(_) = place.kind() else {
        return (place.scalar()? == "mtls").then_some(ListenerAuth::Mtls);
    };
    let mechanisms: BTreeSet<SaslMechanism> =
        place.items().filter_map(|item| mechanism(item.scalar()?)).collect();
    if mechanisms.is_empty() {
        if place.items().next().is_none() {
            let message = "a listener without a way to log in lets nobody in, or everybody";
            problems.error(Code::PlainListener, place.spot(), message, "write `mtls` or `[scram-sha-512]`");
        }
        return None;
    }
    Some(ListenerAuth::Sasl(mechanisms))
}

/// A mechanism by its name in the spec.
pub(super) fn mechanism(word: &str) -> Option<SaslMechanism> {
    SaslMechanism::ALL.into_iter().find(|mechanism| mechanism.as_str() == word)
}

/// Base ports of Klamm's own two listeners.
pub(super) fn ports(root: &Place<'_>) -> NodePorts {
    let port = |key: &str| root.get("ports").and_then(|ports| number(ports.get(key).as_ref()));
    let NodePorts { internal, controller } = NodePorts::DEFAULT;
    NodePorts {
        internal: port("internal").unwrap_or(internal),
        controller: port("controller").unwrap_or(controller),
    }
}

/// Hosts of a component.
pub(super) fn hosts(place: &Place<'_>, problems: &mut Problems) -> Vec<HostSelector> {
    let list: Vec<_> = place.get("hosts").iter().flat_map(|list| list.items().collect::<Vec<_>>()).collect();
    list.iter()
        .filter_map(|item| named(item, problems, "write a host name such as `apps-1` or `apps-*`"))
        .collect()
}
