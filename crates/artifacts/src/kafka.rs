//! A laid-out Kafka: the jars of a lock in one folder, each a hard link to a verified file of the cache.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use klamm_core::model::Sha256;
use serde::{Deserialize, Serialize};

use crate::blob::{self, Wanted};
use crate::cache::{Cache, ensure_folder, sync_folder, write_atomically};
use crate::fetch::{FetchError, fetch_all};
use crate::file_facts::FileFacts;
use crate::lock::{Artifact, ClassPathRole, Lock};
use crate::progress::Progress;
use crate::supply::Supply;

/// The only format of `layout.json` so far.
const FORMAT: u32 = 1;

/// Jars of one Kafka version, in place and checked for one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaDistribution {
    /// The Kafka version.
    pub version: String,
    /// The lock that it was laid out from: what a target names.
    pub lock_digest: Sha256,
    /// The role that it is complete for.
    pub role: ClassPathRole,
    /// Absolute paths of every jar of the role, in the lock's order: the same on every host and in every start, as
    /// class-data archives need it.
    pub class_path: Vec<PathBuf>,
}

/// Why a Kafka could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum EnsureKafkaError {
    /// A jar could not be fetched.
    #[error("the jars of Kafka {version} are not complete")]
    Fetch {
        /// The Kafka version.
        version: String,
        /// The first failure.
        source: FetchError,
    },
    /// The cache folder could not be read or written.
    #[error("the jars of Kafka {version} could not be laid out at {path:?}")]
    LayOut {
        /// The Kafka version.
        version: String,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A laid-out file that is not what the lock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The lock's digest.
    pub expected: Sha256,
    /// The file's digest; nothing when it is missing.
    pub found: Option<Sha256>,
}

/// What is known of each laid-out file, so that later looks need not read it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    version: u32,
    lock: Sha256,
    files: BTreeMap<String, FileFacts>,
}

/// The Kafka of `lock` for `role` if it lies in the cache unchanged since it was verified: one `stat` a jar, no
/// network, nothing written.
pub fn laid_out_kafka(cache: &Cache, lock: &Lock, role: ClassPathRole) -> Option<KafkaDistribution> {
    let folder = cache.kafka_folder(lock);
    let layout = read_layout(&folder, lock)?;
    lock.artifacts_for(role)
        .all(|artifact| is_as_recorded(&folder, &layout, artifact))
        .then(|| distribution(&folder, lock, role))
}

/// Makes the Kafka of `lock` ready for `role`: what is missing or damaged is fetched, verified and laid out.
/// May be repeated and may run in several processes at once; jars that a running Kafka has open stay as they are.
///
/// # Errors
/// When a jar cannot be fetched, or the cache cannot be written.
pub async fn ensure_kafka(
    supply: &Supply,
    lock: &Lock,
    role: ClassPathRole,
) -> Result<KafkaDistribution, EnsureKafkaError> {
    match laid_out_kafka(&supply.cache, lock, role) {
        Some(ready) => Ok(ready),
        None => repair_kafka(supply, lock, role).await,
    }
}

/// [`ensure_kafka`] that believes nothing: every file is read, what is damaged is fetched again.
///
/// # Errors
/// As [`ensure_kafka`].
pub async fn repair_kafka(
    supply: &Supply,
    lock: &Lock,
    role: ClassPathRole,
) -> Result<KafkaDistribution, EnsureKafkaError> {
    let version = || lock.kafka().to_owned();
    supply.progress.report(Progress::Stage("checking the cache"));
    let missing = blocking(lock, {
        let (cache, lock) = (supply.cache.clone(), lock.clone());
        move || missing_blobs(&cache, &lock, role)
    })
    .await?;
    fetch_all(supply, missing)
        .await
        .map_err(|source| EnsureKafkaError::Fetch { version: version(), source })?;
    supply.progress.report(Progress::Stage("laying out Kafka"));
    blocking(lock, {
        let (cache, lock) = (supply.cache.clone(), lock.clone());
        move || lay_out(&cache, &lock, role)
    })
    .await
}

/// Reads every laid-out jar of `role` and compares it with the lock: some 50 MB, in the calling thread.
///
/// # Errors
/// When a file is there but cannot be read.
pub fn verify_kafka(cache: &Cache, lock: &Lock, role: ClassPathRole) -> io::Result<Vec<Damage>> {
    let folder = cache.kafka_folder(lock);
    let mut damages = Vec::new();
    for artifact in lock.artifacts_for(role) {
        let path = jar(&folder, artifact);
        let found = blob::digest_of(&path)?;
        if found != Some(artifact.sha256) {
            damages.push(Damage { path, expected: artifact.sha256, found });
        }
    }
    Ok(damages)
}

async fn blocking<T: Send + 'static>(
    lock: &Lock,
    work: impl FnOnce() -> Result<T, (PathBuf, io::Error)> + Send + 'static,
) -> Result<T, EnsureKafkaError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended
        .unwrap_or_else(|stopped| Err((PathBuf::new(), io::Error::other(stopped))))
        .map_err(|(path, source)| EnsureKafkaError::LayOut { version: lock.kafka().to_owned(), path, source })
}

/// What must be fetched. Reads what is there: something is new or was changed, or this would not run.
fn missing_blobs(
    cache: &Cache,
    lock: &Lock,
    role: ClassPathRole,
) -> Result<Vec<Wanted>, (PathBuf, io::Error)> {
    let mut missing = Vec::new();
    for artifact in lock.artifacts_for(role) {
        let blob = cache.blob(artifact.sha256);
        if !blob::is_whole_or_removed(&blob, artifact.sha256).map_err(|failed| (blob, failed))? {
            missing.push(Wanted::from(artifact));
        }
    }
    Ok(missing)
}

/// Links every jar of the role to its blob. Each link appears by a rename, so that whoever starts a JVM at the same
/// moment, in this process or another, finds the old file or the new one.
fn lay_out(
    cache: &Cache,
    lock: &Lock,
    role: ClassPathRole,
) -> Result<KafkaDistribution, (PathBuf, io::Error)> {
    let folder = cache.kafka_folder(lock);
    let libs = folder.join("libs");
    ensure_folder(&libs).map_err(|failed| (libs.clone(), failed))?;
    let guard_path = folder.join("layout.lock");
    // Two roles laid out at once would each drop the other's lines of `layout.json`.
    let guard = fs::File::create(&guard_path).map_err(|failed| (guard_path.clone(), failed))?;
    guard.lock().map_err(|failed| (guard_path, failed))?;
    let mut files = read_layout(&folder, lock).map(|layout| layout.files).unwrap_or_default();
    for artifact in lock.artifacts_for(role) {
        let path = jar(&folder, artifact);
        let facts = link(&cache.blob(artifact.sha256), &path).map_err(|failed| (path, failed))?;
        files.insert(artifact.file_name().to_owned(), facts);
    }
    sync_folder(&libs).map_err(|failed| (libs, failed))?;
    let layout = Layout { version: FORMAT, lock: lock.digest(), files };
    let text = serde_json::to_vec_pretty(&layout).expect("strings and numbers are always JSON");
    let path = folder.join("layout.json");
    write_atomically(&path, &text).map_err(|failed| (path, failed))?;
    Ok(distribution(&folder, lock, role))
}

/// Makes `path` a hard link to `blob`, unless it is one already.
fn link(blob: &Path, path: &Path) -> io::Result<FileFacts> {
    let wanted = FileFacts::of(blob)?;
    if FileFacts::of(path).is_ok_and(|found| found == wanted) {
        return Ok(wanted);
    }
    let temporary = path.with_extension("linking");
    match fs::remove_file(&temporary) {
        Err(failed) if failed.kind() != io::ErrorKind::NotFound => return Err(failed),
        Ok(()) | Err(_) => {}
    }
    if fs::hard_link(blob, &temporary).is_err() {
        // A file system without hard links. The copy gets its own facts but the blob's time.
        let modified = fs::metadata(blob)?.modified()?;
        fs::copy(blob, &temporary)?;
        let copy = fs::File::open(&temporary)?;
        copy.set_modified(modified)?;
        copy.sync_all()?;
    }
    fs::rename(&temporary, path)?;
    FileFacts::of(path)
}

fn read_layout(folder: &Path, lock: &Lock) -> Option<Layout> {
    let text = fs::read(folder.join("layout.json")).ok()?;
    let layout: Layout = serde_json::from_slice(&text).ok()?;
    (layout.version == FORMAT && layout.lock == lock.digest()).then_some(layout)
}

fn is_as_recorded(folder: &Path, layout: &Layout, artifact: &Artifact) -> bool {
    let recorded = layout.files.get(artifact.file_name());
    let found = FileFacts::of(&jar(folder, artifact));
    recorded.is_some_and(|recorded| {
        recorded.size() == artifact.size && found.is_ok_and(|found| found == *recorded)
    })
}

fn distribution(folder: &Path, lock: &Lock, role: ClassPathRole) -> KafkaDistribution {
    KafkaDistribution {
        version: lock.kafka().to_owned(),
        lock_digest: lock.digest(),
        role,
        class_path: lock.artifacts_for(role).map(|artifact| jar(folder, artifact)).collect(),
    }
}

fn jar(folder: &Path, artifact: &Artifact) -> PathBuf {
    folder.join("libs").join(artifact.file_name())
}

#[cfg(test)]
mod tests;
