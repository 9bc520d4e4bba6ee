//! Where a slot is, from what its supervisor and its observer say and what is done for it.

use super::*;

/// How long a node counts as what it last said it was while its observer does not answer. A long pause of the collector,
/// or of the whole machine, must not make a node that serves look like one that starts.
const WORD_LASTS: Duration = Duration::from_secs(10);

/// Two moments that are no further apart are one: the wall clock is read anew for each.
const SAME_MOMENT: Duration = Duration::from_millis(500);

/// The process as its supervisor knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitLook {
    /// There is none, and none is coming.
    AtRest,
    /// It is being made.
    Spawning,
    /// It lives.
    Live {
        /// What is told of it; [`ProcessReport::broker_state`] is taken from the observer's word.
        process: ProcessReport,
        /// Which one of the unit's processes.
        incarnation: u64,
        /// Whether the supervisor knows it as ready.
        known_ready: bool,
    },
    /// It was asked to end.
    Stopping {
        /// What is told of it, while it is there.
        process: Option<ProcessReport>,
    },
    /// It ended by itself and is started again.
    BackingOff {
        /// How it ended and, where the log tells, why.
        cause: String,
        /// When it is started again.
        retry_at: Timestamp,
    },
}

/// Where a live node is, by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeStage {
    /// Nothing of Kafka is there yet.
    Launching,
    /// It loads its logs.
    Recovering {
        /// Logs left.
        logs: Option<u64>,
        /// Segments left.
        segments: Option<u64>,
    },
    /// It catches up and registers.
    Joining,
    /// It does its work.
    Ready,
}

/// What the observer in a node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeWord {
    /// The process that says it: the socket may still be the one of the process before.
    pub pid: u32,
    /// Where it is.
    pub stage: NodeStage,
    /// Kafka's `BrokerState`; none where there is none.
    pub broker_state: Option<u8>,
    /// Serial numbers of the certificates that it serves.
    pub served: std::collections::BTreeSet<String>,
    /// A number that changes while a stopping node gets on.
    pub stop_progress: u64,
}

/// The last word of the process that lives.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    word: NodeWord,
    at: Duration,
}

impl SlotMachine {
    /// Takes a look at the process, and answers what its supervisor must be told.
    pub fn look(&mut self, look: Look, now: Duration) -> Option<Tell> {
        let Look { unit, node, restarts, failures } = look;
        let unit = self.with_steady_times(unit);
        let process = match &unit {
            UnitLook::Live { process, .. } | UnitLook::Stopping { process: Some(process) } => {
                Some(process.clone())
            }
            UnitLook::AtRest
            | UnitLook::Spawning
            | UnitLook::Stopping { process: None }
            | UnitLook::BackingOff { .. } => None,
        };
        let pid = process.as_ref().map(|process| process.pid);
        let fresh = node.filter(|word| Some(word.pid) == pid);
        let answered = fresh.is_some();
        if let Some(word) = fresh {
            self.heard = Some(Heard { word, at: now });
        }
        self.heard = self.heard.take().filter(|heard| Some(heard.word.pid) == pid);
        let word = self.heard.as_ref().and_then(|heard| heard.word(now));

        let tell = match (&unit, word) {
            (UnitLook::Live { incarnation, known_ready: false, .. }, Some(word))
                if word.stage == NodeStage::Ready =>
            {
                Some(Tell::Ready { incarnation: *incarnation })
            }
            (UnitLook::Stopping { .. }, Some(word)) if answered => Some(Tell::Progress(word.stop_progress)),
            (
                UnitLook::Live { .. }
                | UnitLook::Stopping { .. }
                | UnitLook::AtRest
                | UnitLook::Spawning
                | UnitLook::BackingOff { .. },
                _,
            ) => None,
        };

        let broker_state = word.and_then(|word| word.broker_state);
        self.report.process = process.map(|process| ProcessReport { broker_state, ..process });
        (self.report.restarts, self.report.failures) = (restarts, failures);
        if let (Some(certificate), Some(word)) = (&mut self.report.certificate, word) {
            certificate.served.clone_from(&word.served);
        }
        let settled = match &unit {
            UnitLook::AtRest => true,
            UnitLook::Live { .. } => answered && word.is_some_and(|word| word.stage == NodeStage::Ready),
            UnitLook::Spawning | UnitLook::Stopping { .. } | UnitLook::BackingOff { .. } => false,
        };
        self.unit = Some(unit);
        self.look_at = now.saturating_add(if settled { LOOK_LATER } else { LOOK_SOON });
        self.show(now);
        tell
    }

    /// Moments of the wall clock are computed anew at each look; the same one is not told twice for a millisecond.
    fn with_steady_times(&self, unit: UnitLook) -> UnitLook {
        let steady = |new: Timestamp, known: Timestamp| {
            if new.duration_since(known).unsigned_abs() < SAME_MOMENT { known } else { new }
        };
        let known = |process: ProcessReport| match &self.report.process {
            Some(known) if known.pid == process.pid => {
                ProcessReport { since: steady(process.since, known.since), ..process }
            }
            Some(_) | None => process,
        };
        match unit {
            UnitLook::Live { process, incarnation, known_ready } => {
                UnitLook::Live { process: known(process), incarnation, known_ready }
            }
            UnitLook::Stopping { process } => UnitLook::Stopping { process: process.map(known) },
            UnitLook::BackingOff { cause, retry_at } => match &self.unit {
                Some(UnitLook::BackingOff { retry_at: known, .. }) => {
                    UnitLook::BackingOff { cause, retry_at: steady(retry_at, *known) }
                }
                Some(
                    UnitLook::AtRest | UnitLook::Spawning | UnitLook::Live { .. } | UnitLook::Stopping { .. },
                )
                | None => UnitLook::BackingOff { cause, retry_at },
            },
            UnitLook::AtRest => UnitLook::AtRest,
            UnitLook::Spawning => UnitLook::Spawning,
        }
    }

    /// Whether what is told differs from `told` in more than figures that change all the time.
    pub fn is_news(&self, told: &SlotReport) -> bool {
        let steady = |report: &SlotReport| {
            let mut report = report.clone();
            if let Some(process) = &mut report.process {
                process.resident = None;
            }
            report
        };
        steady(told) != steady(&self.report)
    }

    /// Tells where the slot is; what fails while a node does its work is a remark.
    pub(super) fn show(&mut self, now: Duration) {
        let trouble = self.trouble.as_ref();
        let troubled = |Failure { reason, needs_a_person }: &Failure| match needs_a_person {
            true => Stage::Blocked { reason: reason.clone() },
            false => Stage::Preparing { step: reason.clone() },
        };
        let doing = || self.acting.as_ref().and_then(Acting::stage);
        let mut remark = None;
        let Some(unit) = &self.unit else { return };
        let stage = match unit {
            UnitLook::AtRest => trouble.map(troubled).or_else(doing).or_else(|| self.stage_at_rest()),
            UnitLook::Spawning => Some(Stage::Launching),
            UnitLook::Live { process, .. } if process.launch != self.launch && self.is_wanted() => {
                trouble.map(troubled).or_else(doing).or_else(|| Some(self.stage_of_node(now)))
            }
            UnitLook::Live { .. } => {
                remark = trouble.map(|failure| failure.reason.clone());
                Some(self.stage_of_node(now))
            }
            UnitLook::Stopping { .. } => Some(Stage::Stopping),
            UnitLook::BackingOff { cause, retry_at } => {
                remark = trouble.map(|failure| failure.reason.clone());
                Some(Stage::Crashed { cause: cause.clone(), retry_at: *retry_at })
            }
        };
        self.report.remark = remark;
        if let Some(stage) = stage {
            self.report.stage = stage;
        }
    }

    /// None where the next look tells.
    fn stage_at_rest(&self) -> Option<Stage> {
        match self.target.run {
            RunState::Stopped if self.settled => Some(Stage::Stopped),
            RunState::Removed if self.settled => Some(Stage::Removed),
            RunState::Running | RunState::Stopped | RunState::Removed => None,
        }
    }

    fn is_wanted(&self) -> bool {
        self.target.run == RunState::Running
    }

    fn stage_of_node(&self, now: Duration) -> Stage {
        let Some(heard) = &self.heard else { return Stage::Launching };
        match heard.word(now).map(|word| &word.stage) {
            None => Stage::Preparing { step: "waiting for its observer, which answers no more".to_owned() },
            Some(NodeStage::Launching) => Stage::Launching,
            Some(NodeStage::Recovering { logs, segments }) => {
                Stage::Recovering { logs: *logs, segments: *segments }
            }
            Some(NodeStage::Joining) => Stage::Joining,
            Some(NodeStage::Ready) => Stage::Ready,
        }
    }
}

impl Heard {
    /// The word, while it counts.
    fn word(&self, now: Duration) -> Option<&NodeWord> {
        (now.saturating_sub(self.at) < WORD_LASTS).then_some(&self.word)
    }
}
