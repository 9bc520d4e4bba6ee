//! The records of one partition: all that was ever written, what was acknowledged, and whether Kafka promised to keep it.

use std::collections::BTreeMap;

use klamm_core::model::NodeId;

use super::branching::{BranchingLog, EntryPlace, LogEnd};
use super::{PartitionName, RecordNumber};

/// One partition's records, over all replicas and all of time.
#[derive(Debug, Clone)]
pub(super) struct Records {
    pub(super) name: PartitionName,
    pub(super) tree: BranchingLog<RecordNumber>,
    /// Where each record was written; in more than one place when a leader forgot it in between.
    places: BTreeMap<RecordNumber, Vec<EntryPlace>>,
    /// Records acknowledged with acks=all, in that order.
    acknowledged: Vec<Acknowledged>,
    harm: BTreeMap<NodeId, Harm>,
    /// Bytes of older data that a whole replica holds.
    pub(super) volume: u64,
}

#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    record: RecordNumber,
    place: EntryPlace,
    promised: bool,
    lost: bool,
}

/// What befell a replica since it was in step with a leader last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Harm {
    /// Its process ended without closing its logs. They are whole, but Kafka cannot know.
    Unclean,
    /// Its disk lost something.
    Damaged,
}

impl Records {
    pub(super) fn new(name: PartitionName) -> Self {
        Self {
            name,
            tree: BranchingLog::new(),
            places: BTreeMap::new(),
            acknowledged: Vec::new(),
            harm: BTreeMap::new(),
            volume: 0,
        }
    }

    pub(super) fn append(&mut self, log: LogEnd, record: RecordNumber) -> LogEnd {
        let end = self.tree.append(log, record);
        let place = self.tree.last_place(end).expect("something was just appended");
        self.places.entry(record).or_default().push(place);
        end
    }

    /// Where the record is in this log; none if it is not.
    pub(super) fn find(&self, log: LogEnd, record: RecordNumber) -> Option<EntryPlace> {
        self.places.get(&record)?.iter().copied().find(|place| self.tree.holds(log, *place))
    }

    /// The record is promised from now on. Once is enough: a client may ask again.
    pub(super) fn acknowledge(&mut self, log: LogEnd, record: RecordNumber) {
        let Some(place) = self.find(log, record) else { return };
        let known = self.acknowledged.iter().rev().take_while(|known| known.place.offset() >= place.offset());
        if !known.into_iter().any(|known| known.place == place) {
            self.acknowledged.push(Acknowledged { record, place, promised: true, lost: false });
        }
    }

    /// A replica came to harm. Kafka keeps its promise as long as damaged replicas, and those that ended uncleanly beside
    /// them, are fewer than `min_in_sync`; from there on nothing acknowledged so far is promised any more.
    pub(super) fn harm(&mut self, node: NodeId, harm: Harm, min_in_sync: u32) {
        let worst = self.harm.get(&node).copied().map_or(harm, |before| before.max(harm));
        self.harm.insert(node, worst);
        let is_damaged = self.harm.values().any(|harm| *harm == Harm::Damaged);
        if is_damaged && self.harm.len() >= min_in_sync as usize {
            self.void_promises();
        }
    }

    /// Nothing acknowledged so far is promised any more.
    pub(super) fn void_promises(&mut self) {
        let promised = self.acknowledged.iter_mut().rev().take_while(|acknowledged| acknowledged.promised);
        promised.for_each(|acknowledged| acknowledged.promised = false);
    }

    /// A replica has all that its leader has.
    pub(super) fn heal(&mut self, node: NodeId) {
        self.harm.remove(&node);
    }

    /// Marks what is held by none of the logs as lost, and gives it. What a log holds is held with all before it.
    pub(super) fn lose_what_is_not_in(&mut self, logs: &[LogEnd]) -> Vec<(RecordNumber, bool)> {
        let Self { tree, acknowledged, .. } = self;
        let mut lost = Vec::new();
        for gone in acknowledged.iter_mut().rev() {
            if logs.iter().any(|log| tree.holds(*log, gone.place)) {
                break;
            }
            if !gone.lost {
                gone.lost = true;
                lost.push((gone.record, gone.promised));
            }
        }
        lost.reverse();
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(count: u64) -> (Records, Vec<LogEnd>) {
        let mut records = Records::new(PartitionName::new("orders", 0));
        let mut ends = vec![LogEnd::EMPTY];
        for record in 1..=count {
            let end = records.append(*ends.last().unwrap(), RecordNumber(record));
            records.acknowledge(end, RecordNumber(record));
            ends.push(end);
        }
        (records, ends)
    }

    #[test]
    fn what_no_log_holds_is_lost_once() {
        let (mut records, ends) = written(3);
        assert_eq!(records.lose_what_is_not_in(&[ends[1], ends[3]]), []);
        let lost = records.lose_what_is_not_in(&[ends[1]]);
        assert_eq!(lost, [(RecordNumber(2), true), (RecordNumber(3), true)]);
        assert_eq!(records.lose_what_is_not_in(&[ends[1]]), []);
    }

    #[test]
    fn one_damaged_replica_is_promised_to_be_survived_and_two_at_once_are_not() {
        let (mut records, ends) = written(1);
        records.harm(NodeId(1), Harm::Damaged, 2);
        records.heal(NodeId(1));
        records.harm(NodeId(2), Harm::Damaged, 2);
        assert_eq!(records.clone().lose_what_is_not_in(&[]), [(RecordNumber(1), true)]);
        records.harm(NodeId(1), Harm::Unclean, 2);
        assert_eq!(records.lose_what_is_not_in(&[]), [(RecordNumber(1), false)]);
        let later = records.append(ends[1], RecordNumber(2));
        records.acknowledge(later, RecordNumber(2));
        assert_eq!(records.lose_what_is_not_in(&[]), [(RecordNumber(2), true)]);
    }

    #[test]
    fn any_number_of_kills_is_promised_to_be_survived() {
        let (mut records, _) = written(1);
        (1..=3).for_each(|node| records.harm(NodeId(node), Harm::Unclean, 2));
        assert_eq!(records.lose_what_is_not_in(&[]), [(RecordNumber(1), true)]);
    }

    #[test]
    fn a_record_that_is_sent_again_is_found_and_acknowledged_once() {
        let (mut records, ends) = written(2);
        assert!(records.find(ends[2], RecordNumber(1)).is_some());
        assert!(records.find(ends[1], RecordNumber(2)).is_none());
        records.acknowledge(ends[2], RecordNumber(1));
        assert_eq!(records.lose_what_is_not_in(&[]).len(), 2);
    }
}
