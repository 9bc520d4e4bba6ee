//! `klamm status`: a cluster on one screen.

use std::time::Duration;

use klamm_core::api::{ClusterStatus, NodeRow, RunState, StepState, Want};
use klamm_core::model::ClusterName;

use crate::api::Api;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, Terminal, Tone, age, count, print_json, until};
use crate::summary;

/// Between two looks with `--watch`.
const PERIOD: Duration = Duration::from_secs(1);
/// Moves to the top left and deletes the screen below.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Show how the cluster is
///
/// What is not known is shown as `?`. Asks the server, which asks Kafka. Where none runs, because the cluster is down,
/// one is started for this and ends again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show it again and again until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

pub(crate) async fn run(invocation: &Invocation, Args { watch }: Args) -> Result<u8, CliError> {
    if !watch {
        return invocation
            .ask_about(async |api, cluster| show(invocation, api, cluster, "").await)
            .await
            .map(|()| exit::DONE);
    }
    let prefix = if invocation.terminal.screen { CLEAR } else { "" };
    loop {
        let watching = invocation.ask_about(async |api, cluster| {
            tokio::select! {
                failure = show_forever(invocation, api, cluster, prefix) => failure,
                _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted { goes_on: None }),
            }
        });
        match watching.await {
            // It went with the last cluster that it kept, or was replaced: the next look finds or starts one.
            Err(CliError::NoServer { .. }) => {}
            result => return result,
        }
    }
}

async fn show_forever(
    invocation: &Invocation,
    api: &Api,
    cluster: &ClusterName,
    prefix: &str,
) -> Result<u8, CliError> {
    loop {
        show(invocation, api, cluster, prefix).await?;
        tokio::time::sleep(PERIOD).await;
    }
}

async fn show(
    invocation: &Invocation,
    api: &Api,
    cluster: &ClusterName,
    prefix: &str,
) -> Result<(), CliError> {
    let status = api.status(cluster).await?;
    match invocation.terminal.format {
        Format::Json => print_json(&status),
        Format::Table => {
            let text = render(&status, &invocation.terminal, &invocation.command());
            output::print(&format!("{prefix}{text}"))
        }
    }
}

fn render(status: &ClusterStatus, terminal: &Terminal, command: &str) -> String {
    let mut text = terminal.prose(&format!("{}\n", summary::one_line(status)));
    let numbers = format!("id {}, target {}\n", status.id, status.target);
    match status.want {
        Want::Up => {
            text.push_str(&numbers);
            for (listener, bootstrap) in &status.bootstrap {
                text.push_str(&format!("bootstrap ({listener}): {bootstrap}\n"));
            }
            if let Some(view) = &status.kafka_view {
                text.push_str(&format!("kafka was asked {} ago\n", age(status.now, view.at)));
            }
        }
        Want::Down => {
            let next = format!("its data stays; `{command} up` brings it back\n");
            text.push_str(&terminal.prose(&next));
            text.push_str(&numbers);
        }
        Want::Destroyed => {
            text.push_str(&terminal.prose(&format!("`{command} destroy` finishes it\n")));
            text.push_str(&numbers);
        }
    }
    text.push('\n');
    text.push_str(&nodes(status).render(terminal.width, terminal.color));
    for node in &status.nodes {
        // A cause does not fit into a column, and is what a person came for.
        if let Some(stage) = node.stage.as_ref().filter(|stage| summary::tone(&stage.value) == Tone::Bad) {
            let line = terminal.prose(&format!("{}: {}", node.slot, stage.value.describe()));
            text.push_str(&format!("\n{}\n", terminal.paint(&line, Tone::Bad)));
        }
        if let Some(remark) = &node.remark {
            let line = format!("{}: {remark}", node.slot);
            text.push_str(&format!("\n{}\n", terminal.paint(&line, Tone::Notice)));
        }
    }
    text.push_str(&newest_run(status, terminal));
    text
}

fn nodes(status: &ClusterStatus) -> Table {
    let mut table = Table::new(&[
        ("NODE", Keep::Always),
        ("ID", Keep::Always),
        ("ROLES", Keep::WithRoom(4)),
        ("STAGE", Keep::Always),
        ("UP", Keep::Always),
        ("PID", Keep::WithRoom(3)),
        ("MEMORY", Keep::WithRoom(2)),
        ("RESTARTS", Keep::WithRoom(1)),
        ("CERTIFICATE", Keep::WithRoom(5)),
        ("SEEN", Keep::WithRoom(6)),
        ("HOST", Keep::WithRoom(7)),
        ("LISTENERS", Keep::WithRoom(8)),
    ]);
    for node in &status.nodes {
        table.row(row(node, status));
    }
    table
}

fn row(node: &NodeRow, status: &ClusterStatus) -> [Field; 12] {
    // The remark is told below the table.
    let NodeRow { slot, node_id, roles, host, stage, remark: _, process, restarts, certificate, listeners } =
        node;
    let now = status.now;
    let stage_field = stage.as_ref().map_or(Field::known(None::<String>), |stage| {
        Field::toned(short_stage(&stage.value.describe()), summary::tone(&stage.value))
    });
    let host_name = status.hosts.iter().find(|row| row.id == *host).map(|row| row.name.clone());
    let listeners: Vec<_> = listeners.iter().map(|(name, address)| format!("{name} {address}")).collect();
    let no_process = || Field::toned("-", Tone::Quiet);
    let of_process = |field: fn(&klamm_core::model::inventory::ProcessReport) -> Option<String>| match process
    {
        Some(process) => Field::known(field(process)),
        // A node without a report may well have a process.
        None if stage.is_none() => Field::known(None::<String>),
        None => no_process(),
    };
    [
        Field::plain(slot),
        Field::plain(node_id),
        Field::plain(roles),
        stage_field,
        process
            .as_ref()
            .map_or_else(|| of_process(|_| None), |process| Field::plain(age(now, process.since))),
        of_process(|process| Some(process.pid.to_string())),
        of_process(|process| process.resident.map(|bytes| bytes.to_string())),
        Field::toned(restarts, if *restarts > 0 { Tone::Notice } else { Tone::Plain }),
        Field::known(certificate.as_ref().map(|certificate| until(now, certificate.not_after))),
        Field::known(stage.as_ref().map(|stage| format!("{} ago", age(now, stage.at)))),
        Field::known(host_name),
        Field::plain(listeners.join(", ")),
    ]
}

/// A stage for a column: what follows the first colon of a trouble is told below the table.
fn short_stage(text: &str) -> String {
    match text.split_once(": ") {
        Some((start, _)) if start.starts_with("blocked") || start.starts_with("ended") => start.to_owned(),
        Some(_) | None => text.to_owned(),
    }
}

/// What goes on, or what went wrong last.
fn newest_run(status: &ClusterStatus, terminal: &Terminal) -> String {
    let Some(run) = &status.run else { return String::new() };
    let done = run.steps.iter().filter(|step| step.state == StepState::Done).count();
    let of_steps = format!("{done} of {} done", count(run.steps.len(), "step"));
    let began = age(status.now, run.started);
    match &run.state {
        RunState::Running => {
            let mut text = format!("\nrun {}, begun {began} ago: {of_steps}\n", run.run);
            for step in &run.steps {
                if let StepState::Running { waits_for } = &step.state {
                    text.push_str(&terminal.prose(&format!("  {} ({waits_for})\n", step.title)));
                }
            }
            text
        }
        RunState::Failed { reason } => {
            let line = terminal.prose(&format!("run {}, begun {began} ago, stopped: {reason}", run.run));
            format!("\n{}\n", terminal.paint(&line, Tone::Bad))
        }
        RunState::Aborted { by } => {
            let line = format!("run {}, begun {began} ago, was aborted by {by}: {of_steps}", run.run);
            format!("\n{}\n", terminal.prose(&line))
        }
        RunState::Done => String::new(),
    }
}
