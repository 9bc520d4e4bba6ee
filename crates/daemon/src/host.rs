//! The agent of a host that has joined a server of its own.

use klamm_agent::{JoinOptions, JoinedOptions, Membership, run_joined};
use klamm_artifacts::{Cache, JavaPolicy, Supply};

use crate::signals::stop_asked;
use crate::{DaemonError, Folders, Part, lock};

/// Joins a server; only while no agent runs here.
pub async fn join(folders: &Folders, options: JoinOptions) -> Result<Membership, DaemonError> {
    folders.ensure()?;
    let _lock = lock(folders, Part::Agent).await?;
    Ok(klamm_agent::join(&folders.of_agent(), options).await?)
}

/// Runs the agent until it is asked to end. Kafka runs on.
pub async fn run_host(folders: Folders) -> Result<(), DaemonError> {
    folders.ensure()?;
    let _lock = lock(&folders, Part::Agent).await?;
    let agent = run_joined(JoinedOptions {
        folders: folders.of_agent(),
        supply: Supply::new(Cache::open(&folders.cache)?),
        sources: folders.sources.clone(),
        java: JavaPolicy::MachineOrManaged,
    });
    tokio::select! {
        kept = agent => kept?,
        () = stop_asked() => {}
    }
    tracing::info!("the agent ends; what it started runs on");
    Ok(())
}
