//! `klamm logs`: what a node wrote.

use std::io::Write as _;

use klamm_core::model::SlotName;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;

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

pub(crate) async fn run(invocation: &Invocation, Args { node, follow, lines }: Args) -> Result<u8, CliError> {
    let api = invocation.api()?;
    let cluster = invocation.choose_cluster(&api).await?;
    let mut response = api.log(&cluster, &node, lines, follow).await?;
    let talk = |source| CliError::Talk { path: format!("the log of {node}"), source };
    let mut out = std::io::stdout();
    while let Some(piece) = response.chunk().await.map_err(talk)? {
        out.write_all(&piece).and_then(|()| out.flush()).map_err(|source| CliError::Output { source })?;
    }
    Ok(exit::DONE)
}
