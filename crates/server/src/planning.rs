//! Everything a plan is made from, gathered; and the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng as _;

use klamm_core::api::{PlanAnswer, PlanRequest, Want};
use klamm_core::kafka::KafkaVersion;
use klamm_core::model::cluster::Cluster;
use klamm_core::model::inventory::{HostReport, Inventory, Observed, Stage};
use klamm_core::model::target::{RunState, Target};
use klamm_core::model::{ClusterId, ClusterName, HostId, Sha256, SlotName};
use klamm_core::planner::{End, Known, PlanInput, Planned, Supply, TrustBundles, plan, plan_end};

use klamm_store::ClusterRecord;

use crate::Server;
use crate::clusters::ClusterState;
use crate::error::{ServerError, chain};

/// How long the first reports after a start are waited for: an agent dials at once, and again every half second.
const FIRST_REPORT: Duration = Duration::from_secs(10);

/// A cluster that shall run, before anything is decided.
struct Asked {
    clusters: Vec<ClusterRecord>,
    /// The store's row; none for a new cluster.
    known: Option<ClusterRecord>,
    cluster: Cluster,
    spec: String,
    refresh_defaults: bool,
    roll: BTreeSet<SlotName>,
    warnings: Vec<String>,
}

/// The cluster's row, unless what is asked of it makes no sense.
fn known(
    clusters: &[ClusterRecord],
    name: &ClusterName,
    want: Want,
) -> Result<Option<ClusterRecord>, ServerError> {
    let known = clusters.iter().find(|record| record.name == *name).cloned();
    if want != Want::Destroyed && known.as_ref().is_some_and(|record| record.want == Want::Destroyed) {
        return Err(ServerError::HalfDestroyed(name.clone()));
    }
    Ok(known)
}

async fn ask(server: &Server, name: &ClusterName, request: &PlanRequest) -> Result<Asked, ServerError> {
    let clusters = server.store.with(|store| store.clusters()).await?;
    let known = known(&clusters, name, request.want)?;
    let spec = match (&request.spec, &known) {
        (Some(spec), _) => spec.clone(),
        (None, Some(record)) => stored_spec(server, record).await?,
        (None, None) => return Err(ServerError::NoCluster(name.clone())),
    };
    let (cluster, warnings) = read_spec(server, &spec, &request.file, known.as_ref()).await?;
    let (refresh_defaults, roll) = (request.refresh_defaults, request.roll.clone());
    Ok(Asked { clusters, known, cluster, spec, refresh_defaults, roll, warnings })
}

/// How a cluster ends. Its spec need not be readable any more: what is in force says what there is.
async fn plan_of_end(
    server: &Server,
    name: &ClusterName,
    want: Want,
    end: End,
) -> Result<(ClusterRecord, Planned), ServerError> {
    let known = known(&server.store.with(|store| store.clusters()).await?, name, want)?;
    let record = known.ok_or_else(|| ServerError::NoCluster(name.clone()))?;
    let id = record.id;
    let current = server.store.with(move |store| store.current_target(id)).await?;
    let planned = plan_end(name, current.as_ref(), end);
    Ok((ClusterRecord { want, ..record }, planned))
}

/// How it ends, if it shall.
fn end_of(want: Want) -> Option<End> {
    match want {
        Want::Up => None,
        Want::Down => Some(End::Down),
        Want::Destroyed => Some(End::Destroyed),
    }
}

/// What would be done. Leaves nothing behind, also for a cluster that is not there yet.
pub(crate) async fn preview(
    server: &Server,
    name: &ClusterName,
    request: &PlanRequest,
) -> Result<PlanAnswer, ServerError> {
    let answer = |planned: Planned, warnings| PlanAnswer {
        plan: planned.plan,
        explanations: planned.explanations,
        warnings,
    };
    if let Some(end) = end_of(request.want) {
        let (_, planned) = plan_of_end(server, name, request.want, end).await?;
        return Ok(answer(planned, Vec::new()));
    }
    let asked = ask(server, name, request).await?;
    let planned = match &asked.known {
        Some(record) => {
            let state = server.clusters.state(record.id, &record.name).await?;
            plan_for(server, &asked, &state).await?
        }
        None => plan_new(server, &asked).await?,
    };
    Ok(answer(planned, asked.warnings))
}

/// A plan that is about to be run.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The cluster.
    pub state: Arc<ClusterState>,
    /// What is wanted, as the store shall keep it.
    pub record: ClusterRecord,
    /// The plan, its goal and blobs.
    pub planned: Planned,
    /// Warnings about the spec.
    pub warnings: Vec<String>,
}

/// Plans for the cluster `name`, with the request's spec or with the one it had.
pub(crate) async fn prepare(
    server: &Server,
    name: &ClusterName,
    request: &PlanRequest,
) -> Result<Prepared, ServerError> {
    if let Some(end) = end_of(request.want) {
        let (record, planned) = plan_of_end(server, name, request.want, end).await?;
        let state = server.clusters.state(record.id, &record.name).await?;
        return Ok(Prepared { state, record, planned, warnings: Vec::new() });
    }
    let asked = ask(server, name, request).await?;
    let id = asked.known.as_ref().map_or_else(fresh_cluster_id, |record| record.id);
    let state = server.clusters.state(id, &asked.cluster.name).await?;
    let mut planned = plan_for(server, &asked, &state).await?;
    let digest = Sha256::of(asked.spec.as_bytes());
    let record = ClusterRecord { id, name: asked.cluster.name, want: request.want, spec: digest };
    planned.blobs.entry(digest).or_insert_with(|| asked.spec.into_bytes());
    Ok(Prepared { state, record, planned, warnings: asked.warnings })
}

/// The model of a spec, checked against what this Klamm can run and what the smallest host has.
pub(crate) async fn read_spec(
    server: &Server,
    spec: &str,
    file: &str,
    known: Option<&ClusterRecord>,
) -> Result<(Cluster, Vec<String>), ServerError> {
    let memory = server.hosts.reports().values().map(|report| report.value.memory).min();
    let current = match known {
        Some(record) => {
            let id = record.id;
            server.store.with(move |store| store.current_target(id)).await?
        }
        None => None,
    };
    server.specs.read(spec, file, current.as_ref().and_then(running_version), memory)
}

/// What a spec without `kafka` means: the version that runs, so that a newer Klamm changes nothing.
fn running_version(current: &Target) -> Option<KafkaVersion> {
    let mut slots = current.slices.values().flat_map(|slice| slice.slots.values());
    slots.next().and_then(|slot| slot.process.kafka.parse().ok())
}

pub(crate) async fn stored_spec(server: &Server, record: &ClusterRecord) -> Result<String, ServerError> {
    let digest = record.spec;
    let blob = server.store.with(move |store| store.blob(digest)).await?;
    let blob = blob.ok_or_else(|| ServerError::NoSpec(record.name.clone()))?;
    Ok(String::from_utf8_lossy(&blob).into_owned())
}

fn fresh_cluster_id() -> ClusterId {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    ClusterId::from_random(bytes)
}

/// What the target in force refers to. A spec that this Klamm cannot read any more is left out.
async fn known_of(server: &Server, current: Option<&Target>) -> Result<Known, ServerError> {
    let Some(current) = current else { return Ok(Known::default()) };
    let slots = current.slots();
    let files: BTreeSet<Sha256> = slots.values().flat_map(|(_, slot)| slot.files.values().copied()).collect();
    let specs: BTreeSet<Sha256> =
        slots.values().filter_map(|(_, slot)| slot.made_from).chain([current.spec]).collect();
    let (files, specs) =
        server.store.with(move |store| Ok((store.blobs(&files)?, store.blobs(&specs)?))).await?;
    let running = running_version(current);
    let mut known = Known { specs: BTreeMap::new(), files };
    for (digest, text) in specs {
        match server.specs.read(&String::from_utf8_lossy(&text), "the spec in force", running, None) {
            Ok((cluster, _)) => drop(known.specs.insert(digest, cluster)),
            Err(error) => {
                tracing::warn!(cluster = %current.name, error = chain(&error), "the spec in force cannot be read any more");
            }
        }
    }
    Ok(known)
}

async fn plan_for(server: &Server, asked: &Asked, state: &ClusterState) -> Result<Planned, ServerError> {
    let id = state.id;
    let current = server.store.with(move |store| store.current_target(id)).await?;
    let is_there = |slot: &&SlotName| current.as_ref().is_some_and(|current| current.slot(slot).is_some());
    if let Some(slot) = asked.roll.iter().find(|slot| !is_there(slot)) {
        return Err(ServerError::NoSlot { cluster: asked.cluster.name.clone(), slot: slot.clone() });
    }
    let known = known_of(server, current.as_ref()).await?;
    let mut inventory = Inventory { hosts: first_reports(server).await?, kafka: None };
    if let Some(current) = &current
        && all_ready(current, &inventory)
    {
        inventory.kafka = state.look_closely(&server.store, current).await;
    }
    let input = PlanInput {
        cluster: &asked.cluster,
        spec: &asked.spec,
        id: state.id,
        current: current.as_ref(),
        known: &known,
        inventory: &inventory,
        reserved_ports: &reserved_ports(server, Some(state.id), &asked.clusters).await?,
        supply: supply_of(server, &asked.cluster)?,
        trust: &state.authorities.trust(),
        refresh_defaults: asked.refresh_defaults,
        roll: &asked.roll,
        now: Timestamp::now(),
    };
    Ok(plan(&input, &mut rand::rng())?)
}

/// What the hosts that have joined say, once each has spoken.
async fn first_reports(server: &Server) -> Result<BTreeMap<HostId, Observed<HostReport>>, ServerError> {
    let joined = server.store.with(|store| store.hosts()).await?;
    let joined = joined.into_iter().map(|record| record.id).collect();
    Ok(server.hosts.first_reports(&joined, FIRST_REPORT).await)
}

/// The plan of a cluster that is not there: its steps are true, its id and trust are made when it is applied.
async fn plan_new(server: &Server, asked: &Asked) -> Result<Planned, ServerError> {
    let inventory = Inventory { hosts: first_reports(server).await?, kafka: None };
    let input = PlanInput {
        cluster: &asked.cluster,
        spec: &asked.spec,
        id: fresh_cluster_id(),
        current: None,
        known: &Known::default(),
        inventory: &inventory,
        reserved_ports: &reserved_ports(server, None, &asked.clusters).await?,
        supply: supply_of(server, &asked.cluster)?,
        trust: &TrustBundles { nodes: String::new(), users: String::new() },
        refresh_defaults: false,
        roll: &BTreeSet::new(),
        now: Timestamp::now(),
    };
    Ok(plan(&input, &mut rand::rng())?)
}

fn supply_of<'a>(server: &'a Server, cluster: &Cluster) -> Result<&'a Supply, ServerError> {
    let version = cluster.kafka.to_string();
    server.supplies.get(&version).ok_or(ServerError::NoLock(version))
}

/// Whether it is worth asking Kafka: asking nodes that do not run only takes time.
fn all_ready(target: &Target, inventory: &Inventory) -> bool {
    target.slots().into_iter().all(|(name, (_, slot))| {
        let seen = inventory.slot(target.cluster, name);
        slot.run == RunState::Running && seen.is_some_and(|seen| seen.value.stage == Stage::Ready)
    })
}

/// The ports that the slots of all other clusters keep.
async fn reserved_ports(
    server: &Server,
    id: Option<ClusterId>,
    clusters: &[ClusterRecord],
) -> Result<BTreeMap<HostId, BTreeSet<u16>>, ServerError> {
    let mut reserved: BTreeMap<HostId, BTreeSet<u16>> = BTreeMap::new();
    for other in clusters.iter().filter(|record| Some(record.id) != id) {
        let other = other.id;
        let target = server.store.with(move |store| store.current_target(other)).await?;
        let Some(target) = target else { continue };
        for (_, (host, slot)) in target.slots() {
            let ports = slot.identity.listeners.values().map(|listener| listener.port);
            reserved.entry(host.clone()).or_default().extend(ports);
        }
    }
    Ok(reserved)
}

/// Executables by Kafka version.
pub type Supplies = BTreeMap<String, Supply>;
