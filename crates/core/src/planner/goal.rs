//! The goal: what every slot shall be when all steps are done.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;

use super::placement::{Occupancy, Placed, choose_host, place_listeners};
use super::{PlanInput, PlanRefused};
use crate::api::Want;
use crate::kafka::defaults::Size;
use crate::kafka::storage::{DirectoryUse, StorageFormat, Voter, VoterEndpoint, format_storage};
use crate::kafka::{Profile, defaults};
use crate::model::cluster::{Heap, ListenerAuth, UserAuth, WantedSlot};
use crate::model::target::{
    CredentialTarget, DataDirectory, HostSlice, ProcessTarget, RunState, SlotIdentity, SlotTarget,
    TARGET_VERSION, Target,
};
use crate::model::{DirectoryId, Epoch, HostId, NodeId, Sha256, SlotName, TargetNumber};
use crate::render::NodeContext;
use crate::render::logging::Logging;
use crate::render::server_properties::{CONTROLLER, render_server_properties};

type Blobs = BTreeMap<Sha256, Vec<u8>>;

/// The same slots as now, stopped or removed.
pub(super) fn goal_of_end(current: &Target, want: Want) -> Target {
    let run = match want {
        Want::Up => RunState::Running,
        Want::Down => RunState::Stopped,
        Want::Destroyed => RunState::Removed,
    };
    let mut goal = current.clone();
    for slice in goal.slices.values_mut() {
        for slot in slice.slots.values_mut() {
            slot.run = run;
        }
    }
    goal
}

/// Every slot of the spec, with the identity it has or a new one.
pub(super) fn goal_of_up(
    input: &PlanInput<'_>,
    random: &mut dyn Rng,
) -> Result<(Target, Blobs), PlanRefused> {
    check_supported(input)?;
    let mut blobs = Blobs::new();
    let mut ids = NodeIds::of(input);
    let mut occupancy = Occupancy::of(input);
    let mut placed = Vec::new();
    for wanted in input.cluster.slots() {
        let name = wanted.name();
        let known =
            input.current.and_then(|current| current.slots().get(&name).map(|(host, slot)| (*host, *slot)));
        let (host, report, identity) = match known {
            Some((host, slot)) => {
                let report = input.inventory.hosts.get(host).map(|report| &report.value);
                let no_report = || PlanRefused::NoHost {
                    slot: name.clone(),
                    why: format!("{host} has not reported yet"),
                };
                (host, report.ok_or_else(no_report)?, Some(&slot.identity))
            }
            None => {
                let (host, report) = choose_host(input, &wanted, &mut occupancy)?;
                (host, report, None)
            }
        };
        let node_id = match identity {
            Some(identity) => identity.node_id,
            None => ids.allocate(&wanted)?,
        };
        let place = Placed { wanted, node_id, host, report };
        let kept = identity.map(|identity| identity.listeners.clone()).unwrap_or_default();
        let listeners = place_listeners(input, &place, &kept, &mut occupancy)?;
        let identity = match identity {
            Some(identity) => SlotIdentity { listeners, ..identity.clone() },
            None => SlotIdentity {
                node_id,
                claim: Epoch(1),
                directories: new_directories(input, &place, random),
                listeners,
            },
        };
        placed.push((name, place, identity));
    }
    if input.current.is_none() {
        add_seeds(input, &mut placed, &mut blobs)?;
    }

    let controllers: Vec<String> =
        placed.iter().filter_map(|(_, _, identity)| controller_address(identity)).collect();
    let mut slices: BTreeMap<HostId, HostSlice> = BTreeMap::new();
    for (name, place, identity) in placed {
        let slot = slot_target(input, &name, &place, identity, &controllers, &mut blobs);
        let empty = || HostSlice::empty(input.id, input.cluster.name.clone());
        slices.entry(place.host.clone()).or_insert_with(empty).slots.insert(name, slot);
    }
    let goal = Target {
        version: TARGET_VERSION,
        cluster: input.id,
        name: input.cluster.name.clone(),
        number: TargetNumber(input.current.map_or(0, |current| current.number.0) + 1),
        parent: input.current.map(Target::digest),
        spec: keep(&mut blobs, input.spec.as_bytes().to_vec()),
        next_node_id: ids.next,
        slices,
    };
    Ok((goal, blobs))
}

/// What the spec may say and this version does not do is refused, never passed over in silence.
fn check_supported(input: &PlanInput<'_>) -> Result<(), PlanRefused> {
    let not_supported = |what: &str, instead: &str| {
        Err(PlanRefused::NotSupported { what: what.to_owned(), instead: instead.to_owned() })
    };
    let cluster = input.cluster;
    if cluster.listeners.values().any(|listener| matches!(listener.auth, ListenerAuth::Sasl(_)))
        || cluster.users.values().any(|user| matches!(user.auth, UserAuth::Sasl(_)))
    {
        return not_supported("SASL", "use `auth: mtls`");
    }
    if cluster.components.registry.is_some() || cluster.components.connect.is_some() {
        return not_supported("running a registry or Connect", "remove `components` from the spec");
    }
    if cluster.monitoring.prometheus {
        return not_supported("metrics for Prometheus", "remove `monitoring` from the spec");
    }
    if !cluster.policy.windows.is_empty() {
        return not_supported("maintenance windows", "remove `policy.windows` from the spec");
    }
    let Some(current) = input.current else { return Ok(()) };
    let (has, wants): (BTreeSet<SlotName>, BTreeSet<SlotName>) =
        (current.slots().into_keys().cloned().collect(), cluster.slots().map(|slot| slot.name()).collect());
    if has != wants {
        return not_supported("changing the set of slots of a cluster", "keep the pools and their counts");
    }
    let version = cluster.kafka.to_string();
    if current.slots().values().any(|(_, slot)| slot.process.kafka != version) {
        return not_supported("changing the Kafka version of a cluster", "keep `kafka` as it is");
    }
    Ok(())
}

/// Hands out node ids: from 1, ascending, never reused.
struct NodeIds {
    next: NodeId,
    pinned: BTreeSet<NodeId>,
}

impl NodeIds {
    fn of(input: &PlanInput<'_>) -> Self {
        Self {
            next: input.current.map_or(NodeId(1), |current| current.next_node_id),
            pinned: input.cluster.slots().filter_map(|slot| slot.pinned_node_id()).collect(),
        }
    }

    fn allocate(&mut self, wanted: &WantedSlot<'_>) -> Result<NodeId, PlanRefused> {
        let id = match wanted.pinned_node_id() {
            Some(id) if id < self.next => {
                return Err(PlanRefused::NodeId {
                    slot: wanted.name(),
                    id,
                    problem: "not above every id that was ever given out",
                });
            }
            Some(id) => id,
            None => {
                let free = (self.next.0..).map(NodeId).find(|id| !self.pinned.contains(id));
                free.expect("there are more node ids than slots")
            }
        };
        self.next = self.next.max(NodeId(id.0 + 1));
        Ok(id)
    }
}

fn new_directories(input: &PlanInput<'_>, place: &Placed<'_>, random: &mut dyn Rng) -> Vec<DataDirectory> {
    let name = place.wanted.name();
    let paths: Vec<String> = if place.wanted.pool.storage.is_empty() {
        vec![format!("{}/data", place.report.folders.slot(input.id, &name))]
    } else {
        let own = |path: &crate::model::cluster::StoragePath| {
            format!("{}/{}/{name}", path.as_str(), input.cluster.name)
        };
        place.wanted.pool.storage.iter().map(own).collect()
    };
    let mut fresh = || {
        let mut bytes = [0; 16];
        random.fill_bytes(&mut bytes);
        DirectoryId::from_random(bytes)
    };
    paths.into_iter().map(|path| DataDirectory { path, id: fresh(), seeds: BTreeMap::new() }).collect()
}

/// The files of every freshly formatted directory of a new cluster.
fn add_seeds(
    input: &PlanInput<'_>,
    placed: &mut [(SlotName, Placed<'_>, SlotIdentity)],
    blobs: &mut Blobs,
) -> Result<(), PlanRefused> {
    let voters: Vec<Voter> =
        placed.iter().filter_map(|(_, place, identity)| voter(place, identity)).collect();
    for (name, place, identity) in placed {
        for (index, directory) in identity.directories.iter_mut().enumerate() {
            let files = format_storage(&StorageFormat {
                version: input.cluster.kafka,
                cluster_id: input.id,
                node_id: identity.node_id,
                directory_id: directory.id,
                holds: if index == 0 { DirectoryUse::Metadata } else { DirectoryUse::Partitions },
                role: place.wanted.role(),
                voters: &voters,
                timestamp_ms: input.now.as_millisecond(),
            })
            .map_err(|source| PlanRefused::Format { slot: name.clone(), source })?;
            for file in files {
                directory.seeds.insert(file.path.to_owned(), keep(blobs, file.content));
            }
        }
    }
    Ok(())
}

fn voter(place: &Placed<'_>, identity: &SlotIdentity) -> Option<Voter> {
    let listener = identity.listeners.get(CONTROLLER)?;
    let endpoint =
        VoterEndpoint { listener: CONTROLLER.to_owned(), host: listener.host.clone(), port: listener.port };
    let directory_id = identity.directories.first()?.id;
    Some(Voter { id: place.node_id, directory_id, endpoints: vec![endpoint] })
}

fn controller_address(identity: &SlotIdentity) -> Option<String> {
    identity.listeners.get(CONTROLLER).map(|listener| format!("{}:{}", listener.host, listener.port))
}

fn slot_target(
    input: &PlanInput<'_>,
    name: &SlotName,
    place: &Placed<'_>,
    identity: SlotIdentity,
    controllers: &[String],
    blobs: &mut Blobs,
) -> SlotTarget {
    let folders = &place.report.folders;
    let (folder, logs) = (folders.slot(input.id, name), folders.slot_logs(input.id, name));
    let settings = input.cluster.effective_config(&place.wanted);
    let zone = place.wanted.overrides().and_then(|slot| slot.zone.as_ref()).map(|zone| zone.as_str());
    let node = NodeContext {
        cluster: &input.cluster.name,
        version: input.cluster.kafka,
        profile: input.cluster.profile,
        role: place.wanted.role(),
        slot: name,
        identity: &identity,
        size: Size {
            brokers: input.cluster.brokers(),
            directories: identity.directories.len(),
            processors: Some(place.report.processors),
        },
        controllers,
        zone,
        folder: &folder,
        logs: &logs,
        settings: &settings,
    };
    let logging = Logging::of(input.cluster.kafka);
    let files = BTreeMap::from([
        ("config/server.properties".to_owned(), keep(blobs, render_server_properties(&node).into_bytes())),
        (logging.file().to_owned(), keep(blobs, logging.render(&node).into_bytes())),
    ]);
    // A newer Klamm brings newer executables; slipping them in would restart every node.
    let kept = input.current.and_then(|current| current.slot(name)).map(|slot| &slot.process);
    SlotTarget {
        run: RunState::Running,
        process: ProcessTarget {
            kafka: input.cluster.kafka.to_string(),
            lock: kept.map_or(input.supply.lock, |process| process.lock),
            jar: kept.map_or(input.supply.jar, |process| process.jar),
            java: kept.map_or_else(|| input.supply.java.clone(), |process| process.java.clone()),
            jvm_options: jvm_options(input, place, &folder, &logs),
            main_class: "kafka.Kafka".to_owned(),
            arguments: vec![format!("{folder}/config/server.properties")],
        },
        files,
        credential: credential(input, name, &identity, blobs),
        identity,
    }
}

fn jvm_options(input: &PlanInput<'_>, place: &Placed<'_>, folder: &str, logs: &str) -> Vec<String> {
    let heap = match place.wanted.pool.heap {
        Heap::Auto => None,
        Heap::Exactly(bytes) => Some(bytes),
    };
    let mut options =
        defaults::jvm_options(input.cluster.profile, place.wanted.role(), heap, place.report.memory);
    let own = &place.wanted.pool.jvm;
    // Java refuses to start with two collectors.
    if own.iter().any(|option| names_collector(option)) {
        options.retain(|option| !names_collector(option));
    }
    options.extend(own.iter().cloned());
    options.extend(defaults::gc_log_option(input.cluster.profile, logs));
    // Native libraries are unpacked there; /tmp may forbid execution, and is shared.
    options.push(format!("-Djava.io.tmpdir={folder}/tmp"));
    options.push(format!("-Dkafka.logs.dir={logs}"));
    options.push(Logging::of(input.cluster.kafka).jvm_option(folder));
    options
}

/// `-XX:+UseSerialGC`, `-XX:+UseG1GC`, `-XX:+UseZGC`, …
fn names_collector(option: &str) -> bool {
    option.starts_with("-XX:+Use") && option.ends_with("GC")
}

fn credential(
    input: &PlanInput<'_>,
    name: &SlotName,
    identity: &SlotIdentity,
    blobs: &mut Blobs,
) -> CredentialTarget {
    let mut dns_names = BTreeSet::from([format!("{name}.{}.klamm", input.cluster.name)]);
    let mut addresses = BTreeSet::new();
    for listener in identity.listeners.values() {
        match listener.host.parse() {
            Ok(address) => addresses.insert(address),
            Err(_) => dns_names.insert(listener.host.clone()),
        };
        // Only a laptop's nodes are dialled by the address that they bind.
        if input.cluster.profile == Profile::Laptop {
            addresses.insert(listener.bind);
        }
    }
    CredentialTarget {
        dns_names,
        addresses,
        lifetime_seconds: input.cluster.certificates.lifetime.as_secs(),
        trust_nodes: keep(blobs, input.trust.nodes.clone().into_bytes()),
        trust_users: keep(blobs, input.trust.users.clone().into_bytes()),
    }
}

/// Remembers a blob and gives its digest.
fn keep(blobs: &mut Blobs, content: Vec<u8>) -> Sha256 {
    let digest = Sha256::of(&content);
    blobs.insert(digest, content);
    digest
}
