//! `klamm list`: the clusters of this machine.

use klamm_core::api::{Clusters, Want};

use crate::api::Start;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, Tone, print_json};

pub(crate) async fn run(invocation: &Invocation) -> Result<u8, CliError> {
    let clusters = match invocation.ask(Start::InUse, async |api| api.clusters().await).await {
        // Nothing was ever kept here: that there is none is the answer, not a failure.
        Err(CliError::NoCluster { .. }) => {
            Clusters { klamm: env!("CARGO_PKG_VERSION").to_owned(), clusters: vec![] }
        }
        result => result?,
    };
    match invocation.terminal.format {
        Format::Json => print_json(&clusters)?,
        Format::Table if clusters.clusters.is_empty() => {
            invocation.terminal.tell(&format!("no clusters; `{} up` makes one", invocation.command()));
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
