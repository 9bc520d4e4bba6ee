//! `klamm destroy`: gone, with all data.

use klamm_core::api::Want;

use super::confirm::confirm;
use super::down::want;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::count;

/// Delete the cluster with all its data
///
/// Says what is deleted and asks for the cluster's name. There is no way back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(invocation: &Invocation, Args { yes }: Args) -> Result<u8, CliError> {
    let terminal = &invocation.terminal;
    let destroying = invocation.ask_about(async |api, cluster| {
        let status = api.status(cluster).await?;
        let slots: Vec<_> = status.nodes.iter().map(|node| node.slot.to_string()).collect();
        terminal.tell(&format!(
            "this deletes cluster {cluster} (id {}): the data, logs and keys of {} ({}), and its certificate authorities",
            status.id,
            count(slots.len(), "node"),
            slots.join(", ")
        ));
        if !yes {
            confirm(terminal, &format!("the destruction of cluster {cluster}"), cluster.as_str())?;
        }
        want(invocation, api, cluster, Want::Destroyed).await?;
        Ok(cluster.clone())
    });
    match destroying.await {
        Ok(cluster) => terminal.tell(&format!("cluster {cluster} is gone")),
        // Also of the name that was given: after the first call the second one has nothing left to do.
        Err(CliError::NoCluster { names, .. }) if names.is_empty() => {
            terminal.tell("there is nothing to destroy");
        }
        Err(failure) => return Err(failure),
    }
    Ok(exit::DONE)
}
