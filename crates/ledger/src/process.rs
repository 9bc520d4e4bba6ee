//! A slot's process as its supervisor knows it, in the words of the machines.

use std::time::Duration;

use jiff::Timestamp;

use klamm_core::machines::reconcile::ProcessFacts;
use klamm_core::machines::slot::UnitLook;
use klamm_core::model::Sha256;
use klamm_core::model::inventory::ProcessReport;
use klamm_supervise::{Live, State};

/// What [`klamm_core::machines::reconcile`] must know; `launch` is what the process was started with.
pub fn facts(state: &State, launch: Option<Sha256>) -> ProcessFacts {
    let Some(launch) = launch else { return ProcessFacts::Absent };
    match state {
        State::Idle | State::Stopped { .. } | State::Failed { .. } => ProcessFacts::Absent,
        State::Spawning { .. } | State::Starting { .. } | State::Running { .. } => {
            ProcessFacts::Live { launch }
        }
        State::Stopping { .. } => ProcessFacts::Stopping,
        State::BackingOff { .. } => ProcessFacts::BackingOff { launch },
    }
}

/// What [`klamm_core::machines::slot::SlotMachine::look`] must know. `describe` tells of a live process, `crash` why it
/// ended and when, by the wall clock, the given moment of the supervisor's clock is.
pub fn look(
    state: &State,
    describe: impl FnOnce(&Live) -> Option<ProcessReport>,
    crash: impl FnOnce(Duration) -> (String, Timestamp),
) -> UnitLook {
    match state {
        State::Idle | State::Stopped { .. } | State::Failed { .. } => UnitLook::AtRest,
        State::Spawning { .. } => UnitLook::Spawning,
        State::Starting { process, .. } | State::Running { process, .. } => match describe(process) {
            Some(report) => UnitLook::Live {
                process: report,
                incarnation: process.incarnation,
                known_ready: state.is_ready(),
            },
            None => UnitLook::Spawning,
        },
        State::Stopping { .. } => UnitLook::Stopping { process: state.process().and_then(describe) },
        State::BackingOff { until, .. } => {
            let (cause, retry_at) = crash(*until);
            UnitLook::BackingOff { cause, retry_at }
        }
    }
}
