//! `klamm down`: stopped, with all data.

use klamm_core::api::{PlanRequest, Want};
use klamm_core::model::ClusterName;

use crate::api::Api;
use crate::error::CliError;
use crate::exit;
use crate::follow::{apply, follow};
use crate::invocation::Invocation;

/// Stop the cluster and keep its data
///
/// Brokers hand over what they lead and close their logs, so this may take a while; nothing is killed. `klamm up`
/// brings the same cluster back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(invocation: &Invocation, Args {}: Args) -> Result<u8, CliError> {
    let command = invocation.command();
    let told = invocation.ask_about(async |api, cluster| {
        Ok(if want(invocation, api, cluster, Want::Down).await? {
            format!("cluster {cluster} is down; its data stays, `{command} up` brings it back")
        } else {
            format!("nothing to do: cluster {cluster} is down; `{command} up` brings it back")
        })
    });
    let told = told.await?;
    invocation.terminal.tell(&told);
    Ok(exit::DONE)
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
    api.let_idle_server_end().await;
    Ok(started.run.is_some())
}
