//! Makes Kafka, Klamm's own jar and Java ready: once for all slots that need the same.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use thiserror::Error;
use tokio::sync::{OnceCell, watch};

use klamm_artifacts::{
    ClassPathRole, EnsureJavaError, EnsureKafkaError, Java, JavaPolicy, JavaSearch, KafkaDistribution, Lock,
    Progress, SourceFiles, SourcesError, Supply, ensure_java, ensure_kafka,
};
use klamm_core::model::inventory::Stage;
use klamm_core::model::target::ProcessTarget;
use klamm_core::model::{ByteCount, Sha256};

use klamm_disk::{self as disk, DiskError};

/// Klamm's own jar: engine factory and observer.
static JAR: &[u8] = include_bytes!("../../../jvm/klamm-jvm.jar");

/// The digest of Klamm's own jar, as targets name it.
pub fn jar_digest() -> Sha256 {
    Sha256::of(JAR)
}

/// Why executables are not ready.
#[derive(Debug, Error)]
pub enum ProvideError {
    /// The target names a lock file that this agent does not carry: it executes nothing else.
    #[error("the target wants Kafka {kafka} by lock file {lock}, which this version of Klamm does not carry")]
    UnknownLock {
        /// The version, for people.
        kafka: String,
        /// The digest.
        lock: Sha256,
    },
    /// The target names another jar of Klamm's than this agent carries.
    #[error("the target wants Klamm's jar {wanted}, this version of Klamm carries {carried}")]
    UnknownJar {
        /// The target's.
        wanted: Sha256,
        /// The agent's.
        carried: Sha256,
    },
    /// Kafka could not be made ready.
    #[error("Kafka could not be made ready")]
    Kafka(#[source] Box<EnsureKafkaError>),
    /// No Java.
    #[error("no Java could be made ready")]
    Java(#[source] Box<EnsureJavaError>),
    /// The jar could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The operator's files that say where downloads come from cannot be used.
    #[error(transparent)]
    Sources(#[from] SourcesError),
}

/// What a launch needs.
#[derive(Debug, Clone)]
pub(crate) struct Provided {
    /// Kafka's jars.
    pub kafka: KafkaDistribution,
    /// Java.
    pub java: Java,
    /// Klamm's jar on the disk.
    pub jar: PathBuf,
}

impl Provided {
    /// The whole class path, in order.
    pub(crate) fn class_path(&self) -> Vec<PathBuf> {
        self.kafka.class_path.iter().chain([&self.jar]).cloned().collect()
    }
}

type Cell = Arc<OnceCell<Arc<Provided>>>;

/// Shared by all slots of a host.
#[derive(Clone)]
pub(crate) struct Provider {
    supply: Supply,
    sources: SourceFiles,
    java: JavaPolicy,
    cells: Arc<Mutex<BTreeMap<Sha256, Cell>>>,
    stage: watch::Receiver<Option<Stage>>,
}

impl Provider {
    /// Over a supply; its progress is what [`Provider::stage`] tells. `sources` say where downloads come from.
    pub(crate) fn new(supply: Supply, sources: SourceFiles, java: JavaPolicy) -> Self {
        let (told, stage) = watch::channel(None);
        let progress = move |event: Progress<'_>| {
            if let Some(stage) = stage_of(event) {
                told.send_replace(Some(stage));
            }
        };
        let supply = Supply { progress: Arc::new(progress), ..supply };
        Self { supply, sources, java, cells: Arc::default(), stage }
    }

    /// What was made ready for this process before; none before [`Provider::provide`].
    pub(crate) fn provided(&self, process: &ProcessTarget) -> Option<Arc<Provided>> {
        self.cell(process).get().cloned()
    }

    /// What is being fetched now.
    pub(crate) fn stage(&self) -> watch::Receiver<Option<Stage>> {
        self.stage.clone()
    }

    /// Makes ready; slots that ask for the same at once wait for one.
    pub(crate) async fn provide(&self, process: &ProcessTarget) -> Result<Arc<Provided>, ProvideError> {
        let cell = self.cell(process);
        cell.get_or_try_init(|| async { self.make_ready(process).await.map(Arc::new) }).await.cloned()
    }

    fn cell(&self, process: &ProcessTarget) -> Cell {
        let mut cells = self.cells.lock().expect("no holder of the lock panics");
        let ProcessTarget { lock, jar, java, .. } = process;
        let what = serde_json::to_vec(&(lock, jar, java)).expect("digests and numbers are JSON");
        cells.entry(Sha256::of(&what)).or_default().clone()
    }

    async fn make_ready(&self, process: &ProcessTarget) -> Result<Provided, ProvideError> {
        let unknown = || ProvideError::UnknownLock { kafka: process.kafka.clone(), lock: process.lock };
        let lock = Lock::by_digest(process.lock).ok_or_else(unknown)?;
        let jar = self.jar(process.jar)?;
        let supply = self.sources.apply(&self.supply)?;
        let search = JavaSearch::of_machine();
        let java = ensure_java(&supply, &process.java, &self.java, &search);
        let kafka = ensure_kafka(&supply, lock, ClassPathRole::Node);
        // Java first: where none is there it is the larger download, and its failure is the sooner told.
        let (java, kafka) = tokio::try_join!(
            async { java.await.map_err(|error| ProvideError::Java(Box::new(error))) },
            async { kafka.await.map_err(|error| ProvideError::Kafka(Box::new(error))) }
        )?;
        Ok(Provided { kafka, java, jar })
    }
}

impl Provider {
    /// Klamm's jar on the disk: the one that this version carries, or one that an earlier version laid there.
    fn jar(&self, wanted: Sha256) -> Result<PathBuf, ProvideError> {
        let jar = self.supply.cache.root().join("klamm").join(wanted.to_string()).join("klamm-jvm.jar");
        let there = disk::read_file(&jar)?.is_some_and(|content| Sha256::of(&content) == wanted);
        let carried = jar_digest();
        match (there, wanted == carried) {
            (true, _) => {}
            (false, true) => disk::replace_file(&jar, JAR)?,
            (false, false) => return Err(ProvideError::UnknownJar { wanted, carried }),
        }
        Ok(jar)
    }
}

fn stage_of(event: Progress<'_>) -> Option<Stage> {
    match event {
        Progress::Stage(step) => Some(Stage::Preparing { step: step.to_owned() }),
        Progress::Bytes { done, total } => Some(Stage::Fetching {
            item: "Kafka and Java".to_owned(),
            done: ByteCount(done),
            total: ByteCount(total),
        }),
        Progress::Planned { .. }
        | Progress::Started { .. }
        | Progress::Retrying { .. }
        | Progress::Finished { .. } => None,
    }
}
