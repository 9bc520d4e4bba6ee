//! `klamm down`: stopped, with all data.

use klamm_core::api::{PlanRequest, Want};
use klamm_core::model::ClusterName;

use super::ensure_daemon;
use crate::api::Api;
use crate::error::CliError;
use crate::exit;
use crate::follow::{apply, follow};
use crate::invocation::Invocation;
use crate::output::tell;

/// Stop the cluster and keep its data
///
/// Brokers hand over what they lead and close their logs, so this may take a while; nothing is killed. `klamm up`
/// brings the same cluster back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(invocation: &Invocation, Args {}: Args) -> Result<u8, CliError> {
    let (api, cluster) = reach(invocation).await?;
    if !want(invocation, &api, &cluster, Want::Down).await? {
        tell(&format!("nothing to do: cluster {cluster} is down"));
    } else {
        tell(&format!(
            "cluster {cluster} is down; its data stays, `{} up` brings it back",
            invocation.command()
        ));
    }
    Ok(exit::DONE)
}

/// The server, started if need be, and the cluster that is meant. Where nothing was ever kept no server is started.
pub(super) async fn reach(invocation: &Invocation) -> Result<(Api, ClusterName), CliError> {
    if invocation.root.is_in_use() {
        ensure_daemon(invocation).await?;
    }
    let api = invocation.api()?;
    let cluster = invocation.choose_cluster(&api).await?;
    Ok((api, cluster))
}

/// Brings a cluster to an end of its service and lets the daemon go with the last one; whether there was anything
/// to do.
pub(super) async fn want(
    invocation: &Invocation,
    api: &Api,
    cluster: &ClusterName,
    want: Want,
) -> Result<bool, CliError> {
    let verb = match want {
        Want::Up => "up",
        Want::Down => "down",
        Want::Destroyed => "destroy",
    };
    let request = PlanRequest { want, spec: None, file: String::new() };
    let started = apply(api, cluster, request).await?;
    if let Some(run) = started.run {
        follow(invocation, api, cluster, run, verb).await?;
    }
    if let Err(failure) = api.stop_if_idle().await {
        // The cluster is as it was asked for; a daemon that stays does no harm.
        tracing::warn!(error = %failure, "the daemon was not asked to stop");
    }
    Ok(started.run.is_some())
}
