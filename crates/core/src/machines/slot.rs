//! One slot on its host as a machine: when it must be looked at, what is done for it, what is told of it.
//!
//! Around the decisions of [`reconcile()`] it keeps what was tried, what failed, and when to try again. It has no clock
//! and no disk: moments are handed in as the time since some fixed one. Whoever drives it asks [`SlotMachine::due`] and
//! does as that says; target, process and the answers to acts come in whenever they come.

mod stage;

use std::time::Duration;

use jiff::Timestamp;

use super::reconcile::{Action, Holder, Next, SlotFacts, reconcile};
use crate::api::{PermitAnswer, PermitWanted};
use crate::model::inventory::{CertificateReport, ProcessReport, SlotReport, Stage};
use crate::model::target::{RunState, SlotTarget};
use crate::model::{ClusterId, ClusterName, HostId, Sha256, SlotName};
use crate::mutant::{Mutant, is_on};
pub use stage::{NodeStage, NodeWord, UnitLook};

/// How often a node that is not at rest in its target is looked at.
const LOOK_SOON: Duration = Duration::from_millis(100);
/// How often a node that is ready, or down as it shall be, is looked at.
const LOOK_LATER: Duration = Duration::from_secs(2);
/// How often everything on the disk is looked at although nothing changed: certificates come of age.
const LOOK_AT_ALL: Duration = Duration::from_secs(60);
/// How often the disk is looked at while a process stops; its end is told at once, this is for one that is not.
const ASK_AFTER_STOP: Duration = Duration::from_secs(1);
/// The pause before an action that failed is tried again.
pub const TRY_AGAIN: Duration = Duration::from_secs(3);

/// How long after it was asked for a permit may be used. The server looks at Kafka for it; what took longer speaks of a
/// cluster that may have changed: a broker's session ends after 9 s.
const PERMIT_LASTS: Duration = Duration::from_secs(8);

/// How long a node of a cluster that goes down as a whole may make no progress. The last ones may find no quorum
/// left to hand over to, and would wait out Kafka's five minutes; killed then, they lose nothing but the time to
/// read their logs at the next start.
const PATIENCE_WITH_STOPPED: Duration = Duration::from_secs(45);
/// The same where the data is deleted next.
const PATIENCE_WITH_REMOVED: Duration = Duration::from_secs(5);
/// How long a node that is replaced may make no progress: above the five minutes that Kafka itself gives a controlled
/// shutdown (`KafkaBroker.shutdown`).
const PATIENCE_WITH_REPLACED: Duration = Duration::from_secs(330);

/// Which slot, and who keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotKey {
    /// Its cluster.
    pub cluster: ClusterId,
    /// The cluster's name, for certificates and people.
    pub cluster_name: ClusterName,
    /// The slot.
    pub slot: SlotName,
    /// The host that holds its claim.
    pub host: HostId,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Look at everything, and tell [`SlotMachine::lap`].
    Lap,
    /// Look at the process, and tell [`SlotMachine::look`].
    Look,
    /// Nothing before this moment.
    At(Duration),
}

/// One effect. Those of one answer do not depend on each other; when all are done or one has failed, tell
/// [`SlotMachine::acted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Lay out Kafka and Klamm's jar, and find Java.
    Provide,
    /// Write the seeds into the data directories that have none, claim them, and note it in the ledger.
    Format,
    /// Make a key, have it certified, and put the new generation in force.
    Certify {
        /// Why.
        reason: String,
    },
    /// Write the files of the target.
    WriteFiles,
    /// Start the process.
    Launch,
    /// Ask the server, and tell [`SlotMachine::permit_answered`].
    AskPermit(PermitWanted),
    /// Ask the process to end, and kill it when it makes no progress for so long.
    Stop {
        /// Why.
        by: String,
        /// How long no progress is tolerated.
        patience: Duration,
    },
    /// Delete what is the slot's own.
    Delete,
}

/// An act that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What failed, on which object, because of what.
    pub reason: String,
    /// Whether trying again will hardly help: a run that waits for it had better stop and say so.
    pub needs_a_person: bool,
}

/// What a look at everything found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is decided upon.
    pub facts: SlotFacts,
    /// The certificate on the disk; what the process serves is told by [`SlotMachine::look`].
    pub certificate: Option<CertificateReport>,
}

/// What a look at the process found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What its supervisor says.
    pub unit: UnitLook,
    /// What the observer in it says; none while it does not answer.
    pub node: Option<NodeWord>,
    /// How often the process came back by itself since the agent started.
    pub restarts: u32,
    /// How often in a row it ended by itself.
    pub failures: u32,
}

/// What the supervisor of the process must be told after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// The process was found ready for its work.
    Ready {
        /// Which one of the unit's processes.
        incarnation: u64,
    },
    /// How far a stopping process is; any change is progress.
    Progress(u64),
}

/// Acts that were handed out and are not answered yet.
#[derive(Debug, Clone)]
struct Acting {
    actions: Vec<Action>,
    /// When a permit was asked, while it is not answered.
    asked: Option<Duration>,
    /// How far it is, as whoever acts says.
    progress: Option<Stage>,
}

/// The machine of one slot.
#[derive(Debug, Clone)]
pub struct SlotMachine {
    key: SlotKey,
    target: SlotTarget,
    /// Of the target: a digest that every look compares.
    launch: Sha256,
    lap_at: Duration,
    look_at: Duration,
    acting: Option<Acting>,
    /// What was done last, and succeeded.
    done: Vec<Action>,
    /// Why the last act failed, or nothing can be done.
    trouble: Option<Failure>,
    /// Whether the last lap found all as the target says.
    settled: bool,
    /// None before the first look: a process that nobody has looked for is not absent.
    unit: Option<UnitLook>,
    heard: Option<stage::Heard>,
    report: SlotReport,
}

impl SlotMachine {
    /// A machine that has seen nothing yet.
    pub fn new(key: SlotKey, target: SlotTarget) -> Self {
        Self {
            key,
            launch: target.launch(),
            target,
            lap_at: Duration::ZERO,
            look_at: Duration::ZERO,
            acting: None,
            done: Vec::new(),
            trouble: None,
            settled: false,
            unit: None,
            heard: None,
            report: SlotReport::waiting(),
        }
    }

    /// Which slot.
    pub fn key(&self) -> &SlotKey {
        &self.key
    }

    /// What it shall be.
    pub fn target(&self) -> &SlotTarget {
        &self.target
    }

    /// What is told of it.
    pub fn report(&self) -> &SlotReport {
        &self.report
    }

    /// Why it cannot go on, or what failed last and is tried again.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|failure| failure.reason.as_str())
    }

    /// Whether acts are under way.
    pub fn is_acting(&self) -> bool {
        self.acting.is_some()
    }

    /// What is due at `now`: the process first of all. While acts are under way it is looked at on.
    pub fn due(&self, now: Duration) -> Due {
        if self.unit.is_none() {
            return Due::Look;
        }
        let lap_at = if self.acting.is_some() { Duration::MAX } else { self.lap_at };
        if lap_at <= now {
            Due::Lap
        } else if self.look_at <= now {
            Due::Look
        } else {
            Due::At(lap_at.min(self.look_at))
        }
    }

    /// Takes a new target. Acts that are under way are void: whoever does them leaves off.
    pub fn set_target(&mut self, target: SlotTarget, now: Duration) {
        let missed = self.acting.is_some() && is_on(Mutant::MissesTargets);
        if target != self.target && !missed {
            self.launch = target.launch();
            self.target = target;
            self.acting = None;
            self.done.clear();
            self.trouble = None;
            self.settled = false;
            self.process_changed(now);
        }
    }

    /// The supervisor says that something about the process changed.
    pub fn process_changed(&mut self, now: Duration) {
        self.lap_at = self.lap_at.min(now);
        self.look_at = self.look_at.min(now);
    }

    /// Takes a look at everything, or why it failed, and answers what to do.
    pub fn lap(&mut self, found: Result<Found, String>, now: Duration) -> Vec<Act> {
        self.look_at = self.look_at.min(now);
        let next = match found {
            Ok(Found { facts, certificate }) => {
                let served = self.report.certificate.take().map(|report| report.served).unwrap_or_default();
                self.report.certificate =
                    certificate.map(|certificate| CertificateReport { served, ..certificate });
                let holder = Holder { cluster: self.key.cluster, host: &self.key.host };
                reconcile(holder, &self.target, &facts)
            }
            Err(reason) => Next::Blocked { reason },
        };
        self.settled = next == Next::Settled;
        let acts = match next {
            Next::Settled => {
                self.trouble = None;
                self.done.clear();
                self.lap_at = now.saturating_add(LOOK_AT_ALL);
                Vec::new()
            }
            Next::AwaitStop => {
                self.lap_at = now.saturating_add(ASK_AFTER_STOP);
                Vec::new()
            }
            Next::Blocked { reason } => {
                self.fail(Failure { reason, needs_a_person: true }, now);
                Vec::new()
            }
            // What was done and is wanted again at once had no effect: going on would be a tight loop.
            Next::Do(actions) if actions == self.done => {
                let reason = format!("{actions:?} was done and did not help");
                self.fail(Failure { reason, needs_a_person: true }, now);
                Vec::new()
            }
            Next::Do(actions) => self.begin(actions, now),
        };
        self.show(now);
        acts
    }

    fn begin(&mut self, actions: Vec<Action>, now: Duration) -> Vec<Act> {
        let acts = actions.iter().map(|action| self.act(action)).collect();
        let asked = actions.contains(&Action::Replace).then_some(now);
        self.acting = Some(Acting { actions, asked, progress: None });
        acts
    }

    fn act(&self, action: &Action) -> Act {
        match action {
            Action::Provide => Act::Provide,
            Action::Format => Act::Format,
            Action::Certify { reason } => Act::Certify { reason: reason.clone() },
            Action::WriteFiles => Act::WriteFiles,
            Action::Launch => Act::Launch,
            // The one way in which a running node is stopped to be started anew: with a permit of this very moment,
            // however old the target is. With the server away nothing is stopped.
            Action::Replace if is_on(Mutant::StopsUnasked) => {
                Act::Stop { by: String::new(), patience: PATIENCE_WITH_REPLACED }
            }
            Action::Replace => Act::AskPermit(PermitWanted {
                cluster: self.key.cluster,
                slot: self.key.slot.clone(),
                launch: self.launch,
            }),
            Action::Stop { reason } => {
                let patience = match self.target.run {
                    RunState::Removed => PATIENCE_WITH_REMOVED,
                    RunState::Running | RunState::Stopped => PATIENCE_WITH_STOPPED,
                };
                Act::Stop { by: reason.clone(), patience }
            }
            Action::Delete => Act::Delete,
        }
    }

    /// Takes the answer to [`Act::AskPermit`], and answers what to do; then [`SlotMachine::acted`] is due, but after a
    /// refusal, which needs none.
    pub fn permit_answered(&mut self, answer: Result<PermitAnswer, Failure>, now: Duration) -> Vec<Act> {
        let Some(asked) = self.acting.as_mut().and_then(|acting| acting.asked.take()) else {
            return Vec::new();
        };
        let slot = &self.key.slot;
        let failure = match answer {
            Ok(PermitAnswer { refused: None }) if now.saturating_sub(asked) <= PERMIT_LASTS => {
                let by = "its launch differs from the target's".to_owned();
                let patience = if is_on(Mutant::KillsTheSlow) { TRY_AGAIN } else { PATIENCE_WITH_REPLACED };
                return vec![Act::Stop { by, patience }];
            }
            Ok(PermitAnswer { refused: None }) => {
                let reason = format!("the permit to stop {slot} came too late to be used");
                Failure { reason, needs_a_person: false }
            }
            Ok(PermitAnswer { refused: Some(why) }) => {
                Failure { reason: format!("{slot} may not stop now: {why}"), needs_a_person: false }
            }
            Err(failure) => failure,
        };
        self.acted(Err(failure), now);
        Vec::new()
    }

    /// Takes how far the acts under way are: large downloads are watched.
    pub fn progress(&mut self, stage: Stage, now: Duration) {
        if let Some(acting) = &mut self.acting {
            acting.progress = Some(stage);
            self.show(now);
        }
    }

    /// Takes what came of the acts under way; an answer to void ones is ignored.
    pub fn acted(&mut self, outcome: Result<(), Failure>, now: Duration) {
        let Some(Acting { actions, asked: _, progress: _ }) = self.acting.take() else { return };
        match outcome {
            Ok(()) => {
                self.done = actions;
                self.trouble = None;
                self.lap_at = now;
            }
            Err(failure) => self.fail(failure, now),
        }
        self.show(now);
    }

    fn fail(&mut self, failure: Failure, now: Duration) {
        self.done.clear();
        self.trouble = Some(failure);
        let pause = if is_on(Mutant::NeverTriesAgain) { Duration::MAX } else { TRY_AGAIN };
        self.lap_at = now.saturating_add(pause);
    }
}

impl Acting {
    /// What is being done, for people; none where the process itself tells.
    fn stage(&self) -> Option<Stage> {
        if self.progress.is_some() {
            return self.progress.clone();
        }
        let step = self.actions.iter().find_map(|action| match action {
            Action::Provide => Some("making Kafka and Java ready"),
            Action::Format => Some("formatting the data directories"),
            Action::Certify { .. } => Some("making a key and a certificate"),
            Action::WriteFiles => Some("writing files"),
            Action::Replace => Some("asking whether it may stop now"),
            Action::Delete => Some("deleting its folders"),
            Action::Launch | Action::Stop { .. } => None,
        });
        match step {
            Some(step) => Some(Stage::Preparing { step: step.to_owned() }),
            None => self.actions.contains(&Action::Launch).then_some(Stage::Launching),
        }
    }
}

#[cfg(test)]
mod tests;
