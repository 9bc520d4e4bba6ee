//! `klamm history`: every target that was in force.

use klamm_core::api::HistoryRow;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, age, print_json};

/// List what was in force: each target, who asked for it and why
///
/// A target is the complete description of what every host must run; each step of a run that changes something makes a new
/// one. They are never altered. `klamm diff` shows what changed, `klamm rollback` brings an earlier spec back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many, the newest first
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 20)]
    lines: usize,
    /// All of them
    #[arg(long, conflicts_with = "lines")]
    all: bool,
}

pub(crate) async fn run(invocation: &Invocation, Args { lines, all }: Args) -> Result<u8, CliError> {
    let mut history = invocation.ask_about(async |api, cluster| api.history(cluster).await).await?;
    let known = history.targets.len();
    if !all {
        history.targets.truncate(lines);
    }
    match invocation.terminal.format {
        Format::Json => print_json(&history)?,
        Format::Table => {
            let mut table = Table::new(&[
                ("REV", Keep::Always),
                ("AGE", Keep::Always),
                ("WHAT", Keep::Always),
                ("RUN", Keep::WithRoom(1)),
                ("BY", Keep::WithRoom(2)),
                ("SPEC", Keep::WithRoom(3)),
            ]);
            for HistoryRow { target, at, spec, run, actor, event } in &history.targets {
                table.row([
                    Field::plain(target),
                    Field::plain(age(history.now, *at)),
                    Field::known(event.as_ref()),
                    Field::known(run.as_ref()),
                    Field::known(actor.as_ref()),
                    // As many digits as tell two specs apart at a glance.
                    Field::plain(spec.to_string().chars().take(12).collect::<String>()),
                ]);
            }
            output::print(&table.render(invocation.terminal.width, invocation.terminal.color))?;
            if history.targets.len() < known {
                let older = known - history.targets.len();
                invocation.terminal.tell(&format!("not shown: {older} older; `--all` shows them"));
            }
        }
    }
    Ok(exit::DONE)
}
