//! When an ended process is started again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a process that ended without being asked is started again.
///
/// The first time at once: whoever ran well deserves no pause, and an outage of a replica costs
/// redundancy. From the second failure in a row on with a doubling pause, so that a crash loop
/// neither burns the machine nor floods its logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// The pause before the second restart in a row.
    pub initial_delay: Duration,
    /// The longest pause.
    pub max_delay: Duration,
    /// A process that ran this long was healthy: the next failure is a first one again.
    pub stable_after: Duration,
    /// After so many failures in a row nothing is restarted any more until [`super::Event::Start`];
    /// 0 never restarts, `None` always does.
    pub give_up_after: Option<u32>,
}

impl Default for RestartPolicy {
    /// Pauses of 0, 0.5, 1, 2 … 60 s. A JVM needs 3 to 7 s to start, so two minutes of running
    /// are well past every failure of a start; a minute is short against a person's reaction.
    fn default() -> Self {
        Self {
            initial_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(60),
            stable_after: Duration::from_secs(120),
            give_up_after: None,
        }
    }
}

impl RestartPolicy {
    /// The pause after `failures` failures in a row, of which there is at least one.
    pub(super) fn delay(&self, failures: u32) -> Duration {
        match failures {
            0 | 1 => Duration::ZERO,
            more => {
                let doublings = 1u32.checked_shl(more - 2).unwrap_or(u32::MAX);
                self.initial_delay.saturating_mul(doublings).min(self.max_delay)
            }
        }
    }

    pub(super) fn gives_up(&self, failures: u32) -> bool {
        self.give_up_after.is_some_and(|limit| failures > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_the_second_failure_up_to_the_longest() {
        let policy = RestartPolicy::default();
        let pauses: Vec<_> = (1..=10).map(|n| policy.delay(n).as_millis()).collect();
        assert_eq!(pauses, [0, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(policy.delay(u32::MAX), policy.max_delay);
    }
}
