//! `klamm agent`: makes this machine a host of a server.

use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use klamm_core::api::JoinToken;
use klamm_daemon::JoinOptions;

use crate::daemon;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::tell;

/// Make this machine a host of a server
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Join(Join),
    /// Run the agent of a host that has joined
    ///
    /// It keeps what the server wants of this host, with the server there or away, and dials out only. It stays in the
    /// foreground and logs to standard error. When it ends, what it started runs on, and the next one takes it over.
    Run,
}

/// Join a server, with a token of `klamm token create`
///
/// The server is known by the fingerprint in the token before anything is told to it. The key is made here and never
/// leaves this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Join {
    /// The server, if it is reached under another address than the token's: https://HOST:PORT
    server: Option<String>,
    /// The file that holds the token; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// The name of this host, if not the machine's own
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The address that its listeners bind, if not the one from which it reaches the server
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
}

const EXAMPLES: &str = "\
Examples:
  ssh server klamm token create | klamm agent join --token-file -
  klamm agent join --token-file token --name alpha --address 10.0.0.11
  klamm agent run";

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    match args.command {
        Command::Join(args) => join(invocation, args).await,
        Command::Run => {
            let ended = klamm_daemon::run_host(daemon::folders(&invocation.root)).await;
            ended
                .map(|()| exit::DONE)
                .map_err(|source| CliError::Service { what: "agent", source: Box::new(source) })
        }
    }
}

async fn join(invocation: &Invocation, join: Join) -> Result<u8, CliError> {
    let Join { server, token_file, name, address } = join;
    let token: JoinToken = read_token(&token_file)?
        .parse()
        .map_err(|source| CliError::Token { file: token_file.display().to_string(), source })?;
    let options = JoinOptions { token, server, name, address };
    let joined = klamm_daemon::join(&daemon::folders(&invocation.root), options).await;
    let joined = joined.map_err(|source| CliError::Service { what: "agent", source: Box::new(source) })?;
    tell(&format!("{} has joined {} with address {}", joined.name, joined.server, joined.address));
    tell(&format!("next: {} agent run", invocation.command()));
    Ok(exit::DONE)
}

fn read_token(file: &Path) -> Result<String, CliError> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|source| CliError::Input { source })?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
        .map_err(|source| CliError::Read { path: file.display().to_string(), source })
}
