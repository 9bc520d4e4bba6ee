//! `/agent/v1`: what agents ask and tell. Who asks is known from the certificate of the connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Json, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use klamm_core::api::{
    CertificateIssued, CertificateWanted, Delivery, IdentityWanted, LogWanted, PermitAnswer, PermitWanted,
    ReportAnswer, ServerMessage,
};
use klamm_core::machines::permits::NotYours;
use klamm_core::model::inventory::HostReport;
use klamm_core::model::target::{HostSlice, Target};
use klamm_core::model::{ClusterId, HostId, Sha256, TargetNumber};

use super::{HEARTBEAT, event, events};
use crate::Server;
use crate::certify::{self, Issuance};
use crate::error::{ServerError, chain};
use crate::{joining, permits};

/// An idle stream says something this often, so that both ends notice a dead line.
const SAYS_SOMETHING: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Door {
    server: Arc<Server>,
    host: HostId,
    /// The name under which it joined: specs place slots by it, so it is not the host's to change.
    name: String,
}

pub(super) fn router(server: Arc<Server>, host: HostId, name: String) -> Router {
    Router::new()
        .route("/agent/v1/messages", get(messages))
        .route("/agent/v1/report", post(report))
        .route("/agent/v1/permits", post(permit))
        .route("/agent/v1/certificates", post(certificate))
        .route("/agent/v1/identity", post(identity))
        .route("/agent/v1/blobs/{digest}", get(blob))
        .route("/agent/v1/logs/{id}", post(log))
        .with_state(Door { server, host, name })
}

async fn report(
    State(door): State<Door>,
    Json(report): Json<HostReport>,
) -> Result<Json<ReportAnswer>, ServerError> {
    let known = door.server.store.with(|store| store.clusters()).await?;
    let is_known = |id: &ClusterId| known.iter().any(|record| record.id == *id);
    let destroyed = report.clusters.keys().filter(|id| !is_known(id)).copied().collect();
    door.server.hosts.take_report(door.host, HostReport { name: door.name, ..report });
    Ok(Json(ReportAnswer { server_time: Timestamp::now(), destroyed }))
}

async fn permit(
    State(door): State<Door>,
    Json(wanted): Json<PermitWanted>,
) -> Result<Json<PermitAnswer>, ServerError> {
    Ok(Json(permits::decide(&door.server, &door.host, &wanted).await?))
}

async fn blob(State(door): State<Door>, Path(digest): Path<String>) -> Result<Vec<u8>, ServerError> {
    let digest: Sha256 = digest.parse()?;
    door.server.store.with(move |store| store.blob(digest)).await?.ok_or(ServerError::NoBlob)
}

/// Issues a node certificate: the slot must be claimed by the host that asks, and the names are its target's.
async fn certificate(
    State(door): State<Door>,
    Json(wanted): Json<CertificateWanted>,
) -> Result<Json<CertificateIssued>, ServerError> {
    let Door { server, host, name: _ } = door;
    let cluster = wanted.cluster;
    let target = server.store.with(move |store| store.current_target(cluster)).await?;
    let slots = target.as_ref().map(Target::slots).unwrap_or_default();
    let not_yours = || ServerError::from(NotYours { host: host.clone(), slot: wanted.slot.clone() });
    let (target, slot) = match (&target, slots.get(&wanted.slot)) {
        (Some(target), Some((owner, slot))) if **owner == host => (target, *slot),
        (_, _) => return Err(not_yours()),
    };
    let state = server.clusters.state(target.cluster, &target.name).await?;
    let issuance = Issuance {
        profile: certify::node_profile(&target.name, &wanted.slot, &slot.credential)?,
        lifetime: Duration::from_secs(slot.credential.lifetime_seconds),
        cluster: Some(target.cluster),
        purpose: format!("{} on {host}", wanted.slot),
    };
    let issued = certify::issue(&server.store, &state.authorities.nodes, &wanted.request, issuance).await?;
    Ok(Json(CertificateIssued { chain: issued.chain_pem }))
}

/// Issues the agent's own certificate anew.
async fn identity(
    State(door): State<Door>,
    Json(wanted): Json<IdentityWanted>,
) -> Result<Json<CertificateIssued>, ServerError> {
    Ok(Json(joining::renew(&door.server, &door.host, &wanted.request).await?))
}

async fn log(State(door): State<Door>, Path(id): Path<u64>, body: Body) -> Result<StatusCode, ServerError> {
    let reader = door.server.hosts.answer_log(&door.host, id).ok_or(ServerError::NoReader)?;
    let mut pieces = body.into_data_stream();
    while let Some(Ok(piece)) = pieces.next().await {
        if reader.send(piece).await.is_err() {
            return Err(ServerError::NoReader);
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Everything that the agent must know, from the beginning of the connection on.
async fn messages(State(door): State<Door>) -> Response {
    let logs = door.server.hosts.open_stream(door.host.clone());
    let mut published = door.server.hosts.published();
    published.mark_changed();
    let stream = Messages { door, logs, published, sent: BTreeMap::new(), ready: Vec::new() };
    events(stream::unfold(stream, |mut stream| async move {
        let line = stream.next().await?;
        Some((line, stream))
    }))
}

struct Messages {
    door: Door,
    logs: mpsc::UnboundedReceiver<LogWanted>,
    published: watch::Receiver<u64>,
    /// What this connection has told already.
    sent: BTreeMap<ClusterId, TargetNumber>,
    ready: Vec<ServerMessage>,
}

impl Messages {
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(message) = self.ready.pop() {
                return Some(event(&message));
            }
            tokio::select! {
                changed = self.published.changed() => {
                    changed.ok()?;
                    match self.targets().await {
                        Ok(targets) => self.ready = targets,
                        Err(error) => tracing::error!(error = chain(&error), "targets could not be read"),
                    }
                }
                wanted = self.logs.recv() => self.ready.push(ServerMessage::Log(wanted?)),
                () = tokio::time::sleep(SAYS_SOMETHING) => return Some(HEARTBEAT.to_owned()),
            }
        }
    }

    /// The current targets of all clusters with a slice for this host that it was not told yet, and which of those
    /// that it was told are no more.
    async fn targets(&mut self) -> Result<Vec<ServerMessage>, ServerError> {
        let Door { server, host, name: _ } = &self.door;
        let mut messages = Vec::new();
        let records = server.store.with(|store| store.clusters()).await?;
        let gone: Vec<ClusterId> =
            self.sent.keys().filter(|id| !records.iter().any(|record| record.id == **id)).copied().collect();
        for cluster in gone {
            self.sent.remove(&cluster);
            messages.push(ServerMessage::Destroyed { cluster });
        }
        for record in records {
            let target = server.store.with(move |store| store.current_target(record.id)).await?;
            let Some(target) = target else { continue };
            let Some(slice) = target.slices.get(host) else { continue };
            if self.sent.insert(target.cluster, target.number) != Some(target.number) {
                messages.push(ServerMessage::Target(deliver(server, &target, slice)));
            }
        }
        Ok(messages)
    }
}

/// Signs under the epoch of this server, whoever published the target.
fn deliver(server: &Server, target: &Target, slice: &HostSlice) -> Delivery {
    let slice = String::from_utf8(slice.to_bytes()).expect("JSON is UTF-8");
    Delivery { signed: server.signing.sign(&target.root(server.epoch)), slice }
}
