//! `klamm down`: stopped, with all data.

use std::time::Duration;

use klamm_core::api::{PlanRequest, Want};
use klamm_core::model::ClusterName;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use super::ensure_daemon;
use crate::api::Api;
use crate::error::CliError;
use crate::exit;
use crate::follow::{apply, follow};
use crate::invocation::Invocation;
use crate::output::tell;

/// How long a daemon may take to end; one that takes longer is left alone.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

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
    let request = PlanRequest::new(want, None, "");
    let started = apply(api, cluster, request).await?;
    if let Some(run) = started.run {
        follow(invocation, api, cluster, run, verb).await?;
    }
    if let Err(failure) = let_daemon_end(invocation, api).await {
        // The cluster is as it was asked for; a daemon that stays does no harm.
        tracing::warn!(error = %failure, "the daemon was not asked to stop");
    }
    Ok(started.run.is_some())
}

/// Has the daemon end if nothing is wanted up, and waits until it does not answer any more, so that whatever is typed
/// next does not talk to one that is about to go.
async fn let_daemon_end(invocation: &Invocation, api: &Api) -> Result<(), CliError> {
    let stays = api.clusters().await?.clusters.iter().any(|row| row.want == Want::Up);
    api.stop_if_idle().await?;
    let deadline = Instant::now() + PATIENCE;
    while !stays && Instant::now() < deadline && answers(invocation).await {
        sleep(PAUSE).await;
    }
    Ok(())
}

async fn answers(invocation: &Invocation) -> bool {
    match invocation.root.reachable_socket() {
        Ok(socket) => UnixStream::connect(socket.path()).await.is_ok(),
        Err(_) => false,
    }
}
