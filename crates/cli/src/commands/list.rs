//! `klamm list`: the clusters of this machine.

use klamm_core::api::Want;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, Tone, print_json, tell};

pub(crate) async fn run(invocation: &Invocation) -> Result<u8, CliError> {
    let clusters = invocation.api()?.clusters().await?;
    match invocation.terminal.format {
        Format::Json => print_json(&clusters)?,
        Format::Table if clusters.clusters.is_empty() => {
            tell(&format!("no clusters; `{} up` makes one", invocation.command()));
        }
        Format::Table => {
            let mut table = Table::new(&[
                ("NAME", Keep::Always),
                ("WANTED", Keep::Always),
                ("TARGET", Keep::WithRoom(1)),
                ("ID", Keep::WithRoom(2)),
            ]);
            for row in &clusters.clusters {
                let wanted = match row.want {
                    Want::Up => Field::toned("up", Tone::Good),
                    Want::Down => Field::toned("down", Tone::Quiet),
                    Want::Destroyed => Field::toned("destroyed", Tone::Bad),
                };
                table.row([Field::plain(&row.name), wanted, Field::plain(row.target), Field::plain(row.id)]);
            }
            output::print(&table.render(invocation.terminal.width, invocation.terminal.color))?;
        }
    }
    Ok(exit::DONE)
}
