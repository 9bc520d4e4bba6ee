//! The long-lived processes: a server, the agent of a host that has joined it, and the laptop's daemon, which is both
//! in one, detached from whoever started it.
//!
//! The daemon must never be a second code path: its agent dials its server over mTLS too, with targets that are
//! signed and verified. Start at [`run_server`] and [`run_host`], or [`run`]; [`ensure_running`] is what `klamm up`
//! calls.

mod environment;
mod host;
mod laptop;
mod server;
mod signals;
mod socket;
mod start;

use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

use klamm_agent::AgentError;
use klamm_artifacts::{CacheError, Lock, SourceFiles};
use klamm_core::kafka::KafkaVersion;
use klamm_core::planner::Supply;
use klamm_disk::DiskError;
use klamm_pki::TlsError;
use klamm_server::{ServerError, Supplies};

pub use host::{join, run_host};
pub use klamm_agent::{JoinError, JoinOptions};
pub use laptop::run;
pub use server::{ServerArguments, run_server};
pub use socket::{SocketAddress, bind};
pub use start::{StartError, ensure_running, is_running};

/// How long a server that answers no more may take to end: it closes its store, and lets its last readers go.
const SERVER_ENDS: Duration = Duration::from_secs(5);
/// How long an agent may take to end: it keeps nothing open that must be closed.
const AGENT_ENDS: Duration = Duration::from_secs(1);
const LOOK_AT_LOCK: Duration = Duration::from_millis(10);

/// Where the daemon keeps things.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The server's store and keys, the agent's ledger, the slots.
    pub state: PathBuf,
    /// Logs.
    pub logs: PathBuf,
    /// The socket and the lock.
    pub run: PathBuf,
    /// Downloads.
    pub cache: PathBuf,
    /// Where the operator says where downloads come from.
    pub sources: SourceFiles,
}

impl Folders {
    fn of_agent(&self) -> klamm_agent::Folders {
        klamm_agent::Folders { state: self.state.clone(), logs: self.logs.clone(), cache: self.cache.clone() }
    }

    /// Makes those that are not there.
    fn ensure(&self) -> Result<(), DiskError> {
        for folder in [&self.state, &self.logs, &self.run, &self.cache] {
            klamm_disk::ensure_folder(folder)?;
        }
        Ok(())
    }

    /// The socket for people's tools.
    pub fn socket(&self) -> PathBuf {
        self.run.join("server.sock")
    }

    /// What the daemon itself prints and logs.
    pub fn log(&self) -> PathBuf {
        self.logs.join("daemon.log")
    }
}

/// Why there is no daemon.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// Files.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another process has the folders.
    #[error("another {what} keeps {state}")]
    Taken {
        /// What.
        what: &'static str,
        /// The state folder.
        state: PathBuf,
    },
    /// A socket could not be opened.
    #[error("{what} could not be opened")]
    Socket {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Joining, or what is kept of it.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// What a server remembers of where it listens is damaged.
    #[error("{path} is not readable")]
    Listening {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Nobody ever said where the server listens.
    #[error("the server was never told where to listen for agents")]
    NoListen,
    /// TLS between the two.
    #[error("the link between agent and server could not be made")]
    Tls(#[from] TlsError),
}

/// What a process keeps to itself for as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Server,
    Agent,
}

/// Held for the life of the process: two servers, or two agents, never keep the same folders. A server that answers no
/// more is about to end, and is waited for; so is an agent, of which nobody can ask whether it is.
async fn lock(folders: &Folders, part: Part) -> Result<std::fs::File, DaemonError> {
    let (name, what) = match part {
        Part::Server => ("server.lock", "server"),
        Part::Agent => ("agent.lock", "agent"),
    };
    let path = folders.state.join(name);
    let failed = |source| DiskError { path: path.clone(), operation: "opening", source };
    let options = std::fs::File::options().create(true).truncate(false).write(true).open(&path);
    let file = options.map_err(failed)?;
    let begun = tokio::time::Instant::now();
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let goes_on = match part {
            Part::Server => is_running(folders).await || begun.elapsed() > SERVER_ENDS,
            Part::Agent => begun.elapsed() > AGENT_ENDS,
        };
        if goes_on {
            return Err(DaemonError::Taken { what, state: folders.state.clone() });
        }
        tokio::time::sleep(LOOK_AT_LOCK).await;
    }
    Ok(file)
}

/// Every Kafka that a lock file is carried for, oldest first. `cargo xtask versions` runs the end-to-end story on each.
pub fn runnable_versions() -> Vec<KafkaVersion> {
    let mut versions: Vec<KafkaVersion> =
        Lock::carried().iter().filter_map(|lock| lock.kafka().parse().ok()).collect();
    versions.sort_unstable();
    versions
}

fn supplies() -> Supplies {
    let jar = klamm_agent::jar_digest();
    let supply = |version: KafkaVersion| {
        let version = version.to_string();
        let lock = Lock::for_kafka(&version)?;
        Some((version, Supply { lock: lock.digest(), jar, java: lock.java().to_vec() }))
    };
    runnable_versions().into_iter().filter_map(supply).collect()
}
