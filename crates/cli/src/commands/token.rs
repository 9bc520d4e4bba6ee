//! `klamm token`: what lets a host join.

use clap::Subcommand;

use klamm_core::api::TokenWanted;
use klamm_core::model::cluster::HostSelector;

use crate::api::Start;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::lifetime::Lifetime;
use crate::output::{self, Format, print_json, tell, until};

/// Let a host join the server
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(Create),
}

/// Make a token with which one host joins, once
///
/// It is printed and not kept: who has it can make one machine a host. It names the server and the fingerprint of its
/// authority, so that the host gives its secret to nobody else.
#[derive(Debug, clap::Args)]
struct Create {
    /// For how long it is good: at most a day
    #[arg(long, value_name = "TIME", default_value = "10m")]
    expires: Lifetime,
    /// The name of the host, or its beginning and a *
    #[arg(long, value_name = "NAME", default_value = "*")]
    host: HostSelector,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let Command::Create(Create { expires, host }) = args.command;
    let wanted = TokenWanted { lifetime_seconds: expires.0.as_secs(), hosts: host };
    let made = invocation.ask(Start::Never, async |api| api.make_token(&wanted).await).await?;
    match invocation.terminal.format {
        Format::Json => print_json(&made)?,
        Format::Table => {
            output::print(&format!("{}\n", made.token.expose()))?;
            let left = until(jiff::Timestamp::now(), made.expires);
            tell(&format!("for one host, within {left}: klamm agent join --token-file FILE"));
        }
    }
    Ok(exit::DONE)
}
