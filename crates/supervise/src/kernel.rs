//! The three things that safe libraries do not offer: making a child without copying our page tables
//! and preparing it before it becomes the program, registering its pidfd with the runtime, and asking
//! the pidfd how the process ended. The only unsafe code of the workspace.
#![expect(unsafe_code, reason = "clone-to-exec work, one registration, one ioctl: no safe wrapper")]

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::io::{self, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Resource, Rlimit, WaitId, WaitIdOptions, waitid};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::exit::{ExitReason, SentBy};
use crate::identity::{ProcessStat, RECORD_VERSION};
use crate::launch::Account;

/// What a new child does to itself before it becomes the program. Everything is prepared
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

/// A program with everything the kernel wants to know about it.
pub(crate) struct Program {
    pub(crate) path: CString,
    /// With its name as the first.
    pub(crate) args: Vec<CString>,
    /// `NAME=value`.
    pub(crate) env: Vec<CString>,
    pub(crate) folder: CString,
    pub(crate) stdin: OwnedFd,
    /// Standard output and error.
    pub(crate) output: OwnedFd,
    pub(crate) setup: ChildSetup,
}

/// A child that has become its program, not waited for yet.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
}

/// What parent and child share while the child is not the program yet.
struct Shared<'a> {
    program: &'a Program,
    args: Vec<*const libc::c_char>,
    env: Vec<*const libc::c_char>,
    /// Why it did not become the program: an `errno`, or 0.
    failure: AtomicI32,
}

/// Stack of the child until it becomes the program. What it does there needs less than 16 KiB in an
/// unoptimised build; pages that are not touched cost nothing.
const CHILD_STACK: usize = 256 * 1024;

/// Makes a child and waits until it has become the program.
///
/// The child borrows our memory instead of copying it, as `posix_spawn` does: with 256 MiB in use a
/// fork alone takes several milliseconds, and makes every later write to our own memory fault.
pub(crate) fn spawn(program: &Program) -> io::Result<Child> {
    let pointers =
        |strings: &[CString]| strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
    let shared = Shared {
        program,
        args: pointers(&program.args),
        env: pointers(&program.env),
        failure: AtomicI32::new(0),
    };
    let mut stack = vec![0u8; CHILD_STACK];
    let mut pidfd: libc::c_int = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: with CLONE_VFORK this thread stands still until the child has become the program or
    // ended, so that `shared`, `stack` and `pidfd`, which all live in this frame, outlive their use
    // by the child. The stack pointer is the upper end of `stack`, aligned to 16 as every ABI wants
    // it at most. The child runs `enter_program` only: system calls on data that lies ready, nothing
    // that allocates, locks or panics. All signals are blocked around it, so that no handler of ours
    // runs in the child on our memory; it gets default dispositions before it unblocks them. The
    // descriptor that the kernel writes into `pidfd` is new and owned by nobody else.
    let (pid, pidfd) = unsafe {
        let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
        let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let top = stack.as_mut_ptr().add(CHILD_STACK);
        let top = top.sub(top.addr() % 16);
        let argument = (&raw const shared).cast_mut().cast();
        let pid = libc::clone(enter_program, top.cast(), flags, argument, &raw mut pidfd);
        let failure = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
        match Pid::from_raw(pid) {
            Some(child) if pid > 0 => (child, OwnedFd::from_raw_fd(pidfd)),
            Some(_) | None => return Err(failure),
        }
    };
    match shared.failure.load(Ordering::SeqCst) {
        0 => Ok(Child { pid, pidfd }),
        errno => {
            // It has ended already; nothing of it is left after this.
            waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
            Err(io::Error::from_raw_os_error(errno))
        }
    }
}

/// The child, from its first instruction until it is the program.
extern "C" fn enter_program(argument: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `spawn` passes a `Shared` that lives until we are gone from its memory.
    let shared = unsafe { &*argument.cast::<Shared<'_>>() };
    let error = match become_program(shared) {
        Ok(never) => match never {},
        Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
    };
    shared.failure.store(error, Ordering::SeqCst);
    127
}

fn become_program(shared: &Shared<'_>) -> io::Result<Infallible> {
    let Program { path, folder, stdin, output, setup, .. } = shared.program;
    rustix::stdio::dup2_stdin(stdin)?;
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(output)?;
    rustix::process::chdir::<&CStr>(folder)?;
    enter(setup)?;
    // SAFETY: the mask is a local; both lists end with a null pointer, and they and the strings they
    // point to live in the parent's frame, which stands still.
    unsafe {
        let mut none = MaybeUninit::<libc::sigset_t>::zeroed();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
        libc::execve(path.as_ptr(), shared.args.as_ptr(), shared.env.as_ptr());
    }
    Err(io::Error::last_os_error())
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
    // thread only, which is all that a new child has.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel_tells() -> bool {
        let name = rustix::system::uname();
        let release = name.release().to_string_lossy();
        let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
        (numbers.next(), numbers.next()) >= (Some(6), Some(15))
    }

    #[test]
    fn the_kernel_tells_how_a_process_ended_that_somebody_else_waited_for() {
        for (script, expected) in [
            ("exit 5", ExitReason::Exited { code: 5 }),
            ("kill -9 $$", ExitReason::Signalled { signal: 9, core_dumped: false, sent_by: SentBy::Unknown }),
        ] {
            let mut child =
                std::process::Command::new("/bin/sh").args(["-c", script]).spawn().expect("started");
            let pid = Pid::from_raw(child.id().cast_signed()).expect("a pid");
            let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("held");
            assert_eq!(exit_of(pidfd.as_fd()), None, "nobody has waited for it");
            child.wait().expect("ended");
            assert_eq!(exit_of(pidfd.as_fd()), kernel_tells().then_some(expected));
        }
    }
}
