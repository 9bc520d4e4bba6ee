//! What a unit shows of itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exit::ExitReason;
use crate::machine::{State, Unit};

/// The latest picture of a unit. All moments are of [`crate::monotonic_now`]'s clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitStatus {
    /// The unit's name.
    pub name: String,
    /// Where it is.
    pub state: State,
    /// Processes started or adopted so far.
    pub incarnations: u64,
    /// How often in a row the process ended by itself.
    pub failures: u32,
    /// How often it ended by itself and is started again, since its supervisor knows it.
    pub restarts: u32,
    /// How the last process ended.
    pub last_exit: Option<LastExit>,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastExit {
    /// Why.
    pub reason: ExitReason,
    /// When.
    pub at: Duration,
    /// After how long a run.
    pub ran: Duration,
}

impl UnitStatus {
    /// The picture of a machine, under the unit's name.
    pub fn of(name: &str, unit: &Unit) -> Self {
        Self {
            name: name.to_owned(),
            state: unit.state().clone(),
            incarnations: unit.incarnations(),
            failures: unit.failures(),
            restarts: unit.restarts(),
            last_exit: unit.last_exit().cloned(),
        }
    }
}
