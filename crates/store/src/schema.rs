//! The schema and its migrations.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::StoreError;

/// One entry a schema version; the store's `user_version` says how many were run.
pub(crate) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE clusters (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, want TEXT NOT NULL, spec TEXT NOT NULL
) STRICT;
CREATE TABLE targets (
    cluster TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (cluster, number)
) STRICT;
CREATE TABLE blobs (digest TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT NOT NULL, actor TEXT NOT NULL, plan TEXT NOT NULL,
    goal TEXT NOT NULL, next_step INTEGER NOT NULL, state TEXT NOT NULL, started TEXT NOT NULL
) STRICT;
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, cluster TEXT NOT NULL, run INTEGER,
    actor TEXT NOT NULL, event TEXT NOT NULL
) STRICT;
CREATE TABLE issued (
    serial TEXT PRIMARY KEY, cluster TEXT, kind TEXT NOT NULL, subject TEXT NOT NULL, issuer TEXT NOT NULL,
    not_before TEXT NOT NULL, not_after TEXT NOT NULL, purpose TEXT NOT NULL
) STRICT;
",
    // A target knows the line of the journal that says who published it and why; a run, when it last changed.
    "
ALTER TABLE targets ADD COLUMN journal INTEGER;
ALTER TABLE runs ADD COLUMN changed TEXT;
CREATE INDEX runs_of_cluster ON runs (cluster, id);
CREATE INDEX journal_of_cluster ON journal (cluster, sequence);
",
    // Hosts that have joined, by the key that each made; tokens by the digest of their secret.
    "
CREATE TABLE hosts (id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL, joined TEXT NOT NULL) STRICT;
CREATE TABLE tokens (
    digest TEXT PRIMARY KEY, names TEXT NOT NULL, actor TEXT NOT NULL, expires TEXT NOT NULL, used_by TEXT
) STRICT;
",
];

/// Brings an opened store to the newest schema, with a copy of the older one beside it.
pub(crate) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |operation| move |source| StoreError::Sqlite { path: path.to_owned(), operation, source };
    let found: u32 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(failed("read of its version"))?;
    let known = u32::try_from(MIGRATIONS.len()).expect("migrations are few");
    if found > known {
        let backup = Some(backup_of(path, known)).filter(|backup| backup.exists());
        return Err(StoreError::Newer { path: path.to_owned(), found, known, backup });
    }
    // Every commit is on the disk before it is acted upon.
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;")
        .map_err(failed("set-up"))?;
    if (1..known).contains(&found) {
        connection
            .backup("main", backup_of(path, found), None::<fn(_)>)
            .map_err(failed("backup before a migration"))?;
    }
    for (version, migration) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction().map_err(failed("migration"))?;
        transaction.execute_batch(migration).map_err(failed("migration"))?;
        transaction.pragma_update(None, "user_version", version).map_err(failed("migration"))?;
        transaction.commit().map_err(failed("migration"))?;
    }
    Ok(())
}

/// Where the copy of a store of schema `version` is kept.
fn backup_of(path: &Path, version: u32) -> PathBuf {
    path.with_extension(format!("schema-{version}.backup"))
}
