//! Now, as a machine is told it.

use std::time::Duration;

use jiff::Timestamp;

/// One moment by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since some fixed moment, by a clock that never jumps: for waiting.
    pub elapsed: Duration,
    /// By the clock on the wall: for the age of what was observed.
    pub wall: Timestamp,
}
