//! How long a step is waited for: as long as something happens that did not happen before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::SlotName;

/// How long a step may stand still before the run stops and says on what. Longer than Kafka's own bound of five
/// minutes for a controlled shutdown (`KafkaBroker.shutdown`).
pub const STANDSTILL: Duration = Duration::from_secs(6 * 60);

/// How long a slot may say that it is blocked before the run believes it: agents try again every three seconds.
pub const PATIENCE_WITH_STUCK: Duration = Duration::from_secs(8);

/// What was seen in one step. Only what is new is progress: a node that crashes and starts for ever is none.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    progressed: Duration,
    seen: BTreeSet<String>,
    /// Since when a slot says that it is stuck, by what it says.
    stuck: BTreeMap<(SlotName, String), Duration>,
}

/// A slot that says that it cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stuck {
    pub(super) slot: SlotName,
    pub(super) reason: String,
}

impl Patience {
    pub(super) fn from(now: Duration) -> Self {
        Self { progressed: now, seen: BTreeSet::new(), stuck: BTreeMap::new() }
    }

    /// Something that was observed, in words that differ when more than the wording does.
    pub(super) fn note(&mut self, line: String, now: Duration) {
        if self.seen.insert(line) {
            self.progressed = now;
        }
    }

    /// Whole minutes without anything new, where it is too long.
    pub(super) fn standstill(&self, now: Duration) -> Option<u64> {
        let still = now.saturating_sub(self.progressed);
        (still >= STANDSTILL).then_some(still.as_secs() / 60)
    }

    /// The first slot that has said long enough that it is stuck. What it said before the cause was mended must not fail
    /// a new run; and an agent that tries again is not stuck for a moment, for the same reason as before.
    pub(super) fn believes(&mut self, stuck: Vec<Stuck>, now: Duration) -> Option<String> {
        let believed = stuck.into_iter().filter(|Stuck { slot, reason }| {
            let since = *self.stuck.entry((slot.clone(), wording(reason))).or_insert(now);
            now.saturating_sub(since) >= PATIENCE_WITH_STUCK
        });
        believed.map(|Stuck { slot, reason }| format!("{slot}: {reason}")).next()
    }
}

/// A text for people without its numbers: ages and counts of attempts differ each time.
pub(super) fn wording(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}
