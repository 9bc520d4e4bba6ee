//! Looking at a slot's process: what its supervisor and its observer say, in the words of the machine.

use std::time::Duration;

use jiff::Timestamp;

use klamm_core::kafka::start_errors;
use klamm_core::machines::slot::{Look, NodeWord, Tell};
use klamm_core::model::ByteCount;
use klamm_core::model::inventory::ProcessReport;
use klamm_core::render::server_properties::INTERNAL;
use klamm_ledger::process;
use klamm_supervise::{ExitReason, Live, State, UnitStatus, monotonic_now};
use rustix::process::Signal;

use super::{Keeper, launch};
use crate::error::chain;
use crate::observer;

/// What a look at the process saw.
pub(super) struct Looked {
    status: UnitStatus,
    node: Option<NodeWord>,
}

impl Keeper {
    /// Asks the supervisor and, where there is a process, the observer in it.
    pub(super) async fn collect_look(&self) -> Looked {
        let status = self.unit.status();
        let holds_partitions = self.machine.target().identity.listeners.contains_key(INTERNAL);
        let node = match status.state.process() {
            Some(_) => observer::ask(&self.folders.slot).await.ok(),
            None => None,
        };
        Looked { status, node: node.map(|node| node.to_word(holds_partitions)) }
    }

    /// Hands a look to the machine, and tells the supervisor what follows from it.
    pub(super) async fn take_look(&mut self, looked: Looked) {
        let Looked { status, node } = looked;
        if matches!(status.state, State::BackingOff { .. }) {
            self.note_crash(&status);
        }
        let describe = |live: &Live| {
            Some(ProcessReport {
                pid: live.identity.pid,
                since: at(live.since),
                launch: self.launched?,
                broker_state: None,
                resident: resident(live.identity.pid),
            })
        };
        let crash = |until| {
            let cause = self.last_crash.as_ref().map_or("ended", |(_, cause)| cause);
            (cause.to_owned(), at(until))
        };
        let look = Look {
            unit: process::look(&status.state, describe, crash),
            node,
            restarts: status.restarts,
            failures: status.failures,
        };
        let told = match self.machine.look(look, monotonic_now()) {
            Some(Tell::Ready { incarnation }) => self.unit.ready(incarnation).await,
            Some(Tell::Progress(value)) => self.unit.progress(value).await,
            None => Ok(()),
        };
        if told.is_err() {
            // Forgotten in between: its slot is being let go.
            tracing::debug!(slot = %self.machine.key().slot, "the unit is gone");
        }
    }

    /// How the process ended and, where its log tells, why and what to do: read once for each end.
    fn note_crash(&mut self, status: &UnitStatus) {
        if self.last_crash.as_ref().is_some_and(|(incarnation, _)| *incarnation == status.incarnations) {
            return;
        }
        if status.last_exit.as_ref().is_some_and(|exit| is_crash_of_java(&exit.reason)) {
            self.forsake_archive();
        }
        let how = status.last_exit.as_ref().map(|exit| exit.reason.to_string());
        let how = how.unwrap_or_else(|| "ended".to_owned());
        let tails = [self.folders.server_log(), self.folders.console_log()];
        let tail: String = tails.iter().map(|path| crate::logs::tail(path, 200)).collect();
        let cause = match start_errors::recognise(&tail) {
            Some(error) => format!("{how}: {} ({})", error.cause, error.cause.fix()),
            None => how,
        };
        self.last_crash = Some((status.incarnations, cause));
    }

    /// The next process starts without the archive that the crashed one had: it may have been the reason.
    fn forsake_archive(&self) {
        match launch::forsake_archive(&self.folders) {
            Ok(Some(archive)) => self.shared.warm.discard(&archive),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(slot = %self.machine.key().slot, error = chain(&error), "an archive stays in use");
            }
        }
    }
}

/// Whether Java itself failed: it ends by a signal of its own then, and Kafka's code cannot make it.
fn is_crash_of_java(reason: &ExitReason) -> bool {
    let own = [Signal::ILL, Signal::ABORT, Signal::BUS, Signal::SEGV].map(Signal::as_raw);
    match reason {
        ExitReason::Signalled { signal, .. } => own.contains(signal),
        ExitReason::Exited { .. } | ExitReason::NotStarted { .. } | ExitReason::Unknown => false,
    }
}

/// The wall clock's time of a moment of the supervisor's clock.
fn at(moment: Duration) -> Timestamp {
    let now = monotonic_now();
    let (wall, past, ahead) = (Timestamp::now(), now.saturating_sub(moment), moment.saturating_sub(now));
    let time = wall.checked_sub(past).and_then(|time| time.checked_add(ahead)).unwrap_or(wall);
    // Whole milliseconds, so that the same moment is not reported anew for a few nanoseconds.
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// Resident memory of a process (second field of `/proc/PID/statm`, in pages).
fn resident(pid: u32) -> Option<ByteCount> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    Some(ByteCount(pages * page))
}
