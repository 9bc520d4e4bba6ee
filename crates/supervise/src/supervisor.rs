//! Making units: new ones, and ones for processes that an earlier supervisor left running.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{PidfdFlags, WaitId, WaitIdOptions, getpid, pidfd_open, waitid};

use crate::clock::moment_of_ticks;
use crate::console::LogCap;
use crate::exit::ExitReason;
use crate::handle::UnitHandle;
use crate::identity::{IdentityError, ProcessIdentity, ProcessStat, read_boot_id};
use crate::kernel;
use crate::launch::Launch;
use crate::machine::RestartPolicy;
use crate::pidfd::{self, Fate};
use crate::session;
use crate::task::{Found, Setting, begin};

/// Makes units. Holds no process: dropping it, or the whole program, stops nothing.
#[derive(Debug, Clone)]
pub struct Supervisor {
    boot_id: Arc<str>,
}

/// How a unit is kept.
#[derive(Debug, Clone)]
pub struct UnitOptions {
    /// Its name, in the log and the status.
    pub name: String,
    /// When it is restarted.
    pub policy: RestartPolicy,
    /// How much of its output is kept.
    pub log_cap: LogCap,
    /// How often its output file is looked at.
    pub log_check: Duration,
}

impl UnitOptions {
    /// A unit named `name`, the rest as usual; its output is looked at every ten seconds.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            policy: RestartPolicy::default(),
            log_cap: LogCap::default(),
            log_check: Duration::from_secs(10),
        }
    }
}

/// Processes cannot be supervised here.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The kernel lacks process descriptors.
    #[error(
        "this kernel does not offer {call}: Linux 5.4 or newer is needed, and a container runtime \
         that does not hide it"
    )]
    NoPidfd {
        /// The missing call.
        call: &'static str,
        /// What it answered.
        source: io::Error,
    },
    /// `/proc` does not tell this boot's id.
    #[error("this boot cannot be identified")]
    NoBootId(#[from] IdentityError),
    /// A process cannot be held.
    #[error("pid {pid} cannot be watched")]
    Unwatchable {
        /// The process.
        pid: u32,
        /// Why.
        source: io::Error,
    },
}

/// What became of a process that was to be adopted.
#[derive(Debug)]
pub enum Adoption {
    /// It lives and is supervised.
    Alive(UnitHandle),
    /// It does not, and nothing of its session is left. Make a new unit.
    Gone(GoneReason),
}

/// Why a process cannot be adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoneReason {
    /// There is none of that pid.
    NoSuchProcess,
    /// It lived before the machine was booted.
    OtherBoot,
    /// Its pid belongs to another process now.
    PidReused {
        /// When that one started, in clock ticks since boot.
        start_ticks: u64,
    },
    /// It has ended, and its parent had not taken note of it.
    Ended(ExitReason),
}

impl Supervisor {
    /// Checks that the kernel has what is needed: Linux 5.4 for `waitid` on a process descriptor.
    ///
    /// # Errors
    /// It has not, or `/proc` is not there.
    pub fn new() -> Result<Self, SupervisorError> {
        let refused = |call, error: Errno| SupervisorError::NoPidfd { call, source: error.into() };
        let own = pidfd_open(getpid(), PidfdFlags::empty()).map_err(|error| refused("pidfd_open", error))?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        match waitid(WaitId::PidFd(rustix::fd::AsFd::as_fd(&own)), options) {
            // We are not a child of ours: the kernel understood the question.
            Ok(_) | Err(Errno::CHILD) => {}
            Err(error) => return Err(refused("waitid on a pidfd", error)),
        }
        Ok(Self { boot_id: read_boot_id()?.into() })
    }

    /// This boot's id, as in the identities of all processes started now.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// A unit without a process. Must be called within a tokio runtime.
    pub fn unit(&self, options: UnitOptions) -> UnitHandle {
        begin(Setting { options, boot_id: Arc::clone(&self.boot_id) }, None)
    }

    /// A unit for a process that an earlier supervisor started, if it still lives. `launch` is used
    /// from its next start on, and tells where its output goes.
    ///
    /// If the process is gone, helpers that it left in its session are killed.
    ///
    /// # Errors
    /// The process lives but cannot be watched.
    pub async fn adopt(
        &self,
        options: UnitOptions,
        launch: Launch,
        identity: &ProcessIdentity,
    ) -> Result<Adoption, SupervisorError> {
        let pid = identity.pid;
        let unwatchable = |source| SupervisorError::Unwatchable { pid, source };
        if identity.boot_id != *self.boot_id {
            return Ok(Adoption::Gone(GoneReason::OtherBoot));
        }
        let wanted = identity.clone();
        let look = tokio::task::spawn_blocking(move || find(&wanted));
        match look.await.map_err(|error| unwatchable(error.into()))?.map_err(unwatchable)? {
            Err(reason) => Ok(Adoption::Gone(reason)),
            Ok(fd) => {
                let pidfd = kernel::watch(fd).map_err(unwatchable)?;
                let since = moment_of_ticks(identity.start_ticks);
                let found = Found { pidfd, identity: identity.clone(), since, launch };
                let setting = Setting { options, boot_id: Arc::clone(&self.boot_id) };
                Ok(Adoption::Alive(begin(setting, Some(found))))
            }
        }
    }
}

/// The descriptor of exactly that process, or why there is none. Its session is cleared then.
fn find(identity: &ProcessIdentity) -> io::Result<Result<OwnedFd, GoneReason>> {
    let gone = |reason| {
        let left = session::sweep(identity);
        if left > 0 {
            tracing::warn!(session = identity.pid, left, "helpers of a gone process survive");
        }
        Ok(Err(reason))
    };
    let Some(fd) = pidfd::open(identity.pid)? else { return gone(GoneReason::NoSuchProcess) };
    // Only now: whatever the pid names from here on is what the descriptor holds, or nothing.
    match ProcessStat::read(identity.pid) {
        None => return gone(GoneReason::NoSuchProcess),
        Some(stat) if stat.start_ticks != identity.start_ticks => {
            return Ok(Err(GoneReason::PidReused { start_ticks: stat.start_ticks }));
        }
        Some(_) => {}
    }
    match pidfd::fate(&fd)? {
        Fate::Alive => Ok(Ok(fd)),
        Fate::EndedForeign(reason) => gone(GoneReason::Ended(reason)),
        Fate::EndedChild(reason) => {
            let outcome = gone(GoneReason::Ended(reason));
            pidfd::reap(&fd)?;
            outcome
        }
    }
}
