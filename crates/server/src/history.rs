//! The history of a cluster: its targets, and what changed between two of them.

mod diff;

use jiff::Timestamp;

use klamm_core::api::{History, HistoryRow, TargetDiff};
use klamm_core::model::target::Target;
use klamm_core::model::{ClusterName, Sha256, TargetNumber};
use klamm_store::{ClusterRecord, TargetRecord};

use crate::error::ServerError;
use crate::{Server, status};

/// All targets, the newest first.
pub(crate) async fn history(server: &Server, name: &ClusterName) -> Result<History, ServerError> {
    let ClusterRecord { id, .. } = status::record(server, name).await?;
    let targets = server.store.with(move |store| store.targets(id)).await?;
    let rows = targets.into_iter().rev().map(|record| {
        let TargetRecord { number, at, spec, parent: _, entry } = record;
        HistoryRow {
            target: number,
            at,
            spec,
            run: entry.as_ref().and_then(|entry| entry.run),
            actor: entry.as_ref().map(|entry| entry.actor.clone()),
            event: entry.map(|entry| entry.event),
        }
    });
    Ok(History { targets: rows.collect(), now: Timestamp::now() })
}

/// The spec that a target was planned from.
pub(crate) async fn spec_of(
    server: &Server,
    name: &ClusterName,
    number: TargetNumber,
) -> Result<String, ServerError> {
    let record = status::record(server, name).await?;
    let target = target(server, &record, number).await?;
    text(server, target.spec).await
}

/// What changed from `from` to `to`. Without `to`, to the one in force; without both, what the one in force changed.
pub(crate) async fn changes(
    server: &Server,
    name: &ClusterName,
    from: Option<TargetNumber>,
    to: Option<TargetNumber>,
) -> Result<TargetDiff, ServerError> {
    let record = status::record(server, name).await?;
    let to = match to {
        Some(to) => target(server, &record, to).await?,
        None => status::target(server, &record).await?,
    };
    let before = TargetNumber(to.number.0 - 1);
    let from = match from {
        Some(from) => Some(target(server, &record, from).await?),
        None if before == TargetNumber(0) => None,
        None => Some(target(server, &record, before).await?),
    };
    let wanted = diff::texts_wanted(from.as_ref(), &to);
    let blobs = server.store.with(move |store| store.blobs(&wanted)).await?;
    let texts = blobs.into_iter().map(|(digest, blob)| (digest, String::from_utf8_lossy(&blob).into_owned()));
    Ok(diff::diff(from.as_ref(), &to, &texts.collect()))
}

async fn target(
    server: &Server,
    record: &ClusterRecord,
    number: TargetNumber,
) -> Result<Target, ServerError> {
    let id = record.id;
    let target = server.store.with(move |store| store.target(id, number)).await?;
    target.ok_or_else(|| ServerError::NoTarget { cluster: record.name.clone(), number })
}

async fn text(server: &Server, digest: Sha256) -> Result<String, ServerError> {
    let blob = server.store.with(move |store| store.blob(digest)).await?;
    Ok(String::from_utf8_lossy(&blob.ok_or(ServerError::NoBlob)?).into_owned())
}
