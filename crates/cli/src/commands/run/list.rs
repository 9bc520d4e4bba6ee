//! `klamm run list`.

use klamm_core::api::{RunRow, RunState, Want};
use klamm_core::model::ClusterName;

use crate::api::Api;
use crate::error::CliError;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, Tone, age, elapsed, print_json};

pub(super) async fn run(
    invocation: &Invocation,
    api: &Api,
    cluster: &ClusterName,
    lines: usize,
) -> Result<(), CliError> {
    let mut runs = api.runs(cluster).await?;
    let known = runs.runs.len();
    runs.runs.truncate(lines);
    if invocation.terminal.format == Format::Json {
        return print_json(&runs);
    }
    let mut table = Table::new(&[
        ("RUN", Keep::Always),
        ("STATE", Keep::Always),
        ("STEPS", Keep::Always),
        ("BEGUN", Keep::Always),
        ("TOOK", Keep::WithRoom(1)),
        ("WANTED", Keep::WithRoom(2)),
        ("BY", Keep::WithRoom(3)),
    ]);
    for RunRow { run, actor, want, state, done, steps, started, changed } in &runs.runs {
        let took = match state {
            RunState::Running => runs.now.duration_since(*started),
            RunState::Done | RunState::Failed { .. } | RunState::Aborted { .. } => {
                changed.duration_since(*started)
            }
        };
        table.row([
            Field::plain(run),
            state_field(state),
            Field::plain(format!("{done}/{steps}")),
            Field::plain(format!("{} ago", age(runs.now, *started))),
            Field::plain(elapsed(took.unsigned_abs())),
            Field::plain(match want {
                Want::Up => "up",
                Want::Down => "down",
                Want::Destroyed => "destroyed",
            }),
            Field::plain(actor),
        ]);
    }
    output::print(&table.render(invocation.terminal.width, invocation.terminal.color))?;
    if runs.runs.len() < known {
        let older = known - runs.runs.len();
        invocation.terminal.tell(&format!("not shown: {older} older; `--lines {known}` shows all"));
    }
    Ok(())
}

/// A run's state in a word.
pub(super) fn state_field(state: &RunState) -> Field {
    match state {
        RunState::Running => Field::toned("running", Tone::Notice),
        RunState::Done => Field::toned("done", Tone::Good),
        RunState::Failed { .. } => Field::toned("failed", Tone::Bad),
        RunState::Aborted { .. } => Field::toned("aborted", Tone::Notice),
    }
}
