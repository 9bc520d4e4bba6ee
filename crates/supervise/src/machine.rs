//! The whole behaviour of one supervised process: events and monotonic time in, actions out.
//! No clock, no files, no processes; the shell in `task.rs` carries the actions out.

mod notice;
mod policy;
mod state;
mod stopping;
#[cfg(test)]
mod tests;

pub use notice::Notice;
pub use policy::RestartPolicy;
pub use state::{AfterStop, Live, Origin, Phase, Readiness, State, StopMode, StopRequest};

use std::time::Duration;

use crate::exit::ExitReason;
use crate::identity::ProcessIdentity;
use crate::status::LastExit;

/// While a stop waits for progress the machine wants to be woken this often, so that it can tell
/// a process that does nothing from a machine that was asleep.
const STOP_HEARTBEAT: Duration = Duration::from_secs(1);

/// A silence between two events longer than this means that we did not run ourselves (suspended
/// laptop, SIGSTOP to everything): such time is not held against a process that stops.
const UNOBSERVED_GAP: Duration = Duration::from_secs(5);

/// How long to wait before looking again for helpers that survived SIGKILL (blocked in the kernel).
const SWEEP_AGAIN: Duration = Duration::from_secs(1);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The process is wanted.
    Start,
    /// The process is not wanted.
    Stop(StopRequest),
    /// The process is wanted anew: stopped like this, then started.
    Restart(StopRequest),
    /// A [`Action::Spawn`] led to this process.
    Spawned {
        /// Which one.
        identity: ProcessIdentity,
    },
    /// A [`Action::Spawn`] led to none.
    SpawnFailed {
        /// Why.
        message: String,
    },
    /// A process of an earlier supervisor was found alive. Only an idle unit adopts.
    Adopted {
        /// Which one.
        identity: ProcessIdentity,
        /// When it started, on this machine's clock.
        since: Duration,
    },
    /// The caller found that process ready for its work.
    Ready {
        /// Of [`Live::incarnation`]; what is said about another one is stale and ignored.
        incarnation: u64,
    },
    /// The caller found that process not ready.
    NotReady {
        /// Of [`Live::incarnation`].
        incarnation: u64,
        /// What it waits for or lacks.
        reason: String,
    },
    /// An observation of how far a stopping process is; any change counts as progress.
    Progress(u64),
    /// The process ended.
    Exited(ExitReason),
    /// The session of an ended process was cleared of helpers.
    Swept {
        /// Whose.
        incarnation: u64,
        /// How many are still there.
        left: u32,
    },
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start the program; answer [`Event::Spawned`] or [`Event::SpawnFailed`].
    Spawn {
        /// The number of the process to be.
        incarnation: u64,
    },
    /// Send SIGTERM.
    Terminate,
    /// Send SIGKILL.
    Kill,
    /// Kill what the ended process left in its session; answer [`Event::Swept`].
    Sweep {
        /// Whose session.
        incarnation: u64,
    },
    /// Tell whoever listens.
    Report(Notice),
}

/// The machine of one unit.
#[derive(Debug, Clone)]
pub struct Unit {
    policy: RestartPolicy,
    state: State,
    incarnation: u64,
    failures: u32,
    restarts: u32,
    last_exit: Option<LastExit>,
    seen: Duration,
}

impl Unit {
    /// A unit without a process.
    pub fn new(policy: RestartPolicy, now: Duration) -> Self {
        Self {
            policy,
            state: State::Idle,
            incarnation: 0,
            failures: 0,
            restarts: 0,
            last_exit: None,
            seen: now,
        }
    }

    /// Where it is.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Processes started or adopted so far.
    pub fn incarnations(&self) -> u64 {
        self.incarnation
    }

    /// Unexpected ends after which it is started again, of all its life. Starts that were asked for are none.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Unexpected ends since the last long healthy run: what makes a crash loop visible.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How and when the last process ended.
    pub fn last_exit(&self) -> Option<&LastExit> {
        self.last_exit.as_ref()
    }

    /// When to send [`Event::Tick`] if nothing else happens before.
    pub fn wake_at(&self) -> Option<Duration> {
        match &self.state {
            State::BackingOff { until, .. } => Some(*until),
            State::Stopping { phase, .. } => match phase {
                Phase::Terminating { kill_at, .. } => {
                    Some((*kill_at).min(self.seen.saturating_add(STOP_HEARTBEAT)))
                }
                Phase::Killing { .. } => None,
                Phase::Sweeping { again_at, .. } => *again_at,
            },
            State::Idle
            | State::Spawning { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Stopped { .. }
            | State::Failed { .. } => None,
        }
    }

    /// Takes one event at `now`; time that goes backwards is taken as standing still.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        let now = now.max(self.seen);
        self.forgive_unobserved(now.saturating_sub(self.seen));
        self.seen = now;
        let mut actions = Vec::new();
        match event {
            Event::Start => self.on_start(&mut actions),
            Event::Stop(request) => self.on_stop(request, AfterStop::Rest, &mut actions),
            Event::Restart(request) => self.on_restart(request, &mut actions),
            Event::Spawned { identity } => self.on_spawned(identity, &mut actions),
            Event::SpawnFailed { message } => self.on_spawn_failed(message, &mut actions),
            Event::Adopted { identity, since } => self.on_adopted(identity, since, &mut actions),
            Event::Ready { incarnation } => self.on_ready(incarnation, &mut actions),
            Event::NotReady { incarnation, reason } => self.on_not_ready(incarnation, reason),
            Event::Progress(value) => self.on_progress(value),
            Event::Exited(reason) => self.on_exited(reason, &mut actions),
            Event::Swept { incarnation, left } => self.on_swept(incarnation, left, &mut actions),
            Event::Tick => {}
        }
        self.act_on_time(&mut actions);
        actions
    }

    fn act_on_time(&mut self, actions: &mut Vec<Action>) {
        let now = self.seen;
        match &mut self.state {
            State::BackingOff { until, .. } if *until <= now => self.spawn(actions),
            State::Stopping { phase, process, since, .. } => match phase {
                Phase::Terminating { kill_at, progressed_at, .. } if *kill_at <= now => {
                    let quiet = now.saturating_sub(*progressed_at);
                    actions.push(Action::Report(Notice::KilledForNoProgress {
                        identity: process.identity.clone(),
                        quiet,
                        stopping: now.saturating_sub(*since),
                    }));
                    actions.push(Action::Kill);
                    *phase = Phase::Killing { since: now };
                }
                Phase::Sweeping { again_at, .. } if again_at.is_some_and(|at| at <= now) => {
                    *again_at = None;
                    actions.push(Action::Sweep { incarnation: process.incarnation });
                }
                Phase::Terminating { .. } | Phase::Killing { .. } | Phase::Sweeping { .. } => {}
            },
            State::BackingOff { .. }
            | State::Idle
            | State::Spawning { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Stopped { .. }
            | State::Failed { .. } => {}
        }
    }

    fn on_start(&mut self, actions: &mut Vec<Action>) {
        match &mut self.state {
            State::Idle | State::BackingOff { .. } | State::Stopped { .. } | State::Failed { .. } => {
                self.failures = 0;
                self.spawn(actions);
            }
            State::Spawning { stop, .. } => *stop = None,
            State::Stopping { then, .. } => *then = AfterStop::Start,
            State::Starting { .. } | State::Running { .. } => {}
        }
    }

    fn on_spawned(&mut self, identity: ProcessIdentity, actions: &mut Vec<Action>) {
        let now = self.seen;
        let State::Spawning { stop, .. } = &mut self.state else { return };
        let stop = stop.take();
        let process = Live { incarnation: self.incarnation, since: now, origin: Origin::Started, identity };
        actions.push(Action::Report(Notice::Started { identity: process.identity.clone() }));
        match stop {
            Some((request, after)) => self.begin_stop(process, request, after, actions),
            None => self.state = State::Starting { process, waiting_for: None },
        }
    }

    fn on_spawn_failed(&mut self, message: String, actions: &mut Vec<Action>) {
        let State::Spawning { stop, .. } = &mut self.state else { return };
        let stop = stop.take();
        let reason = ExitReason::NotStarted { message };
        actions.push(Action::Report(Notice::NotStarted { reason: reason.clone() }));
        self.last_exit = Some(LastExit { reason, at: self.seen, ran: Duration::ZERO });
        match stop {
            Some((_, AfterStop::Rest)) => self.state = State::Stopped { since: self.seen },
            Some((_, AfterStop::Start)) | None => self.fail(Duration::ZERO, actions),
        }
    }

    fn on_adopted(&mut self, identity: ProcessIdentity, since: Duration, actions: &mut Vec<Action>) {
        if !matches!(self.state, State::Idle) {
            return;
        }
        self.incarnation += 1;
        actions.push(Action::Report(Notice::Adopted { identity: identity.clone() }));
        let process = Live {
            incarnation: self.incarnation,
            since: since.min(self.seen),
            origin: Origin::Adopted,
            identity,
        };
        self.state = State::Starting { process, waiting_for: None };
    }

    fn on_ready(&mut self, incarnation: u64, actions: &mut Vec<Action>) {
        let now = self.seen;
        match &mut self.state {
            State::Starting { process, .. } if process.incarnation == incarnation => {
                actions.push(Action::Report(Notice::Ready {
                    identity: process.identity.clone(),
                    took: now.saturating_sub(process.since),
                }));
                let process = process.clone();
                self.state = State::Running { process, readiness: Readiness::Ready { since: now } };
            }
            State::Running { process, readiness: readiness @ Readiness::Lost { .. } }
                if process.incarnation == incarnation =>
            {
                *readiness = Readiness::Ready { since: now };
            }
            State::Starting { .. }
            | State::Running { .. }
            | State::Idle
            | State::Spawning { .. }
            | State::Stopping { .. }
            | State::BackingOff { .. }
            | State::Stopped { .. }
            | State::Failed { .. } => {}
        }
    }

    fn on_not_ready(&mut self, incarnation: u64, why: String) {
        let now = self.seen;
        match &mut self.state {
            State::Starting { process, waiting_for } if process.incarnation == incarnation => {
                *waiting_for = Some(why);
            }
            State::Running { process, readiness } if process.incarnation == incarnation => match readiness {
                Readiness::Ready { .. } => {
                    *readiness = Readiness::Lost { since: now, reason: why };
                }
                Readiness::Lost { reason, .. } => *reason = why,
            },
            State::Starting { .. }
            | State::Running { .. }
            | State::Idle
            | State::Spawning { .. }
            | State::Stopping { .. }
            | State::BackingOff { .. }
            | State::Stopped { .. }
            | State::Failed { .. } => {}
        }
    }

    fn on_exited(&mut self, reason: ExitReason, actions: &mut Vec<Action>) {
        let now = self.seen;
        let (process, stopping) = match &mut self.state {
            State::Starting { process, .. } | State::Running { process, .. } => (process.clone(), None),
            State::Stopping { process, phase, .. } => match phase {
                Phase::Terminating { .. } => (process.clone(), Some((phase, false))),
                Phase::Killing { .. } => (process.clone(), Some((phase, true))),
                Phase::Sweeping { .. } => return,
            },
            State::Idle
            | State::Spawning { .. }
            | State::BackingOff { .. }
            | State::Stopped { .. }
            | State::Failed { .. } => return,
        };
        let ran = now.saturating_sub(process.since);
        let asked = stopping.is_some();
        let reason = match stopping {
            Some((phase, we_killed)) => {
                *phase = Phase::Sweeping { since: now, again_at: None };
                reason.after_our_signal(we_killed)
            }
            None => reason,
        };
        self.last_exit = Some(LastExit { reason: reason.clone(), at: now, ran });
        actions.push(Action::Sweep { incarnation: process.incarnation });
        actions.push(Action::Report(Notice::Ended { identity: process.identity, reason, ran, asked }));
        if !asked {
            self.fail(ran, actions);
        }
    }

    /// An unexpected end after `ran`: again at once, again later, or not again.
    fn fail(&mut self, ran: Duration, actions: &mut Vec<Action>) {
        if ran >= self.policy.stable_after {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        if self.policy.gives_up(self.failures) {
            actions.push(Action::Report(Notice::GaveUp { failures: self.failures }));
            self.state = State::Failed { since: self.seen, failures: self.failures };
            return;
        }
        self.restarts = self.restarts.saturating_add(1);
        let delay = self.policy.delay(self.failures);
        if delay.is_zero() {
            self.spawn(actions);
        } else {
            actions.push(Action::Report(Notice::BackingOff { failures: self.failures, delay }));
            self.state =
                State::BackingOff { until: self.seen.saturating_add(delay), failures: self.failures };
        }
    }

    fn spawn(&mut self, actions: &mut Vec<Action>) {
        self.incarnation += 1;
        self.state = State::Spawning { since: self.seen, stop: None };
        actions.push(Action::Spawn { incarnation: self.incarnation });
    }
}
