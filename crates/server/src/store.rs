//! The server's durable state in SQLite: clusters, targets, blobs, runs, the journal and the issuance log.
//!
//! One thread owns the connection; every call is one transaction that is on the disk when it returns.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use klamm_core::api::Want;
use klamm_core::model::target::Target;
use klamm_core::model::{ClusterId, ClusterName, Epoch, Sha256};

mod issued;
mod runs;
mod schema;

pub(crate) use issued::Issued;
pub(crate) use runs::{JournalEntry, RunRecord};

/// What went wrong with the store.
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
    #[error("the store {path} has schema {found}, this Klamm knows up to {known}; use the newer Klamm")]
    Newer {
        /// Its file.
        path: PathBuf,
        /// What is there.
        found: u32,
        /// What this version can read.
        known: u32,
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
    /// Somebody else published a target in between.
    #[error("cluster {cluster}: another target was published in between; plan again")]
    NotCurrent {
        /// Whose target.
        cluster: ClusterId,
    },
    /// The owner thread is gone: the server is stopping.
    #[error("the store {path} is closed")]
    Closed {
        /// Its file.
        path: PathBuf,
    },
}

/// A cluster's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterRecord {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// What is wanted of it.
    pub want: Want,
    /// Digest of the spec that is wanted; a blob.
    pub spec: Sha256,
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A cheap handle to the store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    jobs: mpsc::UnboundedSender<Job>,
    path: Arc<Path>,
}

impl Store {
    /// Opens or creates the store, migrates it forwards, and begins a new epoch.
    pub(crate) fn open(path: &Path) -> Result<(Self, Epoch), StoreError> {
        let mut connection = schema::open(path)?;
        let epoch = schema::raise_epoch(&mut connection).map_err(|source| StoreError::Sqlite {
            path: path.to_owned(),
            operation: "new epoch",
            source,
        })?;
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut connection);
                }
            })
            .expect("a server can start a thread");
        Ok((Self { jobs, path: path.into() }, epoch))
    }

    /// Runs `work` in one transaction on the owner thread.
    async fn transaction<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = connection.transaction().map_err(Failed::from).and_then(|transaction| {
                let value = work(&transaction)?;
                transaction.commit()?;
                Ok(value)
            });
            // The asker may have been cancelled; what was committed stays committed.
            drop(answer.send(outcome));
        });
        let path = || self.path.to_path_buf();
        self.jobs.send(job).map_err(|_| StoreError::Closed { path: path() })?;
        match answered.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Failed::Sqlite(source))) => Err(StoreError::Sqlite { path: path(), operation, source }),
            Ok(Err(Failed::Unreadable(document, source))) => {
                Err(StoreError::Unreadable { path: path(), document, source })
            }
            Ok(Err(Failed::NotCurrent(cluster))) => Err(StoreError::NotCurrent { cluster }),
            Err(_) => Err(StoreError::Closed { path: path() }),
        }
    }

    /// All clusters, by name.
    pub(crate) async fn clusters(&self) -> Result<Vec<ClusterRecord>, StoreError> {
        self.transaction("read of clusters", |transaction| {
            let mut statement =
                transaction.prepare("SELECT id, name, want, spec FROM clusters ORDER BY name")?;
            let rows = statement.query_map([], |row| {
                Ok(ClusterRecord {
                    id: parsed(row, 0)?,
                    name: parsed(row, 1)?,
                    want: want_of(&row.get::<_, String>(2)?)?,
                    spec: parsed(row, 3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The target in force; none for a cluster that was never planned.
    pub(crate) async fn current_target(&self, cluster: ClusterId) -> Result<Option<Target>, StoreError> {
        self.transaction("read of a target", move |transaction| {
            let body: Option<String> = transaction
                .query_row(
                    "SELECT body FROM targets WHERE cluster = ?1 ORDER BY number DESC LIMIT 1",
                    [cluster.to_string()],
                    |row| row.get(0),
                )
                .optional()?;
            body.map(|body| {
                serde_json::from_str(&body).map_err(|source| Failed::Unreadable("target", source))
            })
            .transpose()
        })
        .await
    }

    /// Writes what a plan made: the cluster's row and the blobs that its targets name.
    pub(crate) async fn record_intent(
        &self,
        cluster: ClusterRecord,
        blobs: Vec<(Sha256, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        self.transaction("write of a cluster", move |transaction| {
            let ClusterRecord { id, name, want, spec } = cluster;
            transaction.execute(
                "INSERT INTO clusters (id, name, want, spec) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET want = excluded.want, spec = excluded.spec",
                params![id.to_string(), name.to_string(), want_text(want), spec.to_string()],
            )?;
            for (digest, content) in blobs {
                transaction.execute(
                    "INSERT INTO blobs (digest, content) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
                    params![digest.to_string(), content],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// Makes a target current, if its parent still is.
    pub(crate) async fn publish(&self, target: &Target) -> Result<(), StoreError> {
        let body = serde_json::to_string(target).expect("a target has only string keys");
        let (cluster, number) = (target.cluster, target.number.0);
        self.transaction("publication of a target", move |transaction| {
            let current: Option<u64> = transaction.query_row(
                "SELECT max(number) FROM targets WHERE cluster = ?1",
                [cluster.to_string()],
                |row| row.get(0),
            )?;
            if current.unwrap_or(0) + 1 != number {
                return Err(Failed::NotCurrent(cluster));
            }
            transaction.execute(
                "INSERT INTO targets (cluster, number, body, at) VALUES (?1, ?2, ?3, ?4)",
                params![cluster.to_string(), number, body, jiff::Timestamp::now().to_string()],
            )?;
            Ok(())
        })
        .await
    }

    /// A blob's content.
    pub(crate) async fn blob(&self, digest: Sha256) -> Result<Option<Vec<u8>>, StoreError> {
        self.transaction("read of a blob", move |transaction| {
            Ok(transaction
                .query_row("SELECT content FROM blobs WHERE digest = ?1", [digest.to_string()], |row| {
                    row.get(0)
                })
                .optional()?)
        })
        .await
    }

    /// Forgets a destroyed cluster: its row and its targets. Its journal stays.
    pub(crate) async fn forget_cluster(&self, cluster: ClusterId) -> Result<(), StoreError> {
        self.transaction("removal of a cluster", move |transaction| {
            let id = cluster.to_string();
            transaction.execute("DELETE FROM targets WHERE cluster = ?1", [&id])?;
            transaction.execute("DELETE FROM clusters WHERE id = ?1", [&id])?;
            Ok(())
        })
        .await
    }
}

/// Why a transaction was rolled back.
#[derive(Debug)]
enum Failed {
    Sqlite(rusqlite::Error),
    Unreadable(&'static str, serde_json::Error),
    NotCurrent(ClusterId),
}

impl From<rusqlite::Error> for Failed {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

/// Reads a column that holds one of our text ids.
fn parsed<T>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, String>(column)?.parse().map_err(|error| unreadable_column(column, Box::new(error)))
}

fn unreadable_column(column: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
}

fn want_text(want: Want) -> &'static str {
    match want {
        Want::Up => "up",
        Want::Down => "down",
        Want::Destroyed => "destroyed",
    }
}

fn want_of(text: &str) -> rusqlite::Result<Want> {
    match text {
        "up" => Ok(Want::Up),
        "down" => Ok(Want::Down),
        "destroyed" => Ok(Want::Destroyed),
        other => Err(unreadable_column(2, format!("unknown want {other:?}").into())),
    }
}

#[cfg(test)]
mod tests;
