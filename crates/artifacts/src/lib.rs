//! Finds, fetches, verifies and lays out what Klamm runs: Apache Kafka as jars, and a Java to run it with.
//!
//! What it must never do: hand out a file whose SHA-256 was not checked against a lock file, change a file in
//! place that a running process may have open, or start anything but `java` to ask it who it is and to write
//! its class-data archive. It knows nothing of clusters or nodes.
//!
//! Start at [`Lock`] for what is wanted, then [`Supply`] with [`ensure_kafka()`] and [`ensure_java()`] for how it
//! gets here. [`Cache`] says where things lie.

mod archive;
mod blob;
mod bundle;
mod cache;
mod contents;
mod fetch;
mod file_facts;
mod holdings;
mod http;
mod java;
mod kafka;
mod lock;
pub mod mirrors;
mod progress;
mod sources;
mod supply;
#[cfg(test)]
mod test_server;
mod unpack;

pub use archive::{ARCHIVE_OPTIONS, ArchiveOf, Archives, KeepArchiveError};
pub use bundle::{BundleContents, BundleError, Imported, export_bundle, import_bundle};
pub use cache::{Cache, CacheError};
pub use contents::{
    Content, ContentKind, DamagedFile, InUse, delete_contents, find_unused, list_contents, verify_contents,
};
pub use fetch::{FetchError, Trouble};
pub use holdings::{Holding, holding_of};
pub use java::{
    AskError, EnsureJavaError, Java, JavaPolicy, JavaSearch, JavaSource, ManagedRuntime, discover_java,
    ensure_java, fetch_managed_java,
};
pub use kafka::{
    Damage, EnsureKafkaError, KafkaDistribution, ensure_kafka, laid_out_kafka, repair_kafka, verify_kafka,
};
pub use lock::{Artifact, ClassPathRole, Lock, LockError};
pub use mirrors::{InvalidMirror, Mirrors};
pub use progress::{NoProgress, Progress, ProgressSink};
pub use sources::{Access, SourceFiles, SourcesError};
pub use supply::{Pace, Supply};
pub use unpack::UnpackError;
