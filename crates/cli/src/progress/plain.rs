//! Progress for logs and pipes: one line for each change that says something, none for each byte.

use std::collections::BTreeMap;
use std::time::Duration;

use klamm_core::api::{RunView, StepState};
use klamm_core::model::SlotName;
use klamm_core::model::inventory::Stage;

use super::downloads;
use super::rate::Rates;
use crate::output::elapsed;

/// A download is told of at each of so many parts of its way,
const PARTS: u64 = 4;
/// and at least this often, so that a slow one is not taken for a dead one.
const SLOW: Duration = Duration::from_secs(15);

/// What was said already.
#[derive(Debug, Default)]
pub(super) struct Plain {
    steps: Vec<Option<String>>,
    slots: BTreeMap<SlotName, Milestone>,
    downloads: BTreeMap<String, Download>,
    rates: Rates,
}

/// A download as far as it was told of.
#[derive(Debug)]
struct Download {
    part: u64,
    time: Duration,
}

/// A stage as coarse as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Milestone {
    /// Which of the stages, without its numbers.
    stage: std::mem::Discriminant<Stage>,
    /// Its words where they matter, such as what is fetched.
    about: String,
    /// How far it is.
    part: u64,
}

impl Plain {
    /// The lines that the view adds to what was said.
    pub(super) fn lines(&mut self, view: &RunView, time: Duration) -> Vec<String> {
        let stamp = format!("[{:>6}]", elapsed(time));
        let all = view.steps.len();
        self.steps.resize(all, None);
        let mut lines = Vec::new();
        for (place, (step, said)) in view.steps.iter().zip(&mut self.steps).enumerate() {
            let now = match &step.state {
                StepState::Pending => continue,
                StepState::Running { .. } => format!("{} ...", step.title),
                StepState::Done => format!("{}: done", step.title),
                StepState::Failed => format!("{}: failed", step.title),
                StepState::Aborted => format!("{}: aborted", step.title),
            };
            if said.as_ref() != Some(&now) {
                lines.push(format!("{stamp} {}/{all} {now}", place + 1));
                *said = Some(now);
            }
        }
        self.rates.take_in(view, time);
        lines.extend(self.downloads(view, time).into_iter().map(|text| format!("{stamp}     {text}")));
        lines.extend(
            self.changed_slots(view)
                .into_iter()
                .map(|(text, slots)| format!("{stamp}     {}: {text}", slots.join(", "))),
        );
        lines
    }

    /// What is new of the downloads: one line for all slots that wait for the same.
    fn downloads(&mut self, view: &RunView, time: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        for (item, stage) in downloads(view) {
            let part = milestone(stage).part;
            let told = self.downloads.get(item);
            if told.is_none_or(|told| told.part != part || time >= told.time + SLOW) {
                self.downloads.insert(item.to_owned(), Download { part, time });
                lines.push(format!("{}{}", stage.describe(), self.rates.text(item)));
            }
        }
        lines
    }

    /// What is new of the slots: the words and who they are about.
    fn changed_slots(&mut self, view: &RunView) -> Vec<(String, Vec<String>)> {
        let mut changed: Vec<(String, Vec<String>)> = Vec::new();
        for (slot, stage) in &view.slots {
            let milestone = milestone(stage);
            if self.slots.get(slot) == Some(&milestone) {
                continue;
            }
            self.slots.insert(slot.clone(), milestone);
            if let Stage::Fetching { .. } = stage {
                continue;
            }
            let text = stage.describe();
            match changed.iter_mut().find(|(known, _)| *known == text) {
                Some((_, slots)) => slots.push(slot.to_string()),
                None => changed.push((text, vec![slot.to_string()])),
            }
        }
        changed
    }
}

fn milestone(stage: &Stage) -> Milestone {
    let (about, part) = match stage {
        Stage::Fetching { item, done, total } => (item.clone(), done.0 * PARTS / total.0.max(1)),
        // Halving is progress worth a line, one log of a thousand is not.
        Stage::Recovering { logs, .. } => {
            (String::new(), logs.and_then(u64::checked_ilog2).map_or(0, u64::from))
        }
        Stage::Preparing { step } => (step.clone(), 0),
        Stage::Crashed { cause, .. } => (cause.clone(), 0),
        Stage::Blocked { reason } => (reason.clone(), 0),
        Stage::Waiting
        | Stage::Launching
        | Stage::Joining
        | Stage::Ready
        | Stage::Stopping
        | Stage::Stopped
        | Stage::Removed => (String::new(), 0),
    };
    Milestone { stage: std::mem::discriminant(stage), about, part }
}
