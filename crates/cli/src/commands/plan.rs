//! `klamm plan`: what `klamm up` would do, and why.

use std::path::PathBuf;

use klamm_core::model::plan::{ChangeClass, Explanation, Plan};

use super::tell_warnings;
use super::up::{self, Asked};
use crate::api::Start;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, Terminal, Tone, count, print_json};
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
  restart   a process stops and starts; one at a time, behind the safety rule
  stop      ends the service of what it names
  delete    deletes data

What needs data to be elsewhere first (move), or would lose data or cannot be
undone (refused), is not planned: the command fails and says what to do instead.")]
pub(crate) struct Args {
    /// The spec; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Say also how heap and threads of each node were chosen
    #[arg(long)]
    explain: bool,
    /// Plan with the defaults and the code of this Klamm for nodes that exist too, see `klamm up --help`
    #[arg(long)]
    refresh_defaults: bool,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let given = specs::find(args.file.as_deref(), &invocation.terminal)?;
    let planning = invocation.ask(Start::Always, async |api| {
        let Asked { cluster, request, is_known: _ } =
            up::request(invocation, api, given, args.refresh_defaults).await?;
        api.plan(&cluster, &request).await
    });
    let mut answer = planning.await?;
    if !args.explain {
        answer.explanations.clear();
    }
    tell_warnings(invocation, &answer.warnings);
    match invocation.terminal.format {
        Format::Json => print_json(&answer)?,
        Format::Table => {
            let terminal = &invocation.terminal;
            let mut command = format!("{} up", invocation.command());
            if let Some(file) = &args.file {
                command.push_str(&format!(" -f {}", file.display()));
            }
            if args.refresh_defaults {
                command.push_str(" --refresh-defaults");
            }
            let mut text = render(&answer.plan, terminal, &command);
            text.push_str(&render_explanations(&answer.explanations, terminal.width, terminal.color));
            output::print(&text)?;
        }
    }
    Ok(if answer.plan.is_empty() { exit::DONE } else { exit::CHANGES })
}

pub(super) fn render(plan: &Plan, terminal: &Terminal, command: &str) -> String {
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
        text.push_str(&table.render(terminal.width, terminal.color));
        let steps = count(plan.steps.len(), "step");
        let told = format!("{steps} for cluster {}; `{command}` does this\n", plan.cluster);
        text.push_str(&terminal.prose(&told));
    }
    for note in &plan.notes {
        text.push_str(&terminal.prose(&format!("note: {note}\n")));
    }
    text
}

fn render_explanations(explanations: &[Explanation], width: Option<usize>, color: bool) -> String {
    if explanations.is_empty() {
        return String::new();
    }
    let columns =
        [("NODE", Keep::Always), ("WHAT", Keep::Always), ("VALUE", Keep::Always), ("WHY", Keep::Always)];
    let mut table = Table::new(&columns);
    for Explanation { subject, what, value, reason } in explanations {
        table.row([Field::plain(subject), Field::plain(what), Field::plain(value), Field::plain(reason)]);
    }
    format!("\n{}", table.render(width, color))
}

fn tone(class: ChangeClass) -> Tone {
    match class {
        ChangeClass::None => Tone::Quiet,
        ChangeClass::Dynamic | ChangeClass::Reload => Tone::Good,
        ChangeClass::Restart | ChangeClass::Move => Tone::Notice,
        ChangeClass::Stop | ChangeClass::Delete | ChangeClass::Refused => Tone::Bad,
    }
}
