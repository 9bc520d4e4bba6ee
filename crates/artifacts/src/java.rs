//! A Java to run Kafka with: the machine's own when one fits, else the managed runtime.

mod ask;
mod managed;

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::fetch::FetchError;
use crate::supply::Supply;
use crate::unpack::UnpackError;
pub use ask::AskError;
pub(crate) use ask::run as run_java;
pub use managed::{ManagedRuntime, fetch_managed_java};

/// Where a Java comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JavaSource {
    /// It was on the machine.
    Machine,
    /// Klamm fetched it.
    Managed,
}

/// A Java, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Java {
    /// The launcher, links resolved, so that it stays the same when the machine's default Java changes.
    pub executable: PathBuf,
    /// `java.home`.
    pub home: PathBuf,
    /// `17`, `21`, `25`.
    pub major: u32,
    /// `java.version`, for example `17.0.15`.
    pub version: String,
    /// `java.vendor`.
    pub vendor: String,
    /// `java.vm.name`.
    pub virtual_machine: String,
    /// Where it comes from.
    pub source: JavaSource,
}

impl Java {
    /// Kafka's flags (G1, class-data archives, GC logs) are HotSpot's; OpenJ9 does not start with them.
    fn is_hotspot(&self) -> bool {
        !self.virtual_machine.contains("OpenJ9")
    }
}

/// Which Java may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JavaPolicy {
    /// The machine's if one fits, else the managed one: the default.
    MachineOrManaged,
    /// Never fetch one.
    MachineOnly,
    /// Never look at the machine's.
    ManagedOnly,
    /// This launcher and no other.
    Exactly(PathBuf),
}

/// Where to look for the machine's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JavaSearch {
    /// `JAVA_HOME`: an accepted Java here is taken before any other, because somebody said so.
    pub java_home: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
    /// Folders whose every child may be a Java home.
    pub folders: Vec<PathBuf>,
}

impl JavaSearch {
    /// What this process's environment and the usual places of Linux say: those of the distributions' packages,
    /// of hand-made installations, and of the version managers SDKMAN, asdf, mise and of IntelliJ.
    pub fn of_machine() -> Self {
        let not_empty = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = not_empty("HOME").map(PathBuf::from);
        let at_home =
            [".sdkman/candidates/java", ".asdf/installs/java", ".local/share/mise/installs/java", ".jdks"];
        let folders = ["/usr/lib/jvm", "/usr/java", "/usr/local/java", "/opt", "/opt/java"]
            .map(PathBuf::from)
            .into_iter()
            .chain(home.into_iter().flat_map(|home| at_home.map(|below| home.join(below))))
            .collect();
        Self { java_home: not_empty("JAVA_HOME").map(PathBuf::from), path: not_empty("PATH"), folders }
    }
}

/// Why there is no Java.
#[derive(Debug, thiserror::Error)]
pub enum EnsureJavaError {
    /// The launcher that was asked for does not answer.
    #[error("the Java that was asked for does not answer")]
    Ask(#[from] AskError),
    /// The launcher that was asked for is of another version, or not HotSpot.
    #[error("{path:?} is Java {version} ({virtual_machine}), accepted is {}", list(accepted))]
    NotAccepted {
        /// The launcher.
        path: PathBuf,
        /// Its version.
        version: String,
        /// Its virtual machine.
        virtual_machine: String,
        /// Accepted major versions.
        accepted: Vec<u32>,
    },
    /// The machine has none that fits, and fetching one was not allowed.
    #[error("no Java {} on this machine; found: {}", list(accepted), if found.is_empty() { "none".to_owned() } else { found.join(", ") })]
    NoneOnMachine {
        /// Accepted major versions.
        accepted: Vec<u32>,
        /// What is there: version and path.
        found: Vec<String>,
    },
    /// There is no managed runtime for this machine or for these versions.
    #[error(
        "no Java {} on this machine, and no managed runtime of such a version for {platform}",
        list(accepted)
    )]
    NoManagedRuntime {
        /// Accepted major versions.
        accepted: Vec<u32>,
        /// `linux-x86_64`.
        platform: String,
    },
    /// The managed runtime could not be fetched.
    #[error(
        "no Java {} on this machine, and the managed Java {version} could not be fetched",
        list(accepted)
    )]
    Fetch {
        /// Accepted major versions.
        accepted: Vec<u32>,
        /// Version of the managed runtime.
        version: String,
        /// Why.
        source: FetchError,
    },
    /// The managed runtime could not be unpacked.
    #[error("the managed Java {version} could not be unpacked")]
    Unpack {
        /// Version of the managed runtime.
        version: String,
        /// Why.
        source: UnpackError,
    },
    /// The managed runtime does not run here.
    #[error("the managed Java {version} does not run on this machine")]
    DoesNotRun {
        /// Version of the managed runtime.
        version: String,
        /// Why.
        source: AskError,
    },
    /// The cache could not be read or written.
    #[error("the cache file {path:?} could not be used")]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn list(majors: &[u32]) -> String {
    majors.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// Every Java that `search` finds and that answers, in the order of the search: `JAVA_HOME`, `PATH`, folders.
///
/// Each is asked once and its answer kept in the cache until the launcher file changes, so that a later call
/// starts no JVM. One that does not answer is left out and logged.
pub async fn discover_java(supply: &Supply, search: &JavaSearch) -> Vec<Java> {
    ask::discover(&supply.cache, search).await
}

/// A Java of one of the `accepted` major versions, best first (see `Lock::java`), by `policy`.
///
/// # Errors
/// When there is none, or the managed one could not be brought here.
pub async fn ensure_java(
    supply: &Supply,
    accepted: &[u32],
    policy: &JavaPolicy,
    search: &JavaSearch,
) -> Result<Java, EnsureJavaError> {
    let fits = |java: &Java| java.is_hotspot() && accepted.contains(&java.major);
    match policy {
        JavaPolicy::Exactly(path) => {
            let java = ask::ask(path).await?;
            if fits(&java) {
                return Ok(java);
            }
            let Java { version, virtual_machine, .. } = java;
            let (path, accepted) = (path.clone(), accepted.to_vec());
            Err(EnsureJavaError::NotAccepted { path, version, virtual_machine, accepted })
        }
        JavaPolicy::ManagedOnly => managed::ensure(supply, accepted).await,
        JavaPolicy::MachineOrManaged | JavaPolicy::MachineOnly => {
            let found = discover_java(supply, search).await;
            if let Some(best) = best_of(&found, accepted, search) {
                return Ok(best.clone());
            }
            if *policy == JavaPolicy::MachineOrManaged {
                return managed::ensure(supply, accepted).await;
            }
            let found =
                found.iter().map(|java| format!("{} at {}", java.version, java.home.display())).collect();
            Err(EnsureJavaError::NoneOnMachine { accepted: accepted.to_vec(), found })
        }
    }
}

/// `JAVA_HOME` if it fits, else the first found of the best version.
fn best_of<'a>(found: &'a [Java], accepted: &[u32], search: &JavaSearch) -> Option<&'a Java> {
    let wished = search.java_home.as_ref().and_then(|home| home.join("bin/java").canonicalize().ok());
    found
        .iter()
        .filter(|java| java.is_hotspot())
        .filter_map(|java| Some((accepted.iter().position(|major| *major == java.major)?, java)))
        .min_by_key(|(rank, java)| (wished.as_ref() != Some(&java.executable), *rank))
        .map(|(_, java)| java)
}

#[cfg(test)]
mod tests;
