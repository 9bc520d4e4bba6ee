//! `klamm logs`: what a node wrote.

use std::io::Write as _;
use std::pin::pin;
use std::time::Duration;

use klamm_core::model::{ClusterName, SlotName};
use tokio::time::timeout;

use crate::api::Api;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;

/// A person who waits for longer is told what for.
const SILENTLY: Duration = Duration::from_secs(2);

/// Print the log of a node
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm logs nodes-0
  klamm logs nodes-0 -f
  klamm logs nodes-0 -n 10000 | grep -i error")]
pub(crate) struct Args {
    /// The node, as `klamm status` names it
    #[arg(value_name = "NODE")]
    node: SlotName,
    /// Go on as the log grows, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Begin with the last N lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    lines: usize,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let printing = invocation.ask_about(async |api, cluster| {
        tokio::select! {
            printed = print(invocation, api, cluster, &args) => printed,
            _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted { goes_on: None }),
        }
    });
    printing.await.map(|()| exit::DONE)
}

async fn print(
    invocation: &Invocation,
    api: &Api,
    cluster: &ClusterName,
    Args { node, follow, lines }: &Args,
) -> Result<(), CliError> {
    let mut asking = pin!(api.log(cluster, node, *lines, *follow));
    let mut response = match timeout(SILENTLY, &mut asking).await {
        Ok(response) => response?,
        // The server waits for an agent that has not dialled yet, and gives up with a reason.
        Err(_) => {
            invocation.terminal.tell(&format!("waiting for the agent that keeps {node} ..."));
            asking.await?
        }
    };
    let talk = |source| CliError::Talk { path: format!("the log of {node}"), source };
    let mut out = std::io::stdout();
    while let Some(piece) = response.chunk().await.map_err(talk)? {
        out.write_all(&piece).and_then(|()| out.flush()).map_err(|source| CliError::Output { source })?;
    }
    Ok(())
}
