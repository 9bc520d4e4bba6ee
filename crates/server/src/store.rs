//! The handle to the store: one thread owns it, so that nobody waits for the disk on a thread that serves others.

use std::path::Path;

use tokio::sync::{mpsc, oneshot};

use klamm_core::model::Epoch;
use klamm_store::{Store, StoreError};

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// A cheap handle to the store.
#[derive(Debug, Clone)]
pub(crate) struct StoreHandle {
    jobs: mpsc::UnboundedSender<Job>,
}

impl StoreHandle {
    /// Opens or creates the store and begins a new epoch.
    pub(crate) fn open(path: &Path) -> Result<(Self, Epoch), StoreError> {
        let mut store = Store::open(path)?;
        let epoch = store.raise_epoch()?;
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut store);
                }
            })
            .expect("a server can start a thread");
        Ok((Self { jobs }, epoch))
    }

    /// Runs `work` on the owner's thread. Whoever asks may be cancelled; what was committed stays committed.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |store| drop(answer.send(work(store))));
        self.jobs.send(job).expect("the owner lives as long as a handle");
        answered.await.expect("the owner answers each job")
    }
}
