//! Watching a slot's process: what its supervisor and its observer say, and what is told of it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use klamm_core::kafka::start_errors;
use klamm_core::model::ByteCount;
use klamm_core::model::inventory::{ProcessReport, Stage};
use klamm_core::model::target::{RunState, SlotTarget};
use klamm_core::render::server_properties::INTERNAL;
use klamm_supervise::{State, UnitGone, UnitStatus, monotonic_now};

use super::Keeper;
use crate::observer::{self, NodeStage, NodeStatus};

/// How often a node that is not ready yet is looked at.
const LOOK_SOON: Duration = Duration::from_millis(100);
/// How often a node that is ready is looked at.
const LOOK_LATER: Duration = Duration::from_secs(2);

impl Keeper {
    /// Watches the process for as long as nothing else is expected.
    pub(super) async fn look_until(&self, target: &SlotTarget, pause: Duration) {
        let end = Instant::now() + pause;
        loop {
            let ready = self.look(target).await;
            let next = if ready { LOOK_LATER } else { LOOK_SOON };
            let now = Instant::now();
            if now + next >= end {
                tokio::time::sleep_until(end).await;
                return;
            }
            tokio::time::sleep(next).await;
        }
    }

    /// Looks at the process and tells where it is; whether it is at rest in what it shall be.
    async fn look(&self, target: &SlotTarget) -> bool {
        let status = self.unit.status();
        let node = match status.state.process() {
            Some(_) => observer::ask(&self.folders.slot).await.ok(),
            None => None,
        };
        self.show_process(&status, node.as_ref());
        match &status.state {
            State::Idle | State::Stopped { .. } | State::Failed { .. } => self.look_at_rest(target),
            State::Spawning { .. } => false,
            State::Starting { process, .. } | State::Running { process, .. } => {
                let stage = self.stage_of(target, node.as_ref(), process.identity.pid);
                let ready = stage == Stage::Ready;
                if ready && !status.state.is_ready() {
                    self.tell_unit(self.unit.ready(process.incarnation).await);
                }
                self.show(stage);
                ready
            }
            State::Stopping { .. } => {
                if let Some(node) = &node {
                    self.tell_unit(self.unit.progress(node.stop_progress()).await);
                }
                self.show(Stage::Stopping);
                false
            }
            State::BackingOff { until, .. } => {
                let wait = until.saturating_sub(monotonic_now());
                let retry_at = Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX);
                self.show(Stage::Crashed { cause: self.cause_of_exit(&status), retry_at });
                false
            }
        }
    }

    /// A unit that was forgotten in between is not looked at any more: its slot is being let go.
    fn tell_unit(&self, told: Result<(), UnitGone>) {
        if told.is_err() {
            tracing::debug!(slot = %self.key.slot, "the unit is gone");
        }
    }

    /// A slot without a process, as it shall be; one that shall run is told by what is done for it.
    fn look_at_rest(&self, target: &SlotTarget) -> bool {
        match target.run {
            RunState::Stopped => self.show(Stage::Stopped),
            RunState::Removed if !self.remains(target) => self.show(Stage::Removed),
            RunState::Removed | RunState::Running => {}
        }
        true
    }

    fn stage_of(&self, target: &SlotTarget, node: Option<&NodeStatus>, pid: u32) -> Stage {
        if let Some(reason) = &self.trouble {
            return Stage::Preparing { step: reason.clone() };
        }
        let holds_partitions = target.identity.listeners.contains_key(INTERNAL);
        // A socket may still be the one of the process before.
        match node.filter(|node| node.pid == pid).map(|node| node.stage(holds_partitions)) {
            None | Some(NodeStage::Launching) => Stage::Launching,
            Some(NodeStage::Recovering { logs, segments }) => Stage::Recovering { logs, segments },
            Some(NodeStage::Joining) => Stage::Joining,
            Some(NodeStage::Ready) => Stage::Ready,
        }
    }

    /// How the process ended and, where its log tells, why and what to do.
    fn cause_of_exit(&self, status: &UnitStatus) -> String {
        let how = status.last_exit.as_ref().map(|exit| exit.reason.to_string());
        let how = how.unwrap_or_else(|| "ended".to_owned());
        let tails = [self.folders.server_log(), self.folders.console_log()];
        let tail: String = tails.iter().map(|path| crate::logs::tail(path, 200)).collect();
        match start_errors::recognise(&tail) {
            Some(error) => format!("{how}: {} ({})", error.cause, error.cause.fix()),
            None => how,
        }
    }

    fn show_process(&self, status: &UnitStatus, node: Option<&NodeStatus>) {
        let process =
            status.state.process().zip(self.launched.as_ref()).map(|(live, launched)| ProcessReport {
                pid: live.identity.pid,
                since: since(live.since),
                launch: launched.launch,
                broker_state: node.and_then(NodeStatus::broker_state),
                resident: resident(live.identity.pid),
            });
        let restarts = u32::try_from(status.incarnations.saturating_sub(1)).unwrap_or(u32::MAX);
        self.report.send_if_modified(|report| {
            let mut changed = report.restarts != restarts || report.failures != status.failures;
            (report.restarts, report.failures) = (restarts, status.failures);
            // Memory alone is no reason to report at once.
            let same = |a: &ProcessReport, b: &ProcessReport| {
                (a.pid, a.launch, a.broker_state) == (b.pid, b.launch, b.broker_state)
            };
            changed |= match (&report.process, &process) {
                (Some(before), Some(now)) => !same(before, now),
                (None, None) => false,
                (Some(_), None) | (None, Some(_)) => true,
            };
            report.process = process;
            if let (Some(certificate), Some(node)) = (&mut report.certificate, node) {
                certificate.served = node.served();
            }
            changed
        });
    }
}

/// The wall clock's time of a moment of the supervisor's clock.
fn since(moment: Duration) -> Timestamp {
    let age = monotonic_now().saturating_sub(moment);
    // Whole milliseconds, so that the same process is not reported anew for a few nanoseconds.
    let now = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN);
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Resident memory of a process (second field of `/proc/PID/statm`, in pages).
fn resident(pid: u32) -> Option<ByteCount> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    Some(ByteCount(pages * page))
}
