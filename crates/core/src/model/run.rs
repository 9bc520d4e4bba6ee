//! Runs: one execution of a plan each, and the journal that remembers what they did.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ClusterId;
use super::plan::Plan;
use super::target::{self, Target};
use crate::api::Want;

/// One execution of a plan: everything that whoever resumes it needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number, unique on its server.
    pub id: u64,
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Who asked for it.
    pub actor: String,
    /// What is done.
    pub plan: Plan,
    /// The target when all is done.
    pub goal: Target,
    /// The step that is next, from 0.
    pub next_step: usize,
    /// Where it is.
    pub state: RunState,
    /// When it began.
    pub started: Timestamp,
    /// When it last came further, or ended.
    pub changed: Timestamp,
}

impl Run {
    /// What it makes of its cluster.
    pub fn want(&self) -> Want {
        let runs = |state| self.goal.slots().into_values().any(|(_, slot)| slot.run == state);
        if runs(target::RunState::Removed) {
            Want::Destroyed
        } else if runs(target::RunState::Stopped) {
            Want::Down
        } else {
            Want::Up
        }
    }

    /// A line of the journal about it.
    pub fn entry(&self, actor: &str, event: impl Into<String>) -> JournalEntry {
        let (actor, event) = (actor.to_owned(), event.into());
        JournalEntry { cluster: self.cluster, run: Some(self.id), actor, event }
    }
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum RunState {
    /// It goes on.
    Running,
    /// All steps were done.
    Done,
    /// A step failed; the steps after it were not begun.
    Failed {
        /// Which object, which cause, what to do.
        reason: String,
    },
    /// A person ended it between two acts; the target in force stayed as it was.
    Aborted {
        /// Who.
        by: String,
    },
}

/// One line for the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Of which run.
    pub run: Option<u64>,
    /// Who.
    pub actor: String,
    /// What, one line.
    pub event: String,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// Its place: rises, over all clusters.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who and what.
    #[serde(flatten)]
    pub entry: JournalEntry,
}
