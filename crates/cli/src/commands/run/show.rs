//! `klamm run show`.

use jiff::Timestamp;
use klamm_core::api::{RunDetail, RunState, StepState};
use klamm_core::model::ClusterName;

use crate::api::Api;
use crate::error::CliError;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, Terminal, Tone, age, print_json};

pub(super) async fn run(
    invocation: &Invocation,
    api: &Api,
    cluster: &ClusterName,
    run: u64,
) -> Result<(), CliError> {
    let detail = api.run_detail(cluster, run).await?;
    match invocation.terminal.format {
        Format::Json => print_json(&detail),
        Format::Table => output::print(&render(&detail, &invocation.terminal)),
    }
}

fn render(detail: &RunDetail, terminal: &Terminal) -> String {
    let RunDetail { row, view, plan, journal, now } = detail;
    let so = match &row.state {
        RunState::Running => "goes on".to_owned(),
        RunState::Done => "done".to_owned(),
        RunState::Failed { reason } => format!("stopped: {reason}"),
        RunState::Aborted { by } => format!("aborted by {by}"),
    };
    let begun = age(*now, row.started);
    let head =
        format!("run {} of cluster {}, begun {begun} ago by {}: {so}\n\n", row.run, view.cluster, row.actor);
    let mut text = terminal.prose(&head);
    let columns =
        [("#", Keep::Always), ("STEP", Keep::Always), ("CLASS", Keep::Always), ("STATE", Keep::Always)];
    let mut table = Table::new(&columns);
    for (place, (step, shown)) in plan.steps.iter().zip(&view.steps).enumerate() {
        table.row([
            Field::plain(place + 1),
            Field::plain(&shown.title),
            Field::plain(step.class),
            match &shown.state {
                StepState::Pending => Field::toned("not begun", Tone::Quiet),
                StepState::Running { waits_for } => {
                    Field::toned(format!("waits for {waits_for}"), Tone::Notice)
                }
                StepState::Done => Field::toned("done", Tone::Good),
                StepState::Failed => Field::toned("failed", Tone::Bad),
                StepState::Aborted => Field::toned("aborted", Tone::Notice),
            },
        ]);
    }
    text.push_str(&table.render(terminal.width, terminal.color));
    text.push('\n');
    for line in journal {
        let told = format!("{}  {}: {}\n", moment(line.at), line.entry.actor, line.entry.event);
        text.push_str(&terminal.prose(&told));
    }
    text
}

/// To the second, in UTC: the journal is read beside logs of other machines.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
