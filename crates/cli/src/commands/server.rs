//! `klamm server`: a server that hosts join.

use std::net::SocketAddr;

use klamm_daemon::ServerArguments;

use crate::daemon;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;

/// Run a server that hosts join
///
/// It plans, signs and remembers; what runs on hosts is run by their agents and goes on when the server ends. It stays
/// in the foreground and logs to standard error. Where it listens is remembered: without options it starts as the last
/// time.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen for agents; remembered
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The name or address under which hosts reach it, if not the one it listens on; remembered
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  klamm server --listen 10.0.0.5:7420                        on one address
  klamm server --listen 0.0.0.0:7420 --advertise klamm.lan   under a name
  klamm server                                               as the last time

Then `klamm token create` for each host, and `klamm agent join` on it.";

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let Args { listen, advertise } = args;
    let arguments = ServerArguments { listen, advertise };
    let ended = klamm_daemon::run_server(daemon::folders(&invocation.root), arguments).await;
    ended
        .map(|()| exit::DONE)
        .map_err(|source| CliError::Service { what: "server", source: Box::new(source) })
}
