//! Logs that begin alike and may part: every replica of one log is an end in one tree of entries.
//!
//! So that a replica costs two numbers, however long its log is, and "does this log hold that entry" is a few
//! comparisons.

/// All entries that any replica of one log ever had.
#[derive(Debug, Clone)]
pub(super) struct BranchingLog<T> {
    branches: Vec<Branch<T>>,
}

#[derive(Debug, Clone)]
struct Branch<T> {
    /// Where it leaves another branch; the first one leaves none.
    parent: Option<u32>,
    /// Offset of its first entry.
    start: u64,
    entries: Vec<T>,
}

/// Where a replica's log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogEnd {
    branch: u32,
    /// The offset after the last entry.
    end: u64,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryPlace {
    branch: u32,
    offset: u64,
}

impl LogEnd {
    /// The end of an empty log.
    pub(super) const EMPTY: Self = Self { branch: 0, end: 0 };

    /// The offset after the last entry.
    pub(super) fn offset(self) -> u64 {
        self.end
    }
}

impl EntryPlace {
    pub(super) fn offset(self) -> u64 {
        self.offset
    }
}

impl<T> BranchingLog<T> {
    pub(super) fn new() -> Self {
        Self { branches: vec![Branch { parent: None, start: 0, entries: Vec::new() }] }
    }

    fn branch(&self, number: u32) -> &Branch<T> {
        &self.branches[number as usize]
    }

    /// Appends to a log and gives its new end. Another log with the same end parts from it here.
    pub(super) fn append(&mut self, to: LogEnd, entry: T) -> LogEnd {
        let branch = &mut self.branches[to.branch as usize];
        if branch.start + branch.entries.len() as u64 == to.end {
            branch.entries.push(entry);
            return LogEnd { branch: to.branch, end: to.end + 1 };
        }
        let number = u32::try_from(self.branches.len()).expect("a history has fewer than 2^32 forks");
        self.branches.push(Branch { parent: Some(to.branch), start: to.end, entries: vec![entry] });
        LogEnd { branch: number, end: to.end + 1 }
    }

    /// The branches of a log, the last first, each with the offset up to which the log follows it.
    fn ways(&self, log: LogEnd) -> impl Iterator<Item = LogEnd> {
        std::iter::successors(Some(log), |way| {
            let branch = self.branch(way.branch);
            Some(LogEnd { branch: branch.parent?, end: way.end.min(branch.start) })
        })
    }

    /// The longest beginning that two logs share.
    pub(super) fn common(&self, one: LogEnd, other: LogEnd) -> LogEnd {
        self.ways(one)
            .find_map(|way| {
                let met = self.ways(other).find(|other| other.branch == way.branch)?;
                Some(LogEnd { branch: way.branch, end: way.end.min(met.end) })
            })
            .expect("all branches leave the first one")
    }

    /// Whether `log` begins with all of `beginning`.
    pub(super) fn begins_with(&self, log: LogEnd, beginning: LogEnd) -> bool {
        self.common(log, beginning).end == beginning.end
    }

    /// The place of the last entry of a log; none if it is empty.
    pub(super) fn last_place(&self, log: LogEnd) -> Option<EntryPlace> {
        let offset = log.end.checked_sub(1)?;
        let way = self.ways(log).find(|way| self.branch(way.branch).start <= offset)?;
        Some(EntryPlace { branch: way.branch, offset })
    }

    /// Whether the entry is in the log.
    pub(super) fn holds(&self, log: LogEnd, entry: EntryPlace) -> bool {
        self.ways(log).any(|way| way.branch == entry.branch && entry.offset < way.end)
    }

    /// The entry at a place.
    pub(super) fn entry(&self, place: EntryPlace) -> &T {
        let branch = self.branch(place.branch);
        let index = usize::try_from(place.offset - branch.start).expect("entries are in memory");
        &branch.entries[index]
    }

    /// The last entry of a log; none if it is empty.
    pub(super) fn last(&self, log: LogEnd) -> Option<&T> {
        Some(self.entry(self.last_place(log)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(log: &mut BranchingLog<char>, from: LogEnd, text: &str) -> LogEnd {
        text.chars().fold(from, |end, letter| log.append(end, letter))
    }

    #[test]
    fn a_log_that_goes_on_elsewhere_shares_its_beginning_only() {
        let mut log = BranchingLog::new();
        let one = log_of(&mut log, LogEnd::EMPTY, "abc");
        let other = log_of(&mut log, one, "xy");
        let part = log_of(&mut log, LogEnd { branch: 0, end: 2 }, "pq");
        assert_eq!((one.offset(), other.offset(), part.offset()), (3, 5, 4));
        assert_eq!(log.last(part), Some(&'q'));
        assert_eq!(log.common(other, part).offset(), 2);
        assert!(log.begins_with(other, one) && !log.begins_with(part, one));
    }

    #[test]
    fn an_entry_is_held_by_the_logs_that_came_by_it() {
        let mut log = BranchingLog::new();
        let one = log_of(&mut log, LogEnd::EMPTY, "ab");
        let b = log.last_place(one).unwrap();
        let other = log_of(&mut log, LogEnd { branch: 0, end: 1 }, "cd");
        let deeper = log_of(&mut log, LogEnd { branch: other.branch, end: 2 }, "e");
        let c = log.last_place(LogEnd { branch: deeper.branch, end: 2 }).unwrap();
        assert_eq!(log.entry(c), &'c');
        assert!(log.holds(one, b) && !log.holds(other, b) && !log.holds(deeper, b));
        assert!(log.holds(other, c) && log.holds(deeper, c) && !log.holds(one, c));
        assert!(!log.holds(LogEnd::EMPTY, b));
        assert_eq!(log.common(deeper, one).offset(), 1);
    }

    #[test]
    fn two_logs_with_one_end_part_when_both_go_on() {
        let mut log = BranchingLog::new();
        let shared = log_of(&mut log, LogEnd::EMPTY, "a");
        let (one, other) = (log.append(shared, 'b'), log.append(shared, 'c'));
        assert_eq!(log.common(one, other), shared);
    }
}
