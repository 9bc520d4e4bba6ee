//! What Kafka wrote on one data directory.

use std::collections::BTreeMap;
use std::time::Duration;

use klamm_core::model::NodeId;

use super::HostNumber;
use super::branching::{BranchingLog, LogEnd};
use super::image::PartitionNumber;

/// One data directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    /// The host that it was used on last.
    pub(super) host: Option<HostNumber>,
    /// The node whose data it holds.
    pub(super) node: Option<NodeId>,
    /// `quorum-state`: the highest epoch that the node knows; it votes once in each.
    pub(super) epoch: u32,
    /// Where its metadata log ends; none before anything was written. KRaft forces it to the disk entry by entry.
    pub(super) metadata: Option<LogEnd>,
    /// `.kafka_cleanshutdown`: the broker epoch of the run that closed its logs in order.
    pub(super) closed_by: Option<u64>,
    pub(super) logs: BTreeMap<PartitionNumber, ReplicaLog>,
    /// Segments that an unclean start must check besides one of each log.
    pub(super) unchecked_segments: u64,
}

/// One replica of a partition. Kafka does not force its records to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReplicaLog {
    /// Where it ends, the page cache included.
    pub(super) end: LogEnd,
    /// Where it ends on the disk itself.
    forced: LogEnd,
    /// What is on its way to the disk since when.
    writing: Option<(Duration, LogEnd)>,
    /// Bytes of older data that it holds, see `Model::set_volume`.
    pub(super) volume: u64,
}

impl ReplicaLog {
    pub(super) const EMPTY: Self =
        Self { end: LogEnd::EMPTY, forced: LogEnd::EMPTY, writing: None, volume: 0 };

    /// The log ends at `end` from `now` on; `tree` is the partition's.
    pub(super) fn set_end<T>(
        &mut self,
        tree: &BranchingLog<T>,
        end: LogEnd,
        now: Duration,
        write_back: Duration,
    ) {
        self.settle_writing(now, write_back);
        self.end = end;
        self.forced = tree.common(self.forced, end);
        self.writing = match self.writing {
            Some((since, on_its_way)) => Some((since, tree.common(on_its_way, end))),
            None if self.forced != end => Some((now, end)),
            None => None,
        };
    }

    /// Everything is forced to the disk: the log was closed in order.
    pub(super) fn force(&mut self) {
        (self.forced, self.writing) = (self.end, None);
    }

    /// What was in memory only is gone; whether that was anything.
    pub(super) fn lose_power(&mut self, now: Duration, write_back: Duration) -> bool {
        self.settle_writing(now, write_back);
        let lost = self.end != self.forced;
        (self.end, self.writing) = (self.forced, None);
        lost
    }

    /// What began to be written a write-back ago is on the disk.
    fn settle_writing(&mut self, now: Duration, write_back: Duration) {
        if let Some((since, on_its_way)) = self.writing
            && now >= since + write_back
        {
            (self.forced, self.writing) = (on_its_way, None);
        }
    }
}

impl Disk {
    /// Loses what was in memory only; the partitions of which something was lost.
    pub(super) fn lose_power(&mut self, now: Duration, write_back: Duration) -> Vec<PartitionNumber> {
        let logs = self.logs.iter_mut();
        logs.filter_map(|(number, log)| log.lose_power(now, write_back).then_some(*number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE_BACK: Duration = Duration::from_secs(35);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn power_loss_takes_what_was_written_less_than_a_write_back_ago() {
        let mut tree = BranchingLog::new();
        let first = tree.append(LogEnd::EMPTY, 'a');
        let second = tree.append(first, 'b');
        let mut log = ReplicaLog::EMPTY;
        log.set_end(&tree, first, at(0), WRITE_BACK);
        log.set_end(&tree, second, at(20), WRITE_BACK);
        let mut soon = log;
        assert!(soon.lose_power(at(34), WRITE_BACK));
        assert_eq!(soon.end, LogEnd::EMPTY);
        assert!(log.lose_power(at(36), WRITE_BACK));
        assert_eq!(log.end, first);
    }

    #[test]
    fn a_log_that_was_closed_in_order_survives_power_loss() {
        let mut tree = BranchingLog::new();
        let end = tree.append(LogEnd::EMPTY, 'a');
        let mut log = ReplicaLog::EMPTY;
        log.set_end(&tree, end, at(0), WRITE_BACK);
        log.force();
        assert!(!log.lose_power(at(1), WRITE_BACK));
        assert_eq!(log.end, end);
    }
}
