//! What happened, as lines that a person reads, as a digest that two runs are compared by, and as findings.

use std::fmt;
use std::time::Duration;

use klamm_core::model::Sha256;

use crate::command::Host;

/// Something that must never be, and was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// When.
    pub at: Duration,
    /// Which rule.
    pub rule: Rule,
    /// What was seen, with its objects.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, rule, what } = self;
        write!(f, "{:>9.3}s  {}: {what}", at.as_secs_f64(), rule.title())
    }
}

/// What must hold in every history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Never two processes of one slot.
    OneProcess,
    /// Ids never change and never come back.
    IdsStay,
    /// No running node is stopped without a permit that was given for it, or a target that wants it stopped.
    StopsArePermitted,
    /// A permit is given only where the truth allows it.
    PermitsAreSafe,
    /// No node that shall run on is killed while it may still end by itself.
    KillsAreDue,
    /// Data is deleted when its end was asked for, and a lost disk stays a lost disk.
    DataStays,
    /// An agent never goes back to an older command.
    NeverBack,
    /// A node that does not come up as an edit made it stops the roll: no second one follows.
    FirstFailureStops,
    /// Every lap ends: the fleet comes to rest when nothing disturbs it.
    ComesToRest,
    /// Taking an edit back recovers from whatever it did.
    RevertRecovers,
    /// What is done is done: what runs is what was written.
    DoneIsDone,
    /// The plan after success is empty.
    SecondPlanIsEmpty,
    /// What was acknowledged is there, as far as replication promises.
    RecordsSurvive,
    /// No step fails for a cause that the machines should have dealt with.
    NoSurprise,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 14] = [
        Self::OneProcess,
        Self::IdsStay,
        Self::StopsArePermitted,
        Self::PermitsAreSafe,
        Self::KillsAreDue,
        Self::DataStays,
        Self::NeverBack,
        Self::FirstFailureStops,
        Self::ComesToRest,
        Self::RevertRecovers,
        Self::DoneIsDone,
        Self::SecondPlanIsEmpty,
        Self::RecordsSurvive,
        Self::NoSurprise,
    ];

    /// In a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::OneProcess => "two processes of one slot",
            Self::IdsStay => "an id changed or came back",
            Self::StopsArePermitted => "a node was stopped without permission",
            Self::PermitsAreSafe => "an unsafe stop was permitted",
            Self::KillsAreDue => "a node was killed that made progress",
            Self::DataStays => "data was given up that nobody gave up",
            Self::NeverBack => "an older command was obeyed",
            Self::FirstFailureStops => "a roll went on after a node did not come up",
            Self::ComesToRest => "the fleet does not come to rest",
            Self::RevertRecovers => "taking an edit back does not recover",
            Self::DoneIsDone => "what is done is not what was written",
            Self::SecondPlanIsEmpty => "the plan after success is not empty",
            Self::RecordsSurvive => "an acknowledged record is lost",
            Self::NoSurprise => "something failed that must not",
        }
    }
}

/// The record of one history.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Lines for people, oldest first; empty where nobody reads them.
    pub(crate) lines: Vec<String>,
    /// Whether lines are kept.
    pub(crate) is_read: bool,
    /// What must not be.
    pub(crate) findings: Vec<Finding>,
    /// How many events there were.
    pub(crate) events: u64,
    digest: Vec<u8>,
}

/// Bytes after which the digest is folded.
const FOLD: usize = 1 << 16;

impl Record {
    /// Notes what happened at a host.
    pub(crate) fn note(&mut self, at: Duration, host: Option<Host>, what: impl fmt::Display) {
        let what = what.to_string();
        let host = host.map(|host| host.to_string()).unwrap_or_default();
        self.digest.extend_from_slice(&at.as_nanos().to_le_bytes());
        self.digest.extend_from_slice(host.as_bytes());
        self.digest.extend_from_slice(what.as_bytes());
        if self.digest.len() > FOLD {
            let folded = Sha256::of(&self.digest).to_string();
            self.digest.clear();
            self.digest.extend_from_slice(folded.as_bytes());
        }
        if self.is_read {
            self.lines.push(format!("{:>9.3}s  {host:<7} {what}", at.as_secs_f64()));
        }
    }

    /// Notes that a rule was broken; the same breach is noted once.
    pub(crate) fn find(&mut self, at: Duration, rule: Rule, what: String) {
        if self.findings.iter().any(|finding| finding.rule == rule && finding.what == what) {
            return;
        }
        self.note(at, None, format!("BROKEN: {}: {what}", rule.title()));
        self.findings.push(Finding { at, rule, what });
    }

    /// Stands for everything that happened.
    pub(crate) fn digest(&self) -> Sha256 {
        Sha256::of(&self.digest)
    }
}
