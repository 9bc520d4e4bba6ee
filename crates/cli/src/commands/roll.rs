//! `klamm roll`: nodes are stopped and started one at a time although nothing changed.

use std::collections::BTreeSet;

use klamm_core::api::{ClusterStatus, PlanRequest, Want};
use klamm_core::model::SlotName;

use super::apply::{Consent, Wish, show_and_run};
use crate::error::CliError;
use crate::invocation::Invocation;

/// Restart nodes one at a time although nothing changed
///
/// As for an edited setting: each node is stopped only when Kafka can do without it, and the next one waits until it is
/// back in every in-sync set and leads again what it should. The cluster is brought to its spec on the way.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm roll                    every node
  klamm roll brokers            the nodes of a pool
  klamm roll nodes-0 nodes-2    these two")]
pub(crate) struct Args {
    /// Pools and nodes; without any, all nodes
    #[arg(value_name = "POOL|NODE")]
    names: Vec<String>,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) async fn run(invocation: &Invocation, Args { names, consent }: Args) -> Result<u8, CliError> {
    let rolling = invocation.ask_about(async |api, cluster| {
        let status = api.status(cluster).await?;
        if status.want != Want::Up {
            return Err(CliError::Down { cluster: cluster.clone(), command: invocation.command() });
        }
        let roll = slots_of(&status, &names)?;
        let mut command = format!("{} roll", invocation.command());
        names.iter().for_each(|name| command.push_str(&format!(" {name}")));
        let what = if names.is_empty() { "all nodes".to_owned() } else { names.join(", ") };
        let file = format!("the spec of {cluster}");
        let request = PlanRequest { roll, ..PlanRequest::new(Want::Up, None, file) };
        let wish = Wish { cluster: cluster.clone(), request, why: Some(format!("rolls {what}")), command };
        show_and_run(invocation, api, wish, consent).await
    });
    rolling.await
}

/// The nodes that are named, by themselves or by their pool.
fn slots_of(status: &ClusterStatus, names: &[String]) -> Result<BTreeSet<SlotName>, CliError> {
    let all = || status.nodes.iter().map(|node| node.slot.clone());
    if names.is_empty() {
        return Ok(all().collect());
    }
    let mut slots = BTreeSet::new();
    for name in names {
        let meant: Vec<SlotName> =
            all().filter(|slot| slot.to_string() == *name || slot.pool().as_str() == name).collect();
        if meant.is_empty() {
            return Err(CliError::NoNode { cluster: status.name.clone(), name: name.clone() });
        }
        slots.extend(meant);
    }
    Ok(slots)
}
