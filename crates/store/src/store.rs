//! The store itself: one connection, one transaction a call, fenced by epochs.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use klamm_core::model::Epoch;

use crate::StoreError;
use crate::error::Failed;
use crate::schema;

/// The durable state of one server.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    epoch: Epoch,
}

impl Store {
    /// Opens or creates the store and brings it to the newest schema, with a copy of the older one beside it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::over(path.to_owned(), Connection::open(path))
    }

    /// A store that is gone with its value, for simulations and tests.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::over(PathBuf::from(":memory:"), Connection::open_in_memory())
    }

    fn over(path: PathBuf, opened: rusqlite::Result<Connection>) -> Result<Self, StoreError> {
        let failed = |operation| {
            let path = path.clone();
            move |source| StoreError::Sqlite { path, operation, source }
        };
        let mut connection = opened.map_err(failed("open"))?;
        schema::prepare(&mut connection, &path)?;
        let epoch = epoch_in_force(&connection).map_err(failed("read of its epoch"))?;
        Ok(Self { connection, path, epoch })
    }

    /// Begins a new epoch: durable before its server acts, so that commands of the servers before it can be refused.
    /// From here on their writes are refused by the store too.
    pub fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.epoch = self.in_transaction("new epoch", TransactionBehavior::Immediate, |transaction| {
            let raised = transaction.query_row(
                "INSERT INTO meta (key, value) VALUES ('epoch', '1')
                 ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1
                 RETURNING CAST(value AS INTEGER)",
                [],
                |row| row.get(0),
            )?;
            Ok(Epoch(raised))
        })?;
        Ok(self.epoch)
    }

    /// A copy in memory that goes its own way, for simulations.
    pub fn copy(&self) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Sqlite { path: self.path.clone(), operation: "copy", source };
        let mut connection = Connection::open_in_memory().map_err(failed)?;
        let copied = rusqlite::backup::Backup::new(&self.connection, &mut connection)
            .and_then(|backup| backup.run_to_completion(1000, std::time::Duration::ZERO, None));
        copied.map_err(failed)?;
        Ok(Self { connection, path: self.path.clone(), epoch: self.epoch })
    }

    /// Has the writes that follow count as those of a server of `epoch`: for a simulation in which several servers
    /// believe to own one store.
    pub fn speak_as(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    pub(crate) fn read<T>(
        &mut self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failed>,
    ) -> Result<T, StoreError> {
        self.in_transaction(operation, TransactionBehavior::Deferred, work)
    }

    /// As [`Store::read`], refused to a server that another one has superseded.
    pub(crate) fn write<T>(
        &mut self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failed>,
    ) -> Result<T, StoreError> {
        let own = self.epoch;
        self.in_transaction(operation, TransactionBehavior::Immediate, |transaction| {
            let by = epoch_in_force(transaction)?;
            if by > own {
                return Err(Failed::Superseded(by));
            }
            work(transaction)
        })
    }

    fn in_transaction<T>(
        &mut self,
        operation: &'static str,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failed>,
    ) -> Result<T, StoreError> {
        let opened = self.connection.transaction_with_behavior(behavior).map_err(Failed::from);
        let outcome = opened.and_then(|transaction| {
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        let (path, epoch) = (&self.path, self.epoch);
        outcome.map_err(|failed| match failed {
            Failed::Sqlite(source) => StoreError::Sqlite { path: path.clone(), operation, source },
            Failed::Unreadable(document, source) => {
                StoreError::Unreadable { path: path.clone(), document, source }
            }
            Failed::NotCurrent(cluster) => StoreError::NotCurrent { cluster },
            Failed::RunGoesOn(cluster, run) => StoreError::RunGoesOn { cluster, run },
            Failed::Superseded(by) => StoreError::Superseded { path: path.clone(), epoch, by },
        })
    }
}

fn epoch_in_force(connection: &Connection) -> rusqlite::Result<Epoch> {
    let mut statement =
        connection.prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'epoch'")?;
    let epoch = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(Epoch(epoch.unwrap_or(0)))
}

/// A document as its column keeps it.
pub(crate) fn json(document: &impl serde::Serialize) -> String {
    serde_json::to_string(document).expect("what the store keeps has only string keys")
}

/// A document out of its column.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(kind: &'static str, text: &str) -> Result<T, Failed> {
    serde_json::from_str(text).map_err(|source| Failed::Unreadable(kind, source))
}

/// Reads a column that holds one of our text ids.
pub(crate) fn parsed<T>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, String>(column)?.parse().map_err(|error| unreadable_column(column, Box::new(error)))
}

pub(crate) fn unreadable_column(
    column: usize,
    error: Box<dyn std::error::Error + Send + Sync>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
}
