//! `/v1/…/runs`: what was done, what is going on, and who may end it or take it up again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RunView, Want};
use crate::model::plan::Plan;
use crate::model::run::{JournalLine, RunState};

/// All runs of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// The newest first.
    pub runs: Vec<RunRow>,
    /// The server's wall clock, so that ages can be told.
    pub now: Timestamp,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its number.
    pub run: u64,
    /// Who asked for it.
    pub actor: String,
    /// What it makes of the cluster.
    pub want: Want,
    /// Where it is.
    pub state: RunState,
    /// Steps that are done.
    pub done: usize,
    /// Steps in all.
    pub steps: usize,
    /// When it began.
    pub started: Timestamp,
    /// When it last came further, or ended.
    pub changed: Timestamp,
}

/// One run with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDetail {
    /// As in the list.
    pub row: RunRow,
    /// As the event stream tells it.
    pub view: RunView,
    /// Its steps with class and reason.
    pub plan: Plan,
    /// What was written down about it, the oldest line first.
    pub journal: Vec<JournalLine>,
    /// The server's wall clock, so that ages can be told.
    pub now: Timestamp,
}

/// Asks for a run to be resumed or aborted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOrder {
    /// Who asks, for the journal.
    pub actor: String,
}
