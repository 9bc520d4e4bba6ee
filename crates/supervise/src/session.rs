//! The session of an ended process: finding and killing the helpers it left.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::identity::{ProcessIdentity, ProcessStat};
use crate::pidfd;

/// How long killed helpers may take to go: SIGKILL ends a process within milliseconds unless it is
/// blocked in the kernel, and then no waiting here helps.
const PATIENCE: Duration = Duration::from_secs(2);

/// Kills the process group of an ended child that was not waited for yet: its pid, which is the
/// group's number, is still taken, so that nobody else can be hit. Cheap: one system call.
pub(crate) fn kill_group_of_unreaped(identity: &ProcessIdentity) {
    let Some(group) = i32::try_from(identity.pid).ok().and_then(Pid::from_raw) else { return };
    if let Err(error) = rustix::process::kill_process_group(group, Signal::KILL) {
        tracing::debug!(pid = identity.pid, %error, "process group not signalled");
    }
}

/// Kills all other processes of the session that `leader` opened and waits for their end. Tells how
/// many are left. `leader` itself must have ended.
///
/// A helper that opened a session of its own is not found: that needs a cgroup.
pub(crate) fn sweep(leader: &ProcessIdentity) -> u32 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let members = collect_members(leader);
        if members.is_empty() {
            return 0;
        }
        let left = u32::try_from(members.len()).unwrap_or(u32::MAX);
        for member in members {
            kill_member(leader, member, deadline);
        }
        if Instant::now() >= deadline {
            return left;
        }
    }
}

fn kill_member(leader: &ProcessIdentity, pid: u32, deadline: Instant) {
    let Ok(Some(fd)) = pidfd::open(pid) else { return };
    // The pid may have changed hands between the look and the descriptor; from here on it cannot.
    if !is_member(leader, pid) {
        return;
    }
    match pidfd::send(&fd, Signal::KILL) {
        Ok(()) => {
            tracing::info!(pid, session = leader.pid, "killed a helper of an ended process");
            pidfd::wait_ended(&fd, deadline.saturating_duration_since(Instant::now()));
        }
        Err(error) => {
            tracing::warn!(pid, session = leader.pid, %error, "helper could not be killed");
            std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
        }
    }
}

fn collect_members(leader: &ProcessIdentity) -> Vec<u32> {
    if is_reused(leader) {
        return Vec::new();
    }
    let Ok(folder) = std::fs::read_dir("/proc") else { return Vec::new() };
    folder
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| is_member(leader, *pid))
        .collect()
}

/// While a session has members the kernel does not give its number away. So if a process of that
/// number started at another time, the session we mean is empty.
fn is_reused(leader: &ProcessIdentity) -> bool {
    ProcessStat::read(leader.pid).is_some_and(|stat| stat.start_ticks != leader.start_ticks)
}

fn is_member(leader: &ProcessIdentity, pid: u32) -> bool {
    pid != leader.pid
        && ProcessStat::read(pid).is_some_and(|stat| {
            stat.session == leader.pid && stat.start_ticks >= leader.start_ticks && !stat.ended()
        })
        && !is_reused(leader)
}
