//! Permits: gathers what the desk in `core` decides from, while nobody else is at the desk.

use jiff::Timestamp;

use klamm_core::api::{PermitAnswer, PermitWanted};
use klamm_core::machines::permits::NotYours;
use klamm_core::model::HostId;
use klamm_core::model::inventory::Inventory;
use klamm_core::model::target::Target;

use crate::Server;
use crate::error::ServerError;

/// Decides for a host that asks whether it may stop a running node.
pub(crate) async fn decide(
    server: &Server,
    host: &HostId,
    wanted: &PermitWanted,
) -> Result<PermitAnswer, ServerError> {
    let target = target(server, host, wanted).await?;
    let state = server.clusters.state(target.cluster, &target.name).await?;
    let mut desk = state.permits.lock().await;
    let mut inventory = Inventory { hosts: server.hosts.reports(), kafka: None };
    if desk.needs_kafka(wanted, &target, &inventory, Timestamp::now()) {
        inventory.kafka = state.look(&server.store, &target).await;
        inventory.hosts = server.hosts.reports();
    }
    // Looking may have taken seconds, in which another target was published.
    let target = self::target(server, host, wanted).await?;
    Ok(desk.decide(host, wanted, &target, &inventory, Timestamp::now())?)
}

async fn target(server: &Server, host: &HostId, wanted: &PermitWanted) -> Result<Target, ServerError> {
    let cluster = wanted.cluster;
    let target = server.store.with(move |store| store.current_target(cluster)).await?;
    Ok(target.ok_or_else(|| NotYours { host: host.clone(), slot: wanted.slot.clone() })?)
}
