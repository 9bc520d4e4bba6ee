//! What this Klamm would make of a slot from nothing: its files, its Java command line, its certificate.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Planning;
use super::placement::Placed;
use crate::kafka::defaults::Size;
use crate::kafka::{Profile, defaults};
use crate::model::SlotName;
use crate::model::cluster::{Cluster, Heap};
use crate::model::target::SlotIdentity;
use crate::render::NodeContext;
use crate::render::logging::Logging;
use crate::render::server_properties::{CONTROLLER, ServerProperties};

/// Where a slot's settings are, below its folder.
pub(super) const SERVER_PROPERTIES: &str = "config/server.properties";

/// A slot as a spec and a host make it, with nothing kept of what it was.
#[derive(Debug)]
pub(super) struct Made {
    /// `server.properties`.
    pub(super) properties: ServerProperties,
    /// The keys of it that the spec itself sets.
    pub(super) own_settings: BTreeMap<String, String>,
    /// The configuration of its log.
    pub(super) logging: String,
    /// The Java command line.
    pub(super) jvm_options: Vec<String>,
    /// Those that the spec itself gives.
    pub(super) own_jvm_options: Vec<String>,
    /// The arguments of Kafka's main class.
    pub(super) arguments: Vec<String>,
    /// Names in the certificate.
    pub(super) dns_names: BTreeSet<String>,
    /// Addresses in the certificate.
    pub(super) addresses: BTreeSet<IpAddr>,
    /// How long a certificate lives, in seconds.
    pub(super) lifetime_seconds: u64,
}

/// `HOST:PORT` of a slot's listener for the quorum.
pub(super) fn controller_address(identity: &SlotIdentity) -> Option<String> {
    identity.listeners.get(CONTROLLER).map(|listener| format!("{}:{}", listener.host, listener.port))
}

/// Makes a slot of `cluster`, which is the spec's or the one before it. `controllers` are all `HOST:PORT` of the quorum.
pub(super) fn make(
    input: &Planning<'_>,
    cluster: &Cluster,
    place: &Placed<'_>,
    identity: &SlotIdentity,
    controllers: &[String],
) -> Made {
    let name = place.wanted.name();
    let folders = &place.report.folders;
    let (folder, logs) = (folders.slot(input.id, &name), folders.slot_logs(input.id, &name));
    let settings = cluster.effective_config(&place.wanted);
    let zone = place.wanted.overrides().and_then(|slot| slot.zone.as_ref()).map(|zone| zone.as_str());
    let node = NodeContext {
        cluster: &cluster.name,
        version: cluster.kafka,
        profile: cluster.profile,
        role: place.wanted.role(),
        slot: &name,
        identity,
        size: Size {
            brokers: cluster.brokers(),
            directories: identity.directories.len(),
            processors: Some(place.report.processors),
        },
        controllers,
        zone,
        folder: &folder,
        logs: &logs,
        settings: &settings,
    };
    let properties = ServerProperties::of(&node);
    let logging = Logging::of(cluster.kafka).render(&node);
    let (dns_names, addresses) = certificate_names(cluster, &name, identity);
    Made {
        properties,
        logging,
        jvm_options: jvm_options(cluster, place, &folder, &logs),
        own_jvm_options: own_jvm_options(cluster, place),
        arguments: vec![format!("{folder}/{SERVER_PROPERTIES}")],
        own_settings: settings,
        dns_names,
        addresses,
        lifetime_seconds: cluster.certificates.lifetime.as_secs(),
    }
}

/// What the spec says about Java; a heap's size stands in the first options.
fn own_jvm_options(cluster: &Cluster, place: &Placed<'_>) -> Vec<String> {
    let heap = match place.wanted.pool.heap {
        Heap::Auto => Vec::new(),
        Heap::Exactly(bytes) => {
            let all =
                defaults::jvm_options(cluster.profile, place.wanted.role(), Some(bytes), place.report.memory);
            all.into_iter().filter(|option| option.starts_with("-Xm")).collect()
        }
    };
    heap.into_iter().chain(place.wanted.pool.jvm.iter().cloned()).collect()
}

fn jvm_options(cluster: &Cluster, place: &Placed<'_>, folder: &str, logs: &str) -> Vec<String> {
    let heap = match place.wanted.pool.heap {
        Heap::Auto => None,
        Heap::Exactly(bytes) => Some(bytes),
    };
    let mut options = defaults::jvm_options(cluster.profile, place.wanted.role(), heap, place.report.memory);
    let own = &place.wanted.pool.jvm;
    // Java refuses to start with two collectors.
    if own.iter().any(|option| names_collector(option)) {
        options.retain(|option| !names_collector(option));
    }
    options.extend(own.iter().cloned());
    options.extend(defaults::gc_log_option(cluster.profile, logs));
    // Native libraries are unpacked there; /tmp may forbid execution, and is shared.
    options.push(format!("-Djava.io.tmpdir={folder}/tmp"));
    options.push(format!("-Dkafka.logs.dir={logs}"));
    options.push(Logging::of(cluster.kafka).jvm_option(folder));
    options
}

/// `-XX:+UseSerialGC`, `-XX:+UseG1GC`, `-XX:+UseZGC`, …
pub(super) fn names_collector(option: &str) -> bool {
    option.starts_with("-XX:+Use") && option.ends_with("GC")
}

fn certificate_names(
    cluster: &Cluster,
    name: &SlotName,
    identity: &SlotIdentity,
) -> (BTreeSet<String>, BTreeSet<IpAddr>) {
    let mut dns_names = BTreeSet::from([format!("{name}.{}.klamm", cluster.name)]);
    let mut addresses = BTreeSet::new();
    for listener in identity.listeners.values() {
        match listener.host.parse() {
            Ok(address) => addresses.insert(address),
            Err(_) => dns_names.insert(listener.host.clone()),
        };
        // Only a laptop's nodes are dialled by the address that they bind.
        if cluster.profile == Profile::Laptop {
            addresses.insert(listener.bind);
        }
    }
    (dns_names, addresses)
}
