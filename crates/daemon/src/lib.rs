//! The laptop's daemon: the server and one agent in one process, detached from whoever started it.
//!
//! It must never be a second code path: the agent dials the server over mTLS here too, with targets that are
//! signed and verified. Start at [`run`]; [`ensure_running`] is what the CLI calls.

mod environment;
mod socket;
mod start;

use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rustix::fs::{FlockOperation, flock};
use thiserror::Error;
use tokio::net::TcpListener;

use klamm_agent::{AgentError, AgentOptions};
use klamm_artifacts::{Cache, CacheError, JavaPolicy, Lock};
use klamm_core::kafka::KafkaVersion;
use klamm_core::model::HostId;
use klamm_core::planner::Supply;
use klamm_disk::DiskError;
use klamm_pki::{LiveIdentity, TlsError, client_config, root_store};
use klamm_server::{Server, ServerError, ServerOptions, Supplies};

pub use socket::{SocketAddress, bind};
pub use start::{StartError, ensure_running, is_running};

/// How often the daemon looks whether its agent's certificate comes of age.
const LOOK_AT_CERTIFICATE: Duration = Duration::from_secs(3600);
/// How long a daemon that answers no more may take to end: it closes its store, and lets its last readers go.
const PREDECESSOR_ENDS: Duration = Duration::from_secs(5);
const LOOK_AT_LOCK: Duration = Duration::from_millis(10);
/// A third of the 90 days that it lives.
const RENEW_WITH_LEFT: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

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
    /// The operator's mirrors, one base URL a line.
    pub mirrors: PathBuf,
}

impl Folders {
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
    /// Another daemon has the folders.
    #[error("another daemon keeps {state}")]
    Taken {
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
    /// TLS between the two.
    #[error("the link between agent and server could not be made")]
    Tls(#[from] TlsError),
}

/// Runs until the server is asked to stop. Kafka runs on.
pub async fn run(folders: Folders) -> Result<(), DaemonError> {
    for folder in [&folders.state, &folders.logs, &folders.run, &folders.cache] {
        klamm_disk::ensure_folder(folder)?;
    }
    let _lock = lock(&folders).await?;
    let server = Server::open(ServerOptions { folder: folders.state.join("server"), supplies: supplies() })?;

    let address = loopback();
    let socket_failed = |what: String| move |source| DaemonError::Socket { what, source };
    let agents =
        TcpListener::bind((address, 0)).await.map_err(socket_failed(format!("a port of {address}")))?;
    let port = agents.local_addr().map_err(socket_failed("the agents' port".to_owned()))?.port();
    let people = bind(&folders.socket()).map_err(socket_failed(folders.socket().display().to_string()))?;

    let host = host_id(&folders)?;
    let enrolment = server.enrol_own_agent(&host).await?;
    let identity = Arc::new(LiveIdentity::new(&enrolment.credential)?);
    let renewing = renew(&server, &host, identity.clone(), enrolment.credential.facts().not_after);
    let mut tls = client_config(Some(identity), root_store(&enrolment.trust)?)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let agent = klamm_agent::run(AgentOptions {
        host: host.clone(),
        folders: klamm_agent::Folders {
            state: folders.state.clone(),
            logs: folders.logs.clone(),
            cache: folders.cache.clone(),
        },
        // By address: a bare machine may not know what localhost is.
        server: format!("https://{}", SocketAddr::new(address, port)),
        tls,
        targets: enrolment.targets,
        supply: klamm_artifacts::Supply::new(Cache::open(&folders.cache)?),
        mirrors: folders.mirrors.clone(),
        java: JavaPolicy::MachineOrManaged,
    });
    tracing::info!(version = env!("CARGO_PKG_VERSION"), port, "the daemon runs");
    tokio::select! {
        served = server.serve(people, agents, address) => served?,
        kept = agent => kept?,
        () = renewing => {}
    }
    tracing::info!("the daemon ends; what it started runs on");
    Ok(())
}

/// Makes the agent's certificate anew when a third of its life is left.
async fn renew(server: &Server, host: &HostId, identity: Arc<LiveIdentity>, mut not_after: jiff::Timestamp) {
    loop {
        tokio::time::sleep(LOOK_AT_CERTIFICATE).await;
        if not_after.duration_since(jiff::Timestamp::now()) > RENEW_WITH_LEFT {
            continue;
        }
        match server.enrol_own_agent(host).await {
            Ok(enrolment) => match identity.replace(&enrolment.credential) {
                Ok(()) => not_after = enrolment.credential.facts().not_after,
                Err(error) => tracing::error!(%error, "the agent's certificate cannot be used"),
            },
            Err(error) => tracing::error!(%error, "the agent's certificate was not renewed"),
        }
    }
}

/// Held for the life of the process: two daemons never keep the same folders. One that answers no more is about to end,
/// and is waited for.
async fn lock(folders: &Folders) -> Result<std::fs::File, DaemonError> {
    let path = folders.state.join("daemon.lock");
    let failed = |source| DiskError { path: path.clone(), operation: "opening", source };
    let options = std::fs::File::options().create(true).truncate(false).write(true).open(&path);
    let file = options.map_err(failed)?;
    let begun = tokio::time::Instant::now();
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if is_running(folders).await || begun.elapsed() > PREDECESSOR_ENDS {
            return Err(DaemonError::Taken { state: folders.state.clone() });
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

fn loopback() -> std::net::IpAddr {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let usable = StdTcpListener::bind((Ipv4Addr::LOCALHOST, 0)).is_ok();
    if usable { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

/// The host's id: made once, kept in the state folder.
fn host_id(folders: &Folders) -> Result<HostId, DaemonError> {
    let path = folders.state.join("agent").join("host-id");
    let known =
        klamm_disk::read_file(&path)?.and_then(|text| String::from_utf8_lossy(&text).trim().parse().ok());
    if let Some(id) = known {
        return Ok(id);
    }
    let id = format!("host-{:016x}", rand::rng().next_u64());
    klamm_disk::replace_file(&path, id.as_bytes())?;
    Ok(id.parse().expect("sixteen hexadecimal digits are a host id"))
}
