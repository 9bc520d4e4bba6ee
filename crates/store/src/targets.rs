//! Targets and the blobs that they name. A target becomes current only after the one that it was made from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use klamm_core::model::run::JournalEntry;
use klamm_core::model::target::Target;
use klamm_core::model::{ClusterId, Sha256, TargetNumber};

use crate::error::Failed;
use crate::store::{from_json, json, parsed};
use crate::{Store, StoreError, runs};

/// A target in a cluster's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRecord {
    /// Its number.
    pub number: TargetNumber,
    /// When it became current.
    pub at: Timestamp,
    /// The spec it was planned from, a blob.
    pub spec: Sha256,
    /// Digest of the target before it; none for the first.
    pub parent: Option<Sha256>,
    /// Who published it, in which run and why; none for one of a Klamm that did not keep it.
    pub entry: Option<JournalEntry>,
}

impl Store {
    /// The target in force; none for a cluster that has none yet.
    pub fn current_target(&mut self, cluster: ClusterId) -> Result<Option<Target>, StoreError> {
        self.read("read of a target", |transaction| in_force(transaction, cluster))
    }

    /// One target of a cluster's history.
    pub fn target(&mut self, cluster: ClusterId, number: TargetNumber) -> Result<Option<Target>, StoreError> {
        self.read("read of a target", |transaction| {
            let mut statement =
                transaction.prepare_cached("SELECT body FROM targets WHERE cluster = ?1 AND number = ?2")?;
            let body: Option<String> =
                statement.query_row(params![cluster.to_string(), number.0], |row| row.get(0)).optional()?;
            body.map(|body| from_json("target", &body)).transpose()
        })
    }

    /// A cluster's history, the oldest target first.
    pub fn targets(&mut self, cluster: ClusterId) -> Result<Vec<TargetRecord>, StoreError> {
        self.read("read of the history", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT number, targets.at, body ->> '$.spec', body ->> '$.parent', journal.run, journal.actor,
                        journal.event
                 FROM targets LEFT JOIN journal ON journal.sequence = targets.journal
                 WHERE targets.cluster = ?1 ORDER BY number",
            )?;
            let rows = statement.query_map([cluster.to_string()], |row| {
                let (run, actor, event): (Option<u64>, Option<String>, Option<String>) =
                    (row.get(4)?, row.get(5)?, row.get(6)?);
                let entry =
                    actor.zip(event).map(|(actor, event)| JournalEntry { cluster, run, actor, event });
                let parent: Option<String> = row.get(3)?;
                Ok(TargetRecord {
                    number: TargetNumber(row.get(0)?),
                    at: parsed(row, 1)?,
                    spec: parsed(row, 2)?,
                    parent: parent.map(|_| parsed(row, 3)).transpose()?,
                    entry,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Makes a target current and writes the line of the journal that says why, both or neither. Refused unless the
    /// target in force is the parent that it names, and its number the next.
    pub fn publish(
        &mut self,
        target: &Target,
        entry: &JournalEntry,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("publication of a target", |transaction| {
            let cluster = target.cluster;
            let current = in_force(transaction, cluster)?;
            let number = current.as_ref().map_or(0, |current| current.number.0) + 1;
            let parent = current.as_ref().map(Target::digest);
            if target.number != TargetNumber(number) || target.parent != parent {
                return Err(Failed::NotCurrent(cluster));
            }
            let line = runs::journal(transaction, entry, at)?;
            let mut statement = transaction.prepare_cached(
                "INSERT INTO targets (cluster, number, body, at, journal) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            statement.execute(params![cluster.to_string(), number, json(target), at.to_string(), line])?;
            Ok(())
        })
    }

    /// A blob's content.
    pub fn blob(&mut self, digest: Sha256) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("read of a blob", |transaction| Ok(blob(transaction, digest)?))
    }

    /// The content of many blobs, as far as they are there.
    pub fn blobs(&mut self, digests: &BTreeSet<Sha256>) -> Result<BTreeMap<Sha256, Vec<u8>>, StoreError> {
        self.read("read of blobs", |transaction| {
            let mut found = BTreeMap::new();
            for digest in digests {
                found.extend(blob(transaction, *digest)?.map(|content| (*digest, content)));
            }
            Ok(found)
        })
    }
}

fn blob(transaction: &Transaction<'_>, digest: Sha256) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement = transaction.prepare_cached("SELECT content FROM blobs WHERE digest = ?1")?;
    statement.query_row([digest.to_string()], |row| row.get(0)).optional()
}

fn in_force(transaction: &Transaction<'_>, cluster: ClusterId) -> Result<Option<Target>, Failed> {
    let mut statement = transaction
        .prepare_cached("SELECT body FROM targets WHERE cluster = ?1 ORDER BY number DESC LIMIT 1")?;
    let body: Option<String> = statement.query_row([cluster.to_string()], |row| row.get(0)).optional()?;
    body.map(|body| from_json("target", &body)).transpose()
}

/// The number of the target in force.
pub(crate) fn number_in_force(
    transaction: &Transaction<'_>,
    cluster: ClusterId,
) -> rusqlite::Result<Option<TargetNumber>> {
    let mut statement = transaction.prepare_cached("SELECT max(number) FROM targets WHERE cluster = ?1")?;
    let number: Option<u64> = statement.query_row([cluster.to_string()], |row| row.get(0))?;
    Ok(number.map(TargetNumber))
}
