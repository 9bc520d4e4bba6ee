//! Starting the daemon, if it does not run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::net::UnixStream;

use klamm_disk::{DiskError, ensure_folder};
use klamm_supervise::{
    Launch, LogCap, RestartPolicy, Supervisor, SupervisorError, UnitGone, UnitOptions, cap_console,
};

use crate::Folders;
use crate::environment::inherited;
use crate::server::listening_file;
use crate::socket::SocketAddress;

/// Opening the store and the keys takes a fraction of a second; a busy disk may take more.
const PATIENCE: Duration = Duration::from_secs(30);

const LOOK: Duration = Duration::from_millis(20);

/// The daemon's own log stays small.
const LOG: LogCap = LogCap { max_bytes: 5 << 20, keep: 1 };

/// Why the daemon does not answer.
#[derive(Debug, Error)]
pub enum StartError {
    /// Files.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Processes cannot be started here.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    /// Nor watched.
    #[error(transparent)]
    Unit(#[from] UnitGone),
    /// It ended right away.
    #[error("the daemon ended at once: {said}")]
    Ended {
        /// The last line that it logged.
        said: String,
    },
    /// A server of its own has these folders; a daemon in its place would make this machine one of its hosts.
    #[error("the folders in {state} are those of a server of its own, which does not run")]
    OwnServer {
        /// The state folder.
        state: PathBuf,
    },
    /// It does not answer.
    #[error("the daemon does not answer on {socket}; its log is {log}")]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// This program's own file is not known.
    #[error("this program's own file cannot be found")]
    OwnFile(#[source] std::io::Error),
}

/// Whether a daemon answers.
pub async fn is_running(folders: &Folders) -> bool {
    match SocketAddress::of(&folders.socket()) {
        Ok(address) => UnixStream::connect(address.path()).await.is_ok(),
        Err(_) => false,
    }
}

/// Starts the daemon in a session of its own if none answers, with `arguments` to this program. Returns when it
/// answers.
pub async fn ensure_running(folders: &Folders, arguments: Vec<String>) -> Result<(), StartError> {
    if is_running(folders).await {
        return Ok(());
    }
    if listening_file(folders).exists() {
        return Err(StartError::OwnServer { state: folders.state.clone() });
    }
    for folder in [&folders.run, &folders.logs, &folders.state] {
        ensure_folder(folder)?;
    }
    if let Err(error) = cap_console(&folders.log(), &LOG) {
        tracing::warn!(%error, "the daemon's log could not be cut");
    }
    let program = std::env::current_exe().map_err(StartError::OwnFile)?;
    let mut launch = Launch::new(program, &folders.state, folders.log());
    launch.args = arguments;
    launch.env = inherited(std::env::vars_os());
    let once = RestartPolicy { give_up_after: Some(0), ..RestartPolicy::default() };
    let unit = Supervisor::new()?.unit(UnitOptions { policy: once, ..UnitOptions::new("daemon") });
    unit.start(launch).await?;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if is_running(folders).await {
            // Let go: the daemon outlives whoever started it.
            return Ok(unit.forget().await?);
        }
        if unit.status().failures > 0 {
            // It may have lost a race against another one that answers now.
            unit.forget().await?;
            tokio::time::sleep(LOOK).await;
            if is_running(folders).await {
                return Ok(());
            }
            return Err(StartError::Ended { said: last_line(folders) });
        }
        tokio::time::sleep(LOOK).await;
    }
    unit.forget().await?;
    Err(StartError::Silent { socket: folders.socket(), log: folders.log() })
}

fn last_line(folders: &Folders) -> String {
    let log = std::fs::read_to_string(folders.log()).unwrap_or_default();
    log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it logged nothing").to_owned()
}
