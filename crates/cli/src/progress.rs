//! Progress of a run on standard error: lines updated in place on a terminal, else lines appended upon change.

mod live;
mod plain;
mod rate;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Instant;

use klamm_core::api::RunView;
use klamm_core::model::inventory::Stage;
use klamm_core::model::{ByteCount, SlotName};

use crate::output::{Terminal, tell};
use live::Live;
use plain::Plain;

/// Shows a run as it goes on.
pub(crate) struct Progress {
    begun: Instant,
    form: Form,
}

enum Form {
    Live(Live),
    Plain(Plain),
}

impl Progress {
    /// In the form that the terminal can show.
    pub(crate) fn new(terminal: &Terminal) -> Self {
        let form = if terminal.live {
            Form::Live(Live::new(terminal.error_color, terminal.error_width))
        } else {
            Form::Plain(Plain::default())
        };
        Self { begun: Instant::now(), form }
    }

    /// Shows the run as it stands now.
    pub(crate) fn show(&mut self, view: &RunView) {
        let elapsed = self.begun.elapsed();
        match &mut self.form {
            Form::Live(live) => live.show(view, elapsed),
            Form::Plain(plain) => plain.lines(view, elapsed).iter().for_each(|line| tell(line)),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self) {
        match &mut self.form {
            Form::Live(live) => live.tick(self.begun.elapsed()),
            Form::Plain(_) => {}
        }
    }

    /// Leaves the last state standing.
    pub(crate) fn finish(self) {
        match self.form {
            Form::Live(live) => live.finish(self.begun.elapsed()),
            Form::Plain(_) => {}
        }
    }
}

/// Slots that are at the same point, under one label: nodes of one host wait for the same download, and hear of it one
/// after the other.
fn by_stage(view: &RunView) -> Vec<(String, &Stage)> {
    let downloads = downloads(view);
    let mut groups: Vec<(Vec<&SlotName>, &Stage)> = Vec::new();
    for (slot, stage) in &view.slots {
        let stage = if let Stage::Fetching { item, .. } = stage { downloads[item.as_str()] } else { stage };
        match groups.iter_mut().find(|(_, known)| *known == stage) {
            Some((slots, _)) => slots.push(slot),
            None => groups.push((vec![slot], stage)),
        }
    }
    groups.into_iter().map(|(slots, stage)| (label(&slots), stage)).collect()
}

/// `nodes-0, nodes-1`; of many the first and the last.
fn label(slots: &[&SlotName]) -> String {
    match slots {
        [first, .., last] if slots.len() > 3 => format!("{first} … {last} ({})", slots.len()),
        slots => slots.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// What is being downloaded, each as far as whoever knows most of it says.
fn downloads(view: &RunView) -> BTreeMap<&str, &Stage> {
    let mut furthest: BTreeMap<&str, (ByteCount, &Stage)> = BTreeMap::new();
    for stage in view.slots.values() {
        if let Stage::Fetching { item, done, .. } = stage {
            let known = furthest.entry(item).or_insert((*done, stage));
            if known.0 < *done {
                *known = (*done, stage);
            }
        }
    }
    furthest.into_iter().map(|(item, (_, stage))| (item, stage)).collect()
}
