//! `klamm plan`: what `klamm up` would do, and why.

use std::path::PathBuf;

use klamm_core::model::plan::{ChangeClass, Plan};

use super::{ensure_daemon, tell_warnings, up};
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, Tone, count, print_json};
use crate::specs;

/// Show what `klamm up` would do, and why; change nothing
///
/// Ends with 0 when there is nothing to do, with 2 when there are changes, with 1 when something failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Classes of change, from harmless to not:
  none      disturbs nothing that runs
  dynamic   altered live
  reload    certificates or trust, swapped live
  restart   a process must stop and start; one after the other, behind the safety rule
  stop      ends the service of what it names
  delete    deletes data")]
pub(crate) struct Args {
    /// The spec; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let given = specs::find(args.file.as_deref(), &invocation.terminal)?;
    let api = invocation.api();
    let was_there = match &api {
        Ok(api) => api.clusters().await.is_ok(),
        Err(_) => false,
    };
    if !was_there {
        ensure_daemon(invocation).await?;
    }
    let api = invocation.api()?;
    let (cluster, request) = up::request(invocation, &api, given).await?;
    let answer = api.plan(&cluster, &request).await;
    if !was_there && let Err(failure) = api.stop_if_idle().await {
        tracing::warn!(error = %failure, "the daemon was not asked to stop");
    }
    let answer = answer?;
    tell_warnings(&answer.warnings);
    match invocation.terminal.format {
        Format::Json => print_json(&answer)?,
        Format::Table => {
            let terminal = &invocation.terminal;
            let mut command = format!("{} up", invocation.command());
            if let Some(file) = &args.file {
                command.push_str(&format!(" -f {}", file.display()));
            }
            output::print(&render(&answer.plan, terminal.width, terminal.color, &command))?;
        }
    }
    Ok(if answer.plan.is_empty() { exit::DONE } else { exit::CHANGES })
}

pub(super) fn render(plan: &Plan, width: Option<usize>, color: bool, command: &str) -> String {
    let mut text = String::new();
    if plan.is_empty() {
        let so = if plan.notes.is_empty() { " is as its spec says" } else { "" };
        text.push_str(&format!("nothing to do: cluster {}{so}\n", plan.cluster));
    } else {
        let columns =
            [("#", Keep::Always), ("STEP", Keep::Always), ("CLASS", Keep::Always), ("REASON", Keep::Always)];
        let mut table = Table::new(&columns);
        for (place, step) in plan.steps.iter().enumerate() {
            table.row([
                Field::plain(place + 1),
                Field::plain(step.act.title()),
                Field::toned(step.class, tone(step.class)),
                Field::plain(&step.reason),
            ]);
        }
        text.push_str(&table.render(width, color));
        let steps = count(plan.steps.len(), "step");
        text.push_str(&format!("{steps} for cluster {}; `{command}` does this\n", plan.cluster));
    }
    for note in &plan.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

fn tone(class: ChangeClass) -> Tone {
    match class {
        ChangeClass::None => Tone::Quiet,
        ChangeClass::Dynamic | ChangeClass::Reload => Tone::Good,
        ChangeClass::Restart => Tone::Notice,
        ChangeClass::Stop | ChangeClass::Delete => Tone::Bad,
    }
}
