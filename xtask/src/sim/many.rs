//! Many histories on all processors; each by itself is played by one thread.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use klamm_sim::play_seed;

/// What many histories came to.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) histories: u64,
    pub(crate) events: u64,
    pub(crate) faults: u64,
    /// The fewest events of one history.
    pub(crate) fewest_events: u64,
    /// Seeds that broke a rule.
    pub(crate) broken: BTreeSet<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { histories: 0, events: 0, faults: 0, fewest_events: u64::MAX, broken: BTreeSet::new() }
    }
}

impl Tally {
    /// Both together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        let Self { histories, events, faults, fewest_events, broken } = other;
        self.histories += histories;
        self.events += events;
        self.faults += faults;
        self.fewest_events = self.fewest_events.min(fewest_events);
        self.broken.extend(broken);
        self
    }
}

/// Plays the histories of `count` seeds from one on.
pub(crate) fn play_many(from: u64, count: u64) -> Tally {
    let next = AtomicU64::new(from);
    let worker = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + count {
                return tally;
            }
            let verdict = play_seed(seed);
            tally.histories += 1;
            tally.events += verdict.events;
            tally.faults += verdict.faults as u64;
            tally.fewest_events = tally.fewest_events.min(verdict.events);
            if !verdict.findings.is_empty() {
                tally.broken.insert(seed);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        running.into_iter().map(|thread| thread.join().expect("a history does not panic")).collect()
    });
    tallies.into_iter().fold(Tally::default(), Tally::and)
}
