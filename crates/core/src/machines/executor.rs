//! The executor: does the steps of one run, one at a time. Looks in, actions out; whoever drives it does each action
//! durably before asking for the next, so that anybody can go on after any crash.

mod patience;
mod standing;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::api::{RunView, StepState, StepView};
use crate::model::inventory::{Inventory, Stage};
use crate::model::plan::Act;
use crate::model::run::{JournalEntry, Run, RunState};
use crate::model::target::Target;
use crate::model::{Moment, SlotName};
use crate::mutant::{Mutant, is_on};
use patience::Patience;
use step::{Decision, Move, Situation};

pub use patience::{PATIENCE_WITH_STUCK, STANDSTILL};
pub(crate) use standing::CRASHES;

/// How long an act inside Kafka that fails, or does not show, is repeated before the run stops: a cluster that has just
/// formed answers with election errors for a while.
pub const INSIDE_KAFKA: Duration = Duration::from_secs(60);

/// The pause before what only a look at Kafka can tell is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The pause where a report is waited for, which wakes whoever drives the machine: the age of reports still counts.
const REPORT_WAKES: Duration = Duration::from_secs(1);

/// What the executor is shown.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The target in force.
    pub current: Option<&'a Target>,
    /// What was observed; with a look at Kafka where [`Executor::needs_kafka`] asked for one.
    pub inventory: &'a Inventory,
}

/// What is done inside Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsideKafka {
    /// An act of the plan.
    Act(Act),
    /// Let the preferred replica lead again: nothing is lost by it.
    ElectPreferred {
        /// Topics and indexes.
        partitions: BTreeSet<(String, i32)>,
    },
}

impl InsideKafka {
    /// One line for people.
    pub fn title(&self) -> String {
        match self {
            Self::Act(act) => act.title(),
            Self::ElectPreferred { partitions } => {
                format!("give back the lead of {} partitions", partitions.len())
            }
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make this target current, together with its line in the journal; tell the agents.
    Publish {
        /// The target; names its parent.
        target: Box<Target>,
        /// Why.
        entry: JournalEntry,
    },
    /// Write the entry, where there is one, then do this and tell [`Executor::inside_kafka_answered`].
    InsideKafka {
        /// What.
        call: InsideKafka,
        /// Only with the first attempt.
        entry: Option<JournalEntry>,
    },
    /// Write down how far the run has come.
    Progress {
        /// The step that is next.
        next_step: usize,
        /// Where the run is.
        state: RunState,
        /// Its line in the journal.
        entry: Option<JournalEntry>,
    },
    /// Look again after this time, or earlier when a host reports.
    Wait {
        /// How long.
        again_in: Duration,
    },
    /// The run has ended, and that is written down.
    Ended,
}

/// One run on its way.
#[derive(Debug, Clone)]
pub struct Executor {
    run: Run,
    /// What the step in hand waits for, one line; empty before its first look.
    waits_for: String,
    slots: BTreeMap<SlotName, Stage>,
    patience: Patience,
    attempt: Option<Attempt>,
    /// Why the run must end at the next decision.
    ending: Option<RunState>,
}

/// An act inside Kafka that does not show yet.
#[derive(Debug, Clone)]
struct Attempt {
    since: Duration,
    /// What came of the last one, and when; none while the answer is out.
    last: Option<(Duration, String)>,
}

impl Executor {
    /// Takes a run up at its next step.
    pub fn new(mut run: Run, now: Moment) -> Self {
        if run.next_step > 0 && is_on(Mutant::ForgetsTheRun) {
            run.next_step = run.plan.steps.len();
        }
        Self {
            run,
            waits_for: String::new(),
            slots: BTreeMap::new(),
            patience: Patience::from(now.elapsed),
            attempt: None,
            ending: None,
        }
    }

    /// The run as it stands; what is durable is at most one action behind.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Whether the next decision is made from what Kafka shows. A look takes seconds where Kafka does not answer, so none
    /// is asked for while something else is still missing.
    pub fn needs_kafka(&self, look: &Look<'_>, now: Moment) -> bool {
        if self.run.state != RunState::Running || self.ending.is_some() {
            return false;
        }
        let Some(step) = self.run.plan.steps.get(self.run.next_step) else { return false };
        step::needs_kafka(step, &self.situation(look, now))
    }

    /// Whether that look must also ask each broker for its settings, as reading back an alteration needs.
    pub fn needs_settings(&self) -> bool {
        let step = self.run.plan.steps.get(self.run.next_step);
        step.is_some_and(|step| matches!(step.act, Act::Alter { .. }))
    }

    /// Decides. Each action must be done, or told of as [`Executor::not_done`], before the next call.
    pub fn next(&mut self, look: &Look<'_>, now: Moment) -> Action {
        if self.run.state != RunState::Running {
            return Action::Ended;
        }
        self.see(look);
        if let Some(state) = self.ending.take() {
            return self.end(state);
        }
        let Some(step) = self.run.plan.steps.get(self.run.next_step) else { return self.end(RunState::Done) };
        let Decision { progress, stuck, next, by_kafka } = step::decide(step, &self.situation(look, now));
        for line in progress {
            self.patience.note(line, now.elapsed);
        }
        if let Some(reason) = self.patience.believes(stuck, now.elapsed) {
            if is_on(Mutant::GoesOnAfterFailure) {
                return self.step_done(now);
            }
            return self.end(RunState::Failed { reason });
        }
        match next {
            Move::Done => self.step_done(now),
            Move::Publish(target) => {
                let event = format!("target {} for {}", target.number, step.act.title());
                Action::Publish { target, entry: self.run.entry(&self.run.actor, event) }
            }
            Move::InsideKafka(call) => self.attempt(call, now),
            Move::Wait { waits_for } => {
                self.waits_for = waits_for;
                match self.patience.standstill(now.elapsed) {
                    Some(minutes) => {
                        let reason = format!("nothing has changed for {minutes} minutes: {}", self.waits_for);
                        self.end(RunState::Failed { reason })
                    }
                    None => Action::Wait { again_in: if by_kafka { LOOK_AGAIN } else { REPORT_WAKES } },
                }
            }
        }
    }

    /// Kafka's answer to [`Action::InsideKafka`]; whether it took is for the next look to say.
    pub fn inside_kafka_answered(&mut self, answer: Result<(), String>, now: Moment) {
        if let Some(attempt) = &mut self.attempt {
            let answer = answer.err().unwrap_or_else(|| "accepted, and does not show yet".to_owned());
            self.waits_for.clone_from(&answer);
            attempt.last = Some((now.elapsed, answer));
        }
    }

    /// The last action could not be done: the run ends, as durably as it can.
    pub fn not_done(&mut self, reason: String) {
        self.ending = Some(RunState::Failed { reason });
    }

    /// A person wants the run to end. It does at its next decision, between two acts; the target in force stays as it is,
    /// and agents go on to obey it.
    pub fn abort(&mut self, by: String) {
        self.ending = Some(RunState::Aborted { by });
    }

    /// As a person sees it.
    pub fn view(&self) -> RunView {
        let at = |index: usize| -> StepState {
            let next = self.run.next_step;
            match (&self.run.state, index.cmp(&next)) {
                (RunState::Done, _) | (_, std::cmp::Ordering::Less) => StepState::Done,
                (RunState::Failed { .. }, std::cmp::Ordering::Equal) => StepState::Failed,
                (RunState::Aborted { .. }, std::cmp::Ordering::Equal) => StepState::Aborted,
                (RunState::Running, std::cmp::Ordering::Equal) if !self.waits_for.is_empty() => {
                    StepState::Running { waits_for: self.waits_for.clone() }
                }
                (RunState::Running | RunState::Failed { .. } | RunState::Aborted { .. }, _) => {
                    StepState::Pending
                }
            }
        };
        let steps = self.run.plan.steps.iter().enumerate();
        RunView {
            run: self.run.id,
            cluster: self.run.plan.cluster.clone(),
            state: self.run.state.clone(),
            steps: steps
                .map(|(index, step)| StepView { title: step.act.title(), state: at(index) })
                .collect(),
            slots: self.slots.clone(),
            started: self.run.started,
        }
    }

    fn situation<'a>(&'a self, look: &Look<'a>, now: Moment) -> Situation<'a> {
        Situation::new(*look, &self.run.goal, now.wall)
    }

    /// Remembers where the slots are, for people: also what was heard some time ago.
    fn see(&mut self, look: &Look<'_>) {
        let in_force = look.current.unwrap_or(&self.run.goal).slots();
        let stages = self.run.goal.slots().into_keys().filter_map(|slot| {
            let (host, _) = *in_force.get(slot)?;
            let report =
                look.inventory.hosts.get(host)?.value.clusters.get(&self.run.cluster)?.slots.get(slot)?;
            Some((slot.clone(), report.stage.clone()))
        });
        self.slots = stages.collect();
    }

    fn attempt(&mut self, call: InsideKafka, now: Moment) -> Action {
        let Some(attempt) = &self.attempt else {
            self.attempt = Some(Attempt { since: now.elapsed, last: None });
            self.waits_for = "Kafka to answer".to_owned();
            let entry = self.run.entry(&self.run.actor, call.title());
            return Action::InsideKafka { call, entry: Some(entry) };
        };
        match &attempt.last {
            Some((_, answer)) if now.elapsed.saturating_sub(attempt.since) > INSIDE_KAFKA => {
                let reason = format!("{}: {answer}", call.title());
                self.end(RunState::Failed { reason })
            }
            Some((at, _)) if now.elapsed.saturating_sub(*at) < LOOK_AGAIN => {
                Action::Wait { again_in: LOOK_AGAIN }
            }
            Some(_) | None => Action::InsideKafka { call, entry: None },
        }
    }

    fn step_done(&mut self, now: Moment) -> Action {
        self.run.next_step += 1;
        self.patience = Patience::from(now.elapsed);
        self.attempt = None;
        self.waits_for.clear();
        if self.run.next_step == self.run.plan.steps.len() {
            return self.end(RunState::Done);
        }
        Action::Progress { next_step: self.run.next_step, state: RunState::Running, entry: None }
    }

    fn end(&mut self, state: RunState) -> Action {
        self.run.state = state.clone();
        let event = match &state {
            RunState::Running | RunState::Done => "done".to_owned(),
            RunState::Failed { reason } => format!("failed: {reason}"),
            RunState::Aborted { by } => format!("aborted by {by}"),
        };
        let entry = Some(self.run.entry("executor", event));
        Action::Progress { next_step: self.run.next_step, state, entry }
    }
}

#[cfg(test)]
mod tests;
