//! Fast starts: a class-data archive for each Kafka, Java and collector that runs here, made by a throwaway node once
//! everything is calm, and used by every start from then on.
//!
//! An archive is no part of a target: it changes nothing of what a node is, so that its coming and going restarts
//! nobody. Whatever goes wrong with one costs the time that it would have saved and nothing else.

mod papers;
mod throwaway;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use klamm_artifacts::{ArchiveOf, Archives, Cache};
use klamm_core::model::Sha256;
use klamm_core::model::target::ProcessTarget;

use crate::error::chain;
use crate::provide::Provided;

/// How long all nodes must have been ready before a throwaway node takes processor time: whoever typed `up` goes on
/// with clients of their own first.
const CALM: Duration = Duration::from_secs(10);

/// Shared by all slots of a host.
#[derive(Clone)]
pub(crate) struct Warm {
    archives: Arc<Archives>,
    /// Where the throwaway node lives; private, as it has keys.
    folder: PathBuf,
    /// What was tried in this agent's life: one that could not be made is not tried again and again.
    tried: Arc<Mutex<BTreeSet<Sha256>>>,
}

impl Warm {
    /// With archives in `cache` and a throwaway node in `folder`. Ends the one that a killed agent left there.
    pub(crate) fn new(cache: Cache, folder: PathBuf) -> Self {
        throwaway::end_left_over(&folder);
        Self { archives: Arc::new(Archives::new(cache)), folder, tried: Arc::default() }
    }

    /// The option that a start of `process` has beside the target's; none where there is no archive for it. Reads the
    /// archive when it sees it for the first time.
    pub(crate) async fn option(&self, process: &ProcessTarget, provided: &Arc<Provided>) -> Option<String> {
        let (archives, process, provided) = (self.archives.clone(), process.clone(), provided.clone());
        let look = move || {
            let class_path = provided.class_path();
            let of = archive_of(&process, &provided, &class_path);
            archives.kept(&of).map(|kept| kept.map(|path| of.option_to_use(&path)))
        };
        let looked = tokio::task::spawn_blocking(look).await;
        looked.unwrap_or_else(|stopped| Err(std::io::Error::other(stopped))).unwrap_or_else(|error| {
            tracing::warn!(%error, "a class-data archive cannot be looked at");
            None
        })
    }

    /// Deletes an archive whose user crashed.
    pub(crate) fn discard(&self, archive: &Path) {
        let path = archive.display();
        match self.archives.discard(archive) {
            Ok(()) => {
                tracing::warn!(archive = %path, "Java crashed; its class-data archive is not used any more")
            }
            Err(error) => {
                tracing::warn!(archive = %path, %error, "a class-data archive could not be deleted")
            }
        }
    }

    /// Makes the archive for `process` if there is none.
    async fn train(&self, process: &ProcessTarget, provided: &Provided) {
        let class_path = provided.class_path();
        let of = archive_of(process, provided, &class_path);
        let key =
            Sha256::of(format!("{:?}{:?}", class_path, of.deciding_options().collect::<Vec<_>>()).as_bytes());
        let kept = self.archives.kept(&of);
        if !matches!(kept, Ok(None)) || !self.tried.lock().expect("no holder of the lock panics").insert(key)
        {
            return;
        }
        let begun = Instant::now();
        tracing::info!(kafka = process.kafka, java = provided.java.version, "making a class-data archive");
        let written = match throwaway::run(&self.folder, process, provided, &of).await {
            Ok(written) => written,
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    "no class-data archive was made; starts stay as slow as they are"
                );
                return;
            }
        };
        match self.archives.keep(&of, &written).await {
            Ok(path) => {
                tracing::info!(archive = %path.display(), took = ?begun.elapsed(), "starts use a class-data archive");
            }
            Err(error) => tracing::warn!(error = chain(&error), "a class-data archive was not kept"),
        }
        if let Err(error) = klamm_disk::delete(&self.folder) {
            tracing::warn!(error = chain(&error), "a throwaway node's folder is left");
        }
    }
}

fn archive_of<'a>(
    process: &'a ProcessTarget,
    provided: &'a Provided,
    class_path: &'a [PathBuf],
) -> ArchiveOf<'a> {
    ArchiveOf { java: &provided.java, class_path, options: &process.jvm_options }
}

/// Trains when everything has been calm for a while, and stops at once when it is not any more.
pub(crate) struct Training {
    warm: Warm,
    calm_since: Option<Instant>,
    work: Option<JoinHandle<()>>,
}

impl Training {
    pub(crate) fn new(warm: Warm) -> Self {
        Self { warm, calm_since: None, work: None }
    }

    /// Looks again. `nodes` are all that shall run here if all of them are ready; nothing otherwise.
    pub(crate) fn look(&mut self, nodes: Option<Vec<(ProcessTarget, Arc<Provided>)>>) {
        let Some(nodes) = nodes.filter(|nodes| !nodes.is_empty()) else {
            self.calm_since = None;
            self.stop();
            return;
        };
        let since = *self.calm_since.get_or_insert_with(Instant::now);
        let is_busy = self.work.as_ref().is_some_and(|work| !work.is_finished());
        if is_busy || since.elapsed() < CALM {
            return;
        }
        let warm = self.warm.clone();
        self.work = Some(tokio::spawn(async move {
            for (process, provided) in nodes {
                warm.train(&process, &provided).await;
            }
        }));
        // The next look is as far away: what was tried is not tried again, but reading it all each time costs.
        self.calm_since = Some(Instant::now());
    }

    fn stop(&mut self) {
        if let Some(work) = self.work.take() {
            work.abort();
        }
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        self.stop();
    }
}
