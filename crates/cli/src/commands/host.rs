//! `klamm host`: the hosts of the server.

use clap::Subcommand;

use klamm_core::api::{JoinedHost, JoinedHosts};

use crate::api::Start;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, Tone, age, print_json, tell};

/// A host that was silent for longer than several reports.
const SILENT: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);

/// Look at the hosts of the server
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the hosts that have joined
    List,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let Command::List = args.command;
    let hosts = invocation.ask(Start::InUse, async |api| api.hosts().await).await?;
    match invocation.terminal.format {
        Format::Json => print_json(&hosts)?,
        Format::Table if hosts.hosts.is_empty() => {
            tell(&format!("no hosts; `{} token create` lets one join", invocation.command()));
        }
        Format::Table => {
            output::print(&table(&hosts).render(invocation.terminal.width, invocation.terminal.color))?;
        }
    }
    Ok(exit::DONE)
}

fn table(hosts: &JoinedHosts) -> Table {
    let mut table = Table::new(&[
        ("NAME", Keep::Always),
        ("SEEN", Keep::Always),
        ("ADDRESS", Keep::WithRoom(1)),
        ("JOINED", Keep::WithRoom(2)),
        ("KLAMM", Keep::WithRoom(3)),
        ("ID", Keep::WithRoom(4)),
    ]);
    for host in &hosts.hosts {
        let JoinedHost { id, name, joined, seen, address, klamm } = host;
        let seen = match seen {
            None => Field::toned("never", Tone::Notice),
            Some(at) if hosts.now.duration_since(*at) > SILENT => {
                Field::toned(format!("{} ago", age(hosts.now, *at)), Tone::Bad)
            }
            Some(at) => Field::toned(format!("{} ago", age(hosts.now, *at)), Tone::Good),
        };
        table.row([
            Field::plain(name),
            seen,
            Field::known(address.map(|address| address.to_string())),
            Field::plain(format!("{} ago", age(hosts.now, *joined))),
            Field::known(klamm.clone()),
            Field::plain(id),
        ]);
    }
    table
}
