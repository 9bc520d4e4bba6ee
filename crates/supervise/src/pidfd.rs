//! One process, held by a descriptor that can neither be reused nor confused.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::exit::{ExitReason, SentBy};
use crate::kernel;

/// How long to wait, in all, for the parent of a re-adopted process to take note of its end, after
/// which the kernel tells how it ended. Its parent is init, which is immediate; the successor of
/// the process waits for this.
const PATIENCE_FOR_PARENT: [Duration; 3] =
    [Duration::from_micros(200), Duration::from_millis(1), Duration::from_millis(2)];

/// What became of a process.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It lives.
    Alive,
    /// Our child ended; its pid stays taken until [`reap`].
    EndedChild(ExitReason),
    /// Somebody else's child ended.
    EndedForeign(ExitReason),
}

/// A descriptor for `pid`; `None` if there is no such process.
pub(crate) fn open(pid: u32) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sends `signal`; a process that has ended already is no failure.
pub(crate) fn send(pidfd: &OwnedFd, signal: Signal) -> io::Result<()> {
    match pidfd_send_signal(pidfd, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the process has ended, without waiting.
pub(crate) fn has_ended(pidfd: &OwnedFd) -> bool {
    wait_ended(pidfd, Duration::ZERO)
}

/// Waits at most `patience` for the end; tells whether it came.
pub(crate) fn wait_ended(pidfd: &OwnedFd, patience: Duration) -> bool {
    let timeout = rustix::event::Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    let mut watched = [PollFd::new(pidfd, PollFlags::IN)];
    matches!(poll(&mut watched, Some(&timeout)), Ok(ready) if ready > 0)
}

/// What became of the process. Does not take its pid away; blocks at most a few milliseconds.
pub(crate) fn fate(pidfd: &OwnedFd) -> io::Result<Fate> {
    if !has_ended(pidfd) {
        return Ok(Fate::Alive);
    }
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::PidFd(pidfd.as_fd()), options) {
        Ok(Some(status)) => Ok(Fate::EndedChild(match status.exit_status() {
            Some(code) => ExitReason::Exited { code },
            None => ExitReason::Signalled {
                signal: status.terminating_signal().unwrap_or_default(),
                core_dumped: status.dumped(),
                sent_by: SentBy::Unknown,
            },
        })),
        Ok(None) => Ok(Fate::Alive),
        Err(Errno::CHILD) => Ok(Fate::EndedForeign(foreign_exit(pidfd))),
        Err(error) => Err(error.into()),
    }
}

fn foreign_exit(pidfd: &OwnedFd) -> ExitReason {
    for pause in PATIENCE_FOR_PARENT {
        if let Some(reason) = kernel::exit_of(pidfd.as_fd()) {
            return reason;
        }
        std::thread::sleep(pause);
    }
    kernel::exit_of(pidfd.as_fd()).unwrap_or(ExitReason::Unknown)
}

/// Takes note of the end of our child, so that nothing of it is left.
pub(crate) fn reap(pidfd: &OwnedFd) -> io::Result<()> {
    match waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
        Ok(_) | Err(Errno::CHILD) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
