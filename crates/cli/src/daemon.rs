//! The detached process of a laptop: server and agent in one.

use anyhow::Result;
use klamm_daemon::Folders;

use crate::root::Root;

/// Runs the daemon until it is asked to stop.
pub async fn run(root: &Root) -> Result<()> {
    Ok(klamm_daemon::run(folders(root)).await?)
}

/// Starts the daemon unless it answers already.
pub async fn ensure_running(root: &Root) -> Result<()> {
    let mut arguments = vec!["daemon".to_owned()];
    if let Some(given) = root.given() {
        arguments.extend(["--root".to_owned(), given.to_string_lossy().into_owned()]);
    }
    Ok(klamm_daemon::ensure_running(&folders(root), arguments).await?)
}

/// As the long-lived processes know them.
pub(crate) fn folders(root: &Root) -> Folders {
    Folders {
        state: root.state.clone(),
        logs: root.log.clone(),
        run: root.run.clone(),
        cache: root.cache.clone(),
        sources: root.sources(),
    }
}
