//! Was the kernel's out-of-memory killer at work? Its counter needs no cgroup and no privilege.

use crate::exit::{ExitReason, SentBy};

const SIGKILL: i32 = 9;

/// How often the kernel killed something for memory since boot, cgroup limits included;
/// `None` where the kernel does not tell (before 4.13, or a sandbox).
pub(crate) fn kills_so_far() -> Option<u64> {
    kills_in(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

fn kills_in(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// Completes `reason` with who sent a SIGKILL, from the counter `before` and now.
pub(crate) fn attribute(reason: ExitReason, before: Option<u64>) -> ExitReason {
    match reason {
        ExitReason::Signalled { signal: SIGKILL, .. } => compare(reason, before, kills_so_far()),
        ExitReason::Signalled { .. }
        | ExitReason::Exited { .. }
        | ExitReason::NotStarted { .. }
        | ExitReason::Unknown => reason,
    }
}

fn compare(reason: ExitReason, before: Option<u64>, after: Option<u64>) -> ExitReason {
    match reason {
        ExitReason::Signalled { signal, core_dumped, sent_by: SentBy::Unknown } => {
            let sent_by = match (before, after) {
                (Some(before), Some(after)) if after > before => SentBy::MemoryKiller,
                (Some(_), Some(_)) => SentBy::Elsewhere,
                (None, _) | (_, None) => SentBy::Unknown,
            };
            ExitReason::Signalled { signal, core_dumped, sent_by }
        }
        ExitReason::Signalled { .. }
        | ExitReason::Exited { .. }
        | ExitReason::NotStarted { .. }
        | ExitReason::Unknown => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_among_its_neighbours() {
        assert_eq!(kills_in("drop_slab 0\noom_kill 7\nnuma_hit 3\n"), Some(7));
        assert_eq!(kills_in("numa_hit 3\n"), None);
    }

    #[test]
    fn a_kill_while_the_counter_rose_is_blamed_on_memory() {
        let killed = ExitReason::Signalled { signal: 9, core_dumped: false, sent_by: SentBy::Unknown };
        let blamed = compare(killed.clone(), Some(3), Some(4));
        assert!(matches!(blamed, ExitReason::Signalled { sent_by: SentBy::MemoryKiller, .. }));
        let other = compare(killed.clone(), Some(3), Some(3));
        assert!(matches!(other, ExitReason::Signalled { sent_by: SentBy::Elsewhere, .. }));
        assert_eq!(compare(killed.clone(), None, Some(3)), killed);
    }
}
