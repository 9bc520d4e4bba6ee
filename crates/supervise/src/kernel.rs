//! The three things that safe libraries do not offer: preparing a forked child before it becomes
//! the program, registering its pidfd with the runtime, and asking the pidfd how the process ended.
//! The only unsafe code of the workspace.
#![expect(unsafe_code, reason = "fork-to-exec work, one registration, one ioctl: no safe wrapper")]

use std::ffi::{CStr, CString};
use std::io::{self, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::exit::{ExitReason, SentBy};
use crate::identity::{ProcessStat, RECORD_VERSION};
use crate::launch::Account;

/// What a forked child does to itself before it becomes the program. Everything is prepared
/// beforehand, because the child must not allocate.
pub(crate) struct ChildSetup {
    /// Each is lowered to the hard limit where raising that is refused.
    pub(crate) limits: Vec<(Resource, u64)>,
    pub(crate) nice: Option<i32>,
    /// The text for `/proc/self/oom_score_adj`.
    pub(crate) oom_score_adj: Option<String>,
    pub(crate) record: Option<RecordFile>,
    pub(crate) account: Option<Account>,
}

/// Where the child writes its identity.
pub(crate) struct RecordFile {
    pub(crate) temporary: CString,
    pub(crate) path: CString,
    pub(crate) boot_id: String,
}

/// Has `command`'s child prepare itself as `setup` says, in a session of its own.
pub(crate) fn prepare_child(command: &mut Command, setup: ChildSetup) {
    // SAFETY: the closure runs between fork and exec, in the only thread of a copy of a process
    // that had more. It therefore may do only what is async-signal-safe: system calls and work on
    // its own stack. `enter` allocates nothing, takes no lock and does not panic: everything it
    // needs lies ready in `setup`, its buffers are on the stack, and the calls of rustix and libc
    // in it are bare system calls.
    unsafe {
        command.pre_exec(move || enter(&setup));
    }
}

fn enter(setup: &ChildSetup) -> io::Result<()> {
    rustix::process::setsid()?;
    reset_signals();
    rustix::process::umask(Mode::from_raw_mode(0o077));
    for (resource, wanted) in &setup.limits {
        set_limit(*resource, *wanted)?;
    }
    if let Some(nice) = setup.nice {
        rustix::process::setpriority_process(None, nice)?;
    }
    if let Some(text) = &setup.oom_score_adj {
        let file = rustix::fs::open(c"/proc/self/oom_score_adj", OFlags::WRONLY, Mode::empty())?;
        rustix::io::write(&file, text.as_bytes())?;
    }
    close_on_exec_all();
    if let Some(record) = &setup.record {
        write_record(record)?;
    }
    // Last: what comes before may need the privilege that goes here. The raw calls act on one
    // thread only, which is all that a forked child has.
    if let Some(account) = &setup.account {
        set_thread_groups(&account.groups)?;
        set_thread_gid(account.gid)?;
        set_thread_uid(account.uid)?;
    }
    Ok(())
}

/// Ignored signals survive exec: a daemon started by `nohup` would make children deaf to SIGHUP,
/// a careless parent even to SIGTERM.
fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL installs no handler; numbers that may not be changed are refused by the
        // call, which is harmless.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

fn set_limit(resource: Resource, wanted: u64) -> io::Result<()> {
    let hard = rustix::process::getrlimit(resource).maximum;
    let raised = hard.map(|hard| hard.max(wanted));
    match rustix::process::setrlimit(resource, Rlimit { current: Some(wanted), maximum: raised }) {
        Err(rustix::io::Errno::PERM) => {
            let most = hard.map_or(wanted, |hard| hard.min(wanted));
            let lowered = Rlimit { current: Some(most), maximum: hard };
            Ok(rustix::process::setrlimit(resource, lowered)?)
        }
        outcome => Ok(outcome?),
    }
}

/// Klamm opens everything close-on-exec, but may itself have been started with foreign descriptors
/// (the pipe of a CI job, a lock of a shell): a node that lives for months must not hold those.
fn close_on_exec_all() {
    const FIRST_AFTER_STDIO: libc::c_uint = 3;
    // SAFETY: closes nothing and touches no memory: sets a flag on descriptors, whichever exist.
    let done = unsafe {
        libc::syscall(libc::SYS_close_range, FIRST_AFTER_STDIO, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
    };
    if done == 0 {
        return;
    }
    // Before Linux 5.11 one by one; more than 65,536 open at once is beyond any agent's need.
    let open = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(65_536);
    for fd in 3..i32::try_from(open.min(65_536)).unwrap_or(65_536) {
        // SAFETY: as above; a number that is not open is refused with EBADF.
        unsafe {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
}

/// Writes who we are, whole or not at all, before the program starts: whoever takes over from a
/// supervisor that died in this very moment finds the process.
fn write_record(record: &RecordFile) -> io::Result<()> {
    let mut line = [0u8; 2048];
    let stat = rustix::fs::open(c"/proc/self/stat", OFlags::RDONLY, Mode::empty())?;
    let length = rustix::io::read(&stat, &mut line)?;
    let Some(stat) = line.get(..length).and_then(ProcessStat::parse) else {
        return Err(io::Error::from_raw_os_error(libc::EPROTO));
    };
    let pid = rustix::process::getpid().as_raw_nonzero();
    let mut text = [0u8; 256];
    let mut rest = &mut text[..];
    writeln!(
        rest,
        r#"{{"version":{RECORD_VERSION},"pid":{pid},"start_ticks":{},"boot_id":"{}"}}"#,
        stat.start_ticks, record.boot_id
    )?;
    let unused = rest.len();
    let written = text.len() - unused;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open::<&CStr>(&record.temporary, flags, Mode::RUSR | Mode::WUSR)?;
    rustix::io::write(&file, &text[..written])?;
    rustix::fs::rename::<&CStr, &CStr>(&record.temporary, &record.path)?;
    Ok(())
}

/// Registers a process descriptor with the tokio runtime; it becomes readable when the process ends.
pub(crate) fn watch(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, stays the same file and is closed only when it is dropped; the
    // `AsyncFd` owns it, and this crate never replaces it through a mutable reference.
    Ok(unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?)
}

/// How the process of `pidfd` ended; `None` while the kernel does not tell: it is older than 6.15,
/// or the parent of the process did not wait for it yet.
pub(crate) fn exit_of(pidfd: BorrowedFd<'_>) -> Option<ExitReason> {
    let mut info = MaybeUninit::<libc::pidfd_info>::zeroed();
    // SAFETY: `pidfd_info` is plain integers, for which all zeroes is a value. The kernel writes at
    // most the size encoded in the request number, which is the size of this very type.
    let info = unsafe {
        (*info.as_mut_ptr()).mask = u64::from(libc::PIDFD_INFO_EXIT);
        if libc::ioctl(pidfd.as_raw_fd(), libc::PIDFD_GET_INFO, info.as_mut_ptr()) != 0 {
            return None;
        }
        info.assume_init()
    };
    if info.mask & u64::from(libc::PIDFD_INFO_EXIT) == 0 {
        return None;
    }
    let status = info.exit_code;
    Some(if libc::WIFSIGNALED(status) {
        ExitReason::Signalled {
            signal: libc::WTERMSIG(status),
            core_dumped: libc::WCOREDUMP(status),
            sent_by: SentBy::Unknown,
        }
    } else {
        ExitReason::Exited { code: libc::WEXITSTATUS(status) }
    })
}
