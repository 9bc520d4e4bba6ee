//! `klamm diff`: what changed between two targets.

use std::collections::BTreeMap;

use klamm_core::api::{Change, TargetDiff};
use klamm_core::model::{SlotName, TargetNumber};

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Format, Terminal, Tone, print_json};

/// Show what changed between two targets: spec, files, processes
///
/// Without numbers: what the target in force changed. With one: what changed from it to the target in force. With two: from
/// the first to the second. Nodes with the same change are shown together.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm diff            what the newest target changed
  klamm diff 4          everything since target 4
  klamm diff 4 6        from target 4 to target 6")]
pub(crate) struct Args {
    /// The number of a target, see `klamm history`
    #[arg(value_name = "REV")]
    from: Option<u64>,
    /// The number of another one
    #[arg(value_name = "REV")]
    to: Option<u64>,
}

pub(crate) async fn run(invocation: &Invocation, Args { from, to }: Args) -> Result<u8, CliError> {
    let (from, to) = (from.map(TargetNumber), to.map(TargetNumber));
    let diff = invocation.ask_about(async |api, cluster| api.diff(cluster, from, to).await).await?;
    match invocation.terminal.format {
        Format::Json => print_json(&diff)?,
        Format::Table => output::print(&render(&diff, &invocation.terminal))?,
    }
    Ok(exit::DONE)
}

fn render(diff: &TargetDiff, terminal: &Terminal) -> String {
    let TargetDiff { from, to, spec, added, removed, changed } = diff;
    let begin = from.map_or_else(|| "from nothing".to_owned(), |from| format!("from target {from}"));
    let mut text = format!("{begin} to target {to}\n");
    let mut section = |title: &str, body: &str| {
        text.push_str(&format!("\n{}\n{body}", terminal.paint(title, Tone::Notice)));
    };
    if let Some(spec) = spec {
        section("spec", &painted(spec, terminal));
    }
    let listed = |slots: &mut dyn Iterator<Item = &SlotName>| {
        slots.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    if !added.is_empty() {
        section(&format!("{}: new", listed(&mut added.iter())), "");
    }
    if !removed.is_empty() {
        section(&format!("{}: gone", listed(&mut removed.iter())), "");
    }
    for (change, slots) in together(changed) {
        let slots = listed(&mut slots.into_iter());
        match change {
            Change::Value { what, before, after } => {
                section(&format!("{slots}: {what}"), &format!("{before} -> {after}\n"));
            }
            Change::Text { what, diff } => section(&format!("{slots}: {what}"), &painted(diff, terminal)),
        }
    }
    if spec.is_none() && added.is_empty() && removed.is_empty() && changed.is_empty() {
        text.push_str("nothing changed\n");
    }
    text
}

/// Each different change once, in the order in which they come, with the slots that it concerns.
fn together(changed: &BTreeMap<SlotName, Vec<Change>>) -> Vec<(&Change, Vec<&SlotName>)> {
    let mut all: Vec<(&Change, Vec<&SlotName>)> = Vec::new();
    for (slot, change) in
        changed.iter().flat_map(|(slot, changes)| changes.iter().map(move |one| (slot, one)))
    {
        match all.iter_mut().find(|(known, _)| *known == change) {
            Some((_, slots)) => slots.push(slot),
            None => all.push((change, vec![slot])),
        }
    }
    all
}

fn painted(diff: &str, terminal: &Terminal) -> String {
    let line = |line: &str| match line.as_bytes().first() {
        Some(b'+') => terminal.paint(line, Tone::Good),
        Some(b'-') => terminal.paint(line, Tone::Bad),
        Some(b'@') => terminal.paint(line, Tone::Quiet),
        Some(_) | None => line.to_owned(),
    };
    diff.lines().map(|text| format!("{}\n", line(text))).collect()
}
