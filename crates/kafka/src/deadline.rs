//! The instant at which an operation gives up, whatever it is retrying.

use std::time::Duration;

use tokio::time::Instant;

/// A point on the monotonic clock. Every operation takes one, so that retries are bounded by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    allowed: Duration,
}

impl Deadline {
    /// `allowed` from now.
    pub fn after(allowed: Duration) -> Self {
        Self { at: Instant::now() + allowed, allowed }
    }

    /// The time that is left; zero once it has passed.
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub fn has_passed(&self) -> bool {
        self.left().is_zero()
    }

    /// The whole time that was allowed when it was made.
    pub fn allowed(&self) -> Duration {
        self.allowed
    }
}

impl From<Duration> for Deadline {
    fn from(allowed: Duration) -> Self {
        Self::after(allowed)
    }
}
