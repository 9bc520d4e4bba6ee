//! Counting tests from what the runners print.

use std::fmt;
use std::ops::AddAssign;

/// How many tests ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Totals {
    /// Adds what one line of a runner says: `test result: …` of Rust's, `N passed, N failed` of the
    /// Java ones, with `, N skipped` where a runner skips.
    pub(super) fn add_line(&mut self, line: &str) {
        let (counts, separator) =
            match line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) {
                Some((_, counts)) => (counts, ';'),
                None => (line, ','),
            };
        let counted: Vec<(u64, &str)> = counts
            .split(separator)
            .filter_map(|part| part.trim().split_once(' '))
            .filter_map(|(number, word)| Some((number.parse().ok()?, word)))
            .collect();
        let (passed, failed, skipped) = match counted[..] {
            [(passed, "passed"), (failed, "failed"), (skipped, "ignored" | "skipped"), ..] => {
                (passed, failed, skipped)
            }
            [(passed, "passed"), (failed, "failed")] => (passed, failed, 0),
            _ => return,
        };
        self.passed += passed;
        self.failed += failed;
        self.skipped += skipped;
    }

    /// A step that failed without a failed test (it did not compile, a check refused) counts as one failure, so that
    /// the totals never look better than the run.
    pub(super) fn add_failed_step(&mut self) {
        self.failed = self.failed.max(1);
    }

    /// A step that did not run counts as one skipped test.
    pub(super) fn add_skipped_step(&mut self) {
        self.skipped += 1;
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}
