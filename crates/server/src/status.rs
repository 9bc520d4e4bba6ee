//! A cluster on one screen, and its certificates in one list.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use klamm_core::api::{
    CertificateRow, Certificates, ClusterRow, ClusterStatus, Clusters, HostRow, NodeRow, RunState,
};
use klamm_core::model::inventory::{Inventory, Observed, Stage};
use klamm_core::model::target::{ListenerPurpose, SlotTarget, Target};
use klamm_core::model::{ClusterName, TargetNumber};
use klamm_core::render::server_properties::{CONTROLLER, INTERNAL};

use crate::Server;
use crate::clusters::ClusterState;
use crate::error::ServerError;
use klamm_pki::Authority;
use klamm_store::{ClusterRecord, Issued};

/// How long a status waits for what was not heard since the server started; what is not known then is told so.
const FIRST_LOOKS: Duration = Duration::from_secs(3);

/// A cluster's row; the name must be one that there is.
pub(crate) async fn record(server: &Server, name: &ClusterName) -> Result<ClusterRecord, ServerError> {
    let wanted = name.clone();
    let found = server.store.with(move |store| store.cluster(&wanted)).await?;
    found.ok_or_else(|| ServerError::NoCluster(name.clone()))
}

/// A cluster's target in force.
pub(crate) async fn target(server: &Server, record: &ClusterRecord) -> Result<Target, ServerError> {
    let id = record.id;
    let target = server.store.with(move |store| store.current_target(id)).await?;
    target.ok_or_else(|| ServerError::NoCluster(record.name.clone()))
}

/// All clusters.
pub(crate) async fn clusters(server: &Server) -> Result<Clusters, ServerError> {
    let mut rows = Vec::new();
    for ClusterRecord { id, name, want, spec: _ } in server.store.with(|store| store.clusters()).await? {
        let target = server.store.with(move |store| store.current_target(id)).await?;
        let number = target.map_or(TargetNumber(0), |target| target.number);
        rows.push(ClusterRow { name, id, target: number, want });
    }
    Ok(Clusters { klamm: env!("CARGO_PKG_VERSION").to_owned(), clusters: rows })
}

/// One cluster.
pub(crate) async fn status(server: &Server, name: &ClusterName) -> Result<ClusterStatus, ServerError> {
    let record = record(server, name).await?;
    let target = target(server, &record).await?;
    let state = server.clusters.state(record.id, &record.name).await?;
    let reports = server.hosts.first_looks(record.id, FIRST_LOOKS).await;
    let hosts = reports.iter().map(|(id, report)| HostRow {
        id: id.clone(),
        name: report.value.name.clone(),
        seen: report.at,
    });
    let hosts = hosts.collect();
    let inventory = Inventory { hosts: reports, kafka: None };
    let nodes = node_rows(&target, &inventory);
    // Asking when no node can answer only takes time.
    let is_ready = |node: &NodeRow| node.stage.as_ref().is_some_and(|stage| stage.value == Stage::Ready);
    let kafka_view =
        if nodes.iter().any(is_ready) { fresh_look(server, &state, &target).await } else { None };
    let kafka = target.slots().into_values().next().map(|(_, slot)| slot.process.kafka.clone());
    let id = record.id;
    let newest = server.store.with(move |store| store.latest_run(id)).await?;
    let since =
        newest.filter(|run| run.state == RunState::Done && run.want() == record.want).map(|run| run.changed);
    Ok(ClusterStatus {
        name: record.name,
        id: record.id,
        want: record.want,
        since,
        kafka: kafka.unwrap_or_default(),
        target: target.number,
        bootstrap: bootstrap(&target),
        nodes,
        hosts,
        kafka_view,
        run: state.run.borrow().clone(),
        now: Timestamp::now(),
    })
}

/// A look that is at most a second old: `--watch` must not load the cluster.
async fn fresh_look(
    server: &Server,
    state: &ClusterState,
    target: &Target,
) -> Option<Observed<klamm_core::model::inventory::KafkaView>> {
    let last = state.last_look();
    let age = last.as_ref().map(|look| Timestamp::now().duration_since(look.at));
    if age.is_some_and(|age| age < jiff::SignedDuration::from_secs(1)) {
        return last;
    }
    state.look(&server.store, target).await
}

/// `HOST:PORT,…` of each clients' listener by its name in the spec.
pub(crate) fn bootstrap(target: &Target) -> BTreeMap<String, String> {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, slot) in target.slots().into_values() {
        for listener in slot.identity.listeners.values() {
            match &listener.purpose {
                ListenerPurpose::Clients(name) => {
                    let list = lists.entry(name.to_string()).or_default();
                    list.push(format!("{}:{}", listener.host, listener.port));
                }
                ListenerPurpose::Controller | ListenerPurpose::Internal => {}
            }
        }
    }
    lists.into_iter().map(|(name, list)| (name, list.join(","))).collect()
}

fn node_rows(target: &Target, inventory: &Inventory) -> Vec<NodeRow> {
    let rows = target.slots().into_iter().map(|(name, (host, slot))| {
        let seen = inventory.slot(target.cluster, name);
        let report = seen.as_ref().map(|seen| seen.value);
        let listeners = slot.identity.listeners.iter();
        NodeRow {
            slot: name.clone(),
            node_id: slot.identity.node_id,
            roles: roles(slot).to_owned(),
            host: host.clone(),
            stage: seen.as_ref().map(|seen| Observed { at: seen.at, value: seen.value.stage.clone() }),
            remark: report.and_then(|report| report.remark.clone()),
            process: report.and_then(|report| report.process.clone()),
            restarts: report.map_or(0, |report| report.restarts),
            certificate: report.and_then(|report| report.certificate.clone()),
            listeners: listeners
                .map(|(name, at)| (name.clone(), format!("{}:{}", at.host, at.port)))
                .collect(),
        }
    });
    rows.collect()
}

fn roles(slot: &SlotTarget) -> &'static str {
    let has = |name: &str| slot.identity.listeners.contains_key(name);
    match (has(CONTROLLER), has(INTERNAL)) {
        (true, true) => "controller+broker",
        (true, false) => "controller",
        (false, _) => "broker",
    }
}

/// Authorities, and what was issued and is still valid: the cluster's, then Klamm's own.
pub(crate) async fn certificates(server: &Server, name: &ClusterName) -> Result<Certificates, ServerError> {
    let record = record(server, name).await?;
    let state = server.clusters.state(record.id, &record.name).await?;
    let authorities = [&state.authorities.nodes, &state.authorities.users, &server.authority];
    let mut rows: Vec<CertificateRow> = authorities.map(|authority| row_of_authority(authority)).into();
    for owner in [Some(record.id), None] {
        for issued in server.store.with(move |store| store.issued(owner, Timestamp::now())).await? {
            let Issued { serial, cluster: _, kind, subject, issuer, not_before, not_after, purpose } = issued;
            rows.push(CertificateRow {
                kind,
                subject,
                serial,
                issuer,
                not_before,
                not_after,
                place: purpose,
            });
        }
    }
    Ok(Certificates { certificates: rows })
}

fn row_of_authority(authority: &Authority) -> CertificateRow {
    let facts = authority.facts();
    CertificateRow {
        kind: "authority".to_owned(),
        subject: facts.subject.clone(),
        serial: facts.serial.clone(),
        issuer: facts.issuer.clone(),
        not_before: facts.not_before,
        not_after: facts.not_after,
        place: "server".to_owned(),
    }
}
