//! The clock of this crate: monotonic, and the same for every process since the machine booted.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Time since boot without the time the machine was suspended (`CLOCK_MONOTONIC`).
///
/// All moments in this crate's states and statuses are of this clock, so that an age is
/// `monotonic_now() - moment`, also in another process or after the agent was restarted.
pub fn monotonic_now() -> Duration {
    as_duration(clock_gettime(ClockId::Monotonic))
}

/// The moment, on [`monotonic_now`]'s clock, of a `/proc/PID/stat` start time.
///
/// The kernel counts those ticks on the clock that includes suspended time.
pub(crate) fn moment_of_ticks(start_ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let started = Duration::from_millis(start_ticks.saturating_mul(1000) / per_second);
    let age = as_duration(clock_gettime(ClockId::Boottime)).saturating_sub(started);
    monotonic_now().saturating_sub(age)
}

fn as_duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}
