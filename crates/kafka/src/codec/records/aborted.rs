//! Which records belong to aborted transactions, told while batches go by in order.

use std::collections::{BTreeSet, VecDeque};

/// A transaction that ended in an abort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub(crate) producer_id: i64,
    /// Of its first record in this partition.
    pub(crate) first_offset: i64,
}

/// What a fetch's list of aborted transactions means at the batch reached.
#[derive(Debug)]
pub(super) struct AbortedNow {
    /// Those that begin further on, in order.
    ahead: VecDeque<Aborted>,
    /// Producers that are in the middle of one.
    inside: BTreeSet<i64>,
}

impl AbortedNow {
    pub(super) fn new(mut aborted: Vec<Aborted>) -> Self {
        aborted.sort_by_key(|aborted| aborted.first_offset);
        Self { ahead: aborted.into(), inside: BTreeSet::new() }
    }

    /// Goes on to a batch that ends at `last_offset`.
    pub(super) fn advance(&mut self, last_offset: i64) {
        while let Some(begun) = self.ahead.pop_front_if(|aborted| aborted.first_offset <= last_offset) {
            self.inside.insert(begun.producer_id);
        }
    }

    /// Whether a transactional batch of this producer is to be left out.
    pub(super) fn covers(&self, producer_id: i64) -> bool {
        self.inside.contains(&producer_id)
    }

    /// The producer's marker was reached. A producer has one transaction at a time, so that whichever marker
    /// it is, it ends the one that is going on.
    pub(super) fn end(&mut self, producer_id: i64) {
        self.inside.remove(&producer_id);
    }
}
