//! What can go wrong with the store.

use std::path::PathBuf;

use thiserror::Error;

use klamm_core::model::{ClusterId, Epoch};

/// Why the store did not do it; nothing was changed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the store {path} refused a {operation}")]
    Sqlite {
        /// Its file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// SQLite's reason.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer Klamm wrote it.
    #[error(
        "the store {path} has schema {found}, this Klamm knows up to {known}; use the newer Klamm{}",
        or_the_copy(backup.as_ref())
    )]
    Newer {
        /// Its file.
        path: PathBuf,
        /// What is there.
        found: u32,
        /// What this version can read.
        known: u32,
        /// The copy that the newer Klamm made before it changed the schema, where it is still there.
        backup: Option<PathBuf>,
    },
    /// A document in it is not readable.
    #[error("the store {path} holds an unreadable {document}")]
    Unreadable {
        /// Its file.
        path: PathBuf,
        /// Which kind of document.
        document: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Somebody else published a target since this one, or this plan, was made.
    #[error("cluster {cluster}: another target was published in between; plan again")]
    NotCurrent {
        /// Whose target.
        cluster: ClusterId,
    },
    /// A run of the cluster has not ended.
    #[error("cluster {cluster}: run {run} is still going on; wait for it, or abort it")]
    RunGoesOn {
        /// Whose run.
        cluster: ClusterId,
        /// Which.
        run: u64,
    },
    /// Another server has begun to act on this store.
    #[error("the store {path} belongs to epoch {by} now; this server's is {epoch}, it must stop")]
    Superseded {
        /// Its file.
        path: PathBuf,
        /// Whose write was refused.
        epoch: Epoch,
        /// Who acts now.
        by: Epoch,
    },
}

fn or_the_copy(backup: Option<&PathBuf>) -> String {
    let or = |backup: &PathBuf| {
        format!(", or put {} in its place and lose what was done since it was made", backup.display())
    };
    backup.map(or).unwrap_or_default()
}

/// Why a transaction was rolled back, before it is known in which file.
#[derive(Debug)]
pub(crate) enum Failed {
    Sqlite(rusqlite::Error),
    Unreadable(&'static str, serde_json::Error),
    NotCurrent(ClusterId),
    RunGoesOn(ClusterId, u64),
    Superseded(Epoch),
}

impl From<rusqlite::Error> for Failed {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}
