//! What a cache holds of each Kafka, at a glance: no file is read, nothing is written.

use crate::cache::Cache;
use crate::kafka::laid_out_kafka;
use crate::lock::{ClassPathRole, Lock};

/// How much of a Kafka is in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// Laid out and unchanged since it was verified.
    Ready,
    /// Some of its files are here; a fetch brings or lays out the rest.
    Partly {
        /// Files that are here.
        here: usize,
        /// All files.
        of: usize,
    },
    /// Nothing of it.
    Absent,
}

/// What `cache` holds of the Kafka of `lock` for `role`.
pub fn holding_of(cache: &Cache, lock: &Lock, role: ClassPathRole) -> Holding {
    if laid_out_kafka(cache, lock, role).is_some() {
        return Holding::Ready;
    }
    let is_here = |artifact: &&crate::Artifact| cache.blob(artifact.sha256).is_file();
    let of = lock.artifacts_for(role).count();
    match lock.artifacts_for(role).filter(is_here).count() {
        0 => Holding::Absent,
        here => Holding::Partly { here, of },
    }
}
