//! What to start, and starting it.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Gid, Resource, Signal, Uid};

use crate::console::{ConsoleError, open_console};
use crate::identity::{ProcessIdentity, ProcessStat};
use crate::kernel::{ChildSetup, Program, RecordFile, spawn};
use crate::pidfd;

/// Everything needed to start a process. It inherits nothing else: its environment is exactly
/// `env`, its umask 0077, its input `/dev/null`; it gets a session of its own, default signal
/// dispositions and no descriptor but the three standard ones.
///
/// Arguments and environment are readable by others on the machine: no secret belongs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The executable, absolute.
    pub program: PathBuf,
    /// Its arguments, without its name.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
    /// Its working folder, absolute.
    pub folder: PathBuf,
    /// The file to which standard output and error are appended.
    pub console: PathBuf,
    /// Where the process writes its identity before it becomes the program; see
    /// [`ProcessIdentity::read_record`].
    pub record: Option<PathBuf>,
    /// Resource limits.
    pub limits: Limits,
    /// Scheduling priority, -20 to 19.
    pub nice: Option<i32>,
    /// Inclination of the kernel's memory killer, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// As whom it runs; `None` as this process's account. Needs root.
    pub account: Option<Account>,
}

impl Launch {
    /// `program` in `folder` without arguments and environment, its output going to `console`.
    pub fn new(program: impl Into<PathBuf>, folder: impl Into<PathBuf>, console: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            folder: folder.into(),
            console: console.into(),
            record: None,
            limits: Limits::default(),
            nice: None,
            oom_score_adj: None,
            account: None,
        }
    }
}

/// Soft limits; `None` inherits. A hard limit below is raised where that is allowed, else the soft
/// limit becomes the hard one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Open files (`nofile`).
    pub open_files: Option<u64>,
    /// Processes and threads of the account (`nproc`).
    pub processes: Option<u64>,
    /// Bytes of a core file (`core`).
    pub core_bytes: Option<u64>,
    /// Bytes of locked memory (`memlock`).
    pub locked_bytes: Option<u64>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub uid: Uid,
    /// Group id.
    pub gid: Gid,
    /// Supplementary groups, the whole list.
    pub groups: Vec<Gid>,
}

impl Account {
    /// User `uid` and group `gid` with no other groups.
    pub fn new(uid: u32, gid: u32) -> Self {
        Self { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), groups: Vec::new() }
    }
}

/// A process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The executable is not named by its whole path.
    #[error("program {program} is not an absolute path")]
    ProgramNotAbsolute {
        /// The executable.
        program: PathBuf,
    },
    /// There is no such executable.
    #[error("program {program} is missing")]
    ProgramMissing {
        /// The executable.
        program: PathBuf,
    },
    /// There is no such folder.
    #[error("working folder {folder} is missing")]
    FolderMissing {
        /// The folder.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("program {program} could not be started")]
    Refused {
        /// The executable.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path, an argument or a variable holds a NUL byte.
    #[error("{text:?} holds a NUL byte")]
    Nul {
        /// The text.
        text: String,
    },
    /// The output file cannot be opened.
    #[error("the output of {program} has nowhere to go")]
    Console {
        /// The executable.
        program: PathBuf,
        /// Why.
        source: ConsoleError,
    },
    /// `/proc` did not tell when the process started, and it was killed again.
    #[error("pid {pid} of {program} cannot be identified: /proc does not show it")]
    Unidentified {
        /// The executable.
        program: PathBuf,
        /// The process.
        pid: u32,
    },
}

/// A process just started.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) pidfd: OwnedFd,
    pub(crate) identity: ProcessIdentity,
}

/// Starts a process. Blocks until it has become the program, about a millisecond.
pub(crate) fn launch(launch: &Launch, boot_id: &str) -> Result<Launched, LaunchError> {
    let program = &launch.program;
    if !program.is_absolute() {
        return Err(LaunchError::ProgramNotAbsolute { program: program.clone() });
    }
    let console = open_console(&launch.console)
        .map_err(|source| LaunchError::Console { program: program.clone(), source })?;
    let refused = |source| LaunchError::Refused { program: program.clone(), source };
    let stdin = File::open("/dev/null").map_err(refused)?;
    let mut args = vec![c_path(program)?];
    for arg in &launch.args {
        args.push(c_text(arg)?);
    }
    let env: Result<_, _> =
        launch.env.iter().map(|(name, value)| c_text(&format!("{name}={value}"))).collect();
    let child = spawn(&Program {
        path: c_path(program)?,
        args,
        env: env?,
        folder: c_path(&launch.folder)?,
        stdin: stdin.into(),
        output: console.into(),
        setup: child_setup(launch, boot_id)?,
    })
    .map_err(|source| diagnose(launch, source))?;
    // Not waited for, so that its pid names it and nothing else, even if it has ended already.
    let pid = child.pid.as_raw_nonzero().get().cast_unsigned();
    match ProcessStat::read(pid) {
        Some(stat) => {
            let boot_id = boot_id.to_owned();
            let identity = ProcessIdentity { pid, start_ticks: stat.start_ticks, boot_id };
            Ok(Launched { pidfd: child.pidfd, identity })
        }
        None => {
            // Without `/proc` it could never be found again: better none than a lost one.
            let killed = pidfd::send(&child.pidfd, Signal::KILL);
            let ended = pidfd::wait_ended(&child.pidfd, Duration::from_secs(1));
            let reaped = pidfd::reap(&child.pidfd);
            tracing::warn!(pid, ?killed, ended, ?reaped, "killed a process that has no start time");
            Err(LaunchError::Unidentified { program: program.clone(), pid })
        }
    }
}

fn child_setup(launch: &Launch, boot_id: &str) -> Result<ChildSetup, LaunchError> {
    let Limits { open_files, processes, core_bytes, locked_bytes } = &launch.limits;
    let limits = [
        (Resource::Nofile, open_files),
        (Resource::Nproc, processes),
        (Resource::Core, core_bytes),
        (Resource::Memlock, locked_bytes),
    ];
    let limits = limits.into_iter().filter_map(|(resource, wanted)| wanted.map(|wanted| (resource, wanted)));
    let record = match &launch.record {
        None => None,
        Some(path) => Some(RecordFile {
            temporary: c_path(&path.with_added_extension("new"))?,
            path: c_path(path)?,
            boot_id: boot_id.to_owned(),
        }),
    };
    Ok(ChildSetup {
        limits: limits.collect(),
        nice: launch.nice,
        oom_score_adj: launch.oom_score_adj.map(|score| score.to_string()),
        record,
        account: launch.account.clone(),
    })
}

fn c_path(path: &Path) -> Result<CString, LaunchError> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| LaunchError::Nul { text: path.to_string_lossy().into_owned() })
}

fn c_text(text: &str) -> Result<CString, LaunchError> {
    CString::new(text).map_err(|_| LaunchError::Nul { text: text.to_owned() })
}

/// The operating system answers "no such file" for a missing program, folder and interpreter alike.
fn diagnose(launch: &Launch, source: io::Error) -> LaunchError {
    if source.kind() == io::ErrorKind::NotFound {
        if !launch.folder.is_dir() {
            return LaunchError::FolderMissing { folder: launch.folder.clone() };
        }
        if !launch.program.exists() {
            return LaunchError::ProgramMissing { program: launch.program.clone() };
        }
    }
    LaunchError::Refused { program: launch.program.clone(), source }
}
