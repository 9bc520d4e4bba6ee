//! Stops: asking, patience, force, and clearing away what is left.

use std::time::Duration;

use super::{
    Action, AfterStop, Live, Notice, Phase, SWEEP_AGAIN, State, StopMode, StopRequest, UNOBSERVED_GAP, Unit,
};

impl Unit {
    /// Moves the deadline of a stop by time in which nobody could observe progress.
    pub(super) fn forgive_unobserved(&mut self, gap: Duration) {
        if gap < UNOBSERVED_GAP {
            return;
        }
        if let State::Stopping { phase: Phase::Terminating { kill_at, .. }, .. } = &mut self.state {
            *kill_at = kill_at.saturating_add(gap);
        }
    }

    pub(super) fn on_stop(&mut self, request: StopRequest, after: AfterStop, actions: &mut Vec<Action>) {
        let now = self.seen;
        match &mut self.state {
            State::Idle | State::Stopped { .. } => {}
            State::BackingOff { .. } | State::Failed { .. } => {
                self.failures = 0;
                self.state = State::Stopped { since: now };
            }
            State::Spawning { stop, .. } => *stop = Some((request, after)),
            State::Starting { process, .. } | State::Running { process, .. } => {
                let process = process.clone();
                self.begin_stop(process, request, after, actions);
            }
            State::Stopping { request: asked, phase, then, process, .. } => {
                *then = after;
                match (phase, request.mode) {
                    (phase @ Phase::Terminating { .. }, StopMode::Now) => {
                        actions.push(Action::Report(Notice::KilledAsAsked {
                            identity: process.identity.clone(),
                            by: request.by.clone(),
                        }));
                        actions.push(Action::Kill);
                        *phase = Phase::Killing { since: now };
                        *asked = request;
                    }
                    (
                        Phase::Terminating { progressed_at, kill_at, .. },
                        StopMode::Graceful { no_progress_limit },
                    ) => {
                        // The latest wish counts, but never shortens the time already promised.
                        *kill_at = (*kill_at).max(progressed_at.saturating_add(no_progress_limit));
                        *asked = request;
                    }
                    (
                        Phase::Killing { .. } | Phase::Sweeping { .. },
                        StopMode::Now | StopMode::Graceful { .. },
                    ) => {}
                }
            }
        }
    }

    pub(super) fn on_restart(&mut self, request: StopRequest, actions: &mut Vec<Action>) {
        match &self.state {
            State::Idle | State::Stopped { .. } | State::Failed { .. } | State::BackingOff { .. } => {
                self.on_start(actions)
            }
            State::Spawning { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Stopping { .. } => self.on_stop(request, AfterStop::Start, actions),
        }
    }

    pub(super) fn on_progress(&mut self, value: u64) {
        let now = self.seen;
        let State::Stopping {
            request: StopRequest { mode: StopMode::Graceful { no_progress_limit }, .. },
            phase: Phase::Terminating { progress, progressed_at, kill_at },
            ..
        } = &mut self.state
        else {
            return;
        };
        // The first observation is only what later ones are compared with.
        if progress.replace(value).is_some_and(|before| before != value) {
            *progressed_at = now;
            *kill_at = (*kill_at).max(now.saturating_add(*no_progress_limit));
        }
    }

    pub(super) fn on_swept(&mut self, incarnation: u64, left: u32, actions: &mut Vec<Action>) {
        let now = self.seen;
        let State::Stopping { process, phase: Phase::Sweeping { again_at, .. }, then, .. } = &mut self.state
        else {
            return;
        };
        if process.incarnation != incarnation {
            return;
        }
        if left > 0 {
            *again_at = Some(now + SWEEP_AGAIN);
            let identity = process.identity.clone();
            actions.push(Action::Report(Notice::HelpersLeft { identity, left }));
            return;
        }
        self.failures = 0;
        match then {
            AfterStop::Rest => self.state = State::Stopped { since: now },
            AfterStop::Start => self.spawn(actions),
        }
    }

    pub(super) fn begin_stop(
        &mut self,
        process: Live,
        request: StopRequest,
        then: AfterStop,
        actions: &mut Vec<Action>,
    ) {
        let now = self.seen;
        let phase = match request.mode {
            StopMode::Graceful { no_progress_limit } => {
                actions.push(Action::Terminate);
                Phase::Terminating {
                    progress: None,
                    progressed_at: now,
                    kill_at: now.saturating_add(no_progress_limit),
                }
            }
            StopMode::Now => {
                actions.push(Action::Report(Notice::KilledAsAsked {
                    identity: process.identity.clone(),
                    by: request.by.clone(),
                }));
                actions.push(Action::Kill);
                Phase::Killing { since: now }
            }
        };
        self.state = State::Stopping { process, since: now, request, phase, then };
    }
}
