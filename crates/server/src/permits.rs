//! The choke point: whether a running node may stop at this very moment, to be started anew.

use std::collections::BTreeSet;

use jiff::Timestamp;

use klamm_core::api::{PermitAnswer, PermitWanted};
use klamm_core::machines::execute::may_serve;
use klamm_core::model::inventory::{Inventory, Stage};
use klamm_core::model::target::Target;
use klamm_core::model::{HostId, SlotName};
use klamm_core::planner::safety::reason_not_to_stop;

use crate::Server;
use crate::clusters::ClusterState;
use crate::error::ServerError;

/// Decides for a host that asks. A permit is given to one slot of a cluster at a time: the next one waits until
/// the slot before it is ready again.
pub(crate) async fn decide(
    server: &Server,
    host: &HostId,
    wanted: &PermitWanted,
) -> Result<PermitAnswer, ServerError> {
    let not_yours = || ServerError::NotYours { host: host.to_string(), slot: wanted.slot.clone() };
    let target = server.store.current_target(wanted.cluster).await?.ok_or_else(not_yours)?;
    let Some((owner, slot)) = target.slots().get(&wanted.slot).copied() else { return Err(not_yours()) };
    if owner != host {
        return Err(not_yours());
    }
    if slot.launch() != wanted.launch {
        return Ok(PermitAnswer { refused: Some("another target is in force".to_owned()) });
    }
    let state = server.clusters.state(target.cluster, &target.name).await?;
    let mut permitted = state.permitted.lock().await;
    let inventory = Inventory { hosts: server.hosts.reports(), kafka: None };
    if let Some(other) = permitted.as_ref().filter(|other| **other != wanted.slot)
        && !is_ready(&target, &inventory, other)
    {
        return Ok(PermitAnswer { refused: Some(format!("{other} is being restarted")) });
    }
    let serves = inventory.slot(target.cluster, &wanted.slot).is_none_or(|seen| may_serve(seen.value));
    let refused = if serves { reason_of_kafka(server, &state, &target, &wanted.slot).await } else { None };
    if refused.is_none() {
        *permitted = Some(wanted.slot.clone());
    }
    Ok(PermitAnswer { refused })
}

async fn reason_of_kafka(
    server: &Server,
    state: &ClusterState,
    target: &Target,
    slot: &SlotName,
) -> Option<String> {
    let id = target.slot(slot)?.identity.node_id;
    let view = state.look(&server.store, target).await;
    let reason = reason_not_to_stop(&BTreeSet::from([id]), view.as_ref(), Timestamp::now());
    reason.map(|reason| reason.to_string())
}

/// Whether a slot runs with the launch of its target and is ready.
fn is_ready(target: &Target, inventory: &Inventory, slot: &SlotName) -> bool {
    let wanted = target.slot(slot).map(|slot| slot.launch());
    inventory.slot(target.cluster, slot).is_some_and(|seen| {
        let launch = seen.value.process.as_ref().map(|process| process.launch);
        seen.value.stage == Stage::Ready && launch == wanted
    })
}
