//! Runs and the journal: progress is durable before the act that it announces.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use klamm_core::model::ClusterId;
use klamm_core::model::run::{JournalEntry, JournalLine, Run, RunState};

use crate::error::Failed;
use crate::store::{from_json, json, parsed};
use crate::{Store, StoreError};

const COLUMNS: &str = "id, cluster, actor, plan, goal, next_step, state, started, coalesce(changed, started)";

impl Store {
    /// Notes how far a run has come and, where there is something to say, a line of the journal: both or neither.
    pub fn advance(
        &mut self,
        run: u64,
        next_step: usize,
        state: &RunState,
        entry: Option<&JournalEntry>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("progress of a run", |transaction| {
            let mut statement = transaction
                .prepare_cached("UPDATE runs SET next_step = ?2, state = ?3, changed = ?4 WHERE id = ?1")?;
            statement.execute(params![run, next_step, json(state), at.to_string()])?;
            if let Some(entry) = entry {
                journal(transaction, entry, at)?;
            }
            Ok(())
        })
    }

    /// The newest run of a cluster.
    pub fn latest_run(&mut self, cluster: ClusterId) -> Result<Option<Run>, StoreError> {
        self.read("read of a run", |transaction| {
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE cluster = ?1 ORDER BY id DESC LIMIT 1");
            let mut statement = transaction.prepare_cached(&sql)?;
            let row = statement.query_row([cluster.to_string()], RunRow::read).optional()?;
            row.map(RunRow::into_run).transpose()
        })
    }

    /// One run.
    pub fn run(&mut self, id: u64) -> Result<Option<Run>, StoreError> {
        self.read("read of a run", |transaction| {
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
            let mut statement = transaction.prepare_cached(&sql)?;
            let row = statement.query_row([id], RunRow::read).optional()?;
            row.map(RunRow::into_run).transpose()
        })
    }

    /// All runs of a cluster, the oldest first.
    pub fn runs(&mut self, cluster: ClusterId) -> Result<Vec<Run>, StoreError> {
        self.read("read of runs", |transaction| {
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE cluster = ?1 ORDER BY id");
            let mut statement = transaction.prepare_cached(&sql)?;
            let rows = statement.query_map([cluster.to_string()], RunRow::read)?;
            rows.map(|row| row.map_err(Failed::from).and_then(RunRow::into_run)).collect()
        })
    }

    /// Adds a line to the journal.
    pub fn note(&mut self, entry: &JournalEntry, at: Timestamp) -> Result<(), StoreError> {
        self.write("journal entry", |transaction| {
            journal(transaction, entry, at)?;
            Ok(())
        })
    }

    /// The journal of a cluster, the oldest line first.
    pub fn journal(&mut self, cluster: ClusterId) -> Result<Vec<JournalLine>, StoreError> {
        self.read("read of the journal", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT sequence, at, run, actor, event FROM journal WHERE cluster = ?1 ORDER BY sequence",
            )?;
            let rows = statement.query_map([cluster.to_string()], |row| {
                Ok(JournalLine {
                    sequence: row.get(0)?,
                    at: parsed(row, 1)?,
                    entry: JournalEntry { cluster, run: row.get(2)?, actor: row.get(3)?, event: row.get(4)? },
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Gives a run its number.
pub(crate) fn insert(transaction: &Transaction<'_>, run: Run) -> Result<Run, Failed> {
    let Run { id: _, cluster, actor, plan, goal, next_step, state, started, changed } = &run;
    let mut statement = transaction.prepare_cached(
        "INSERT INTO runs (cluster, actor, plan, goal, next_step, state, started, changed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
    )?;
    let id = statement.query_row(
        params![
            cluster.to_string(),
            actor,
            json(plan),
            json(goal),
            next_step,
            json(state),
            started.to_string(),
            changed.to_string()
        ],
        |row| row.get(0),
    )?;
    Ok(Run { id, ..run })
}

/// The run of a cluster that has not ended.
pub(crate) fn going_on(transaction: &Transaction<'_>, cluster: ClusterId) -> Result<Option<u64>, Failed> {
    let mut statement = transaction
        .prepare_cached("SELECT id, state FROM runs WHERE cluster = ?1 ORDER BY id DESC LIMIT 1")?;
    let row: Option<(u64, String)> =
        statement.query_row([cluster.to_string()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((id, state)) = row else { return Ok(None) };
    let state: RunState = from_json("run", &state)?;
    Ok((state == RunState::Running).then_some(id))
}

/// Writes one line; its sequence number comes back.
pub(crate) fn journal(
    transaction: &Transaction<'_>,
    entry: &JournalEntry,
    at: Timestamp,
) -> rusqlite::Result<u64> {
    let JournalEntry { cluster, run, actor, event } = entry;
    let mut statement = transaction.prepare_cached(
        "INSERT INTO journal (at, cluster, run, actor, event) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING sequence",
    )?;
    statement.query_row(params![at.to_string(), cluster.to_string(), run, actor, event], |row| row.get(0))
}

/// A row of `runs` before its documents are read.
struct RunRow {
    id: u64,
    cluster: ClusterId,
    actor: String,
    plan: String,
    goal: String,
    next_step: usize,
    state: String,
    started: Timestamp,
    changed: Timestamp,
}

impl RunRow {
    /// In the order of [`COLUMNS`].
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            cluster: parsed(row, 1)?,
            actor: row.get(2)?,
            plan: row.get(3)?,
            goal: row.get(4)?,
            next_step: row.get(5)?,
            state: row.get(6)?,
            started: parsed(row, 7)?,
            changed: parsed(row, 8)?,
        })
    }

    fn into_run(self) -> Result<Run, Failed> {
        let Self { id, cluster, actor, plan, goal, next_step, state, started, changed } = self;
        Ok(Run {
            id,
            cluster,
            actor,
            plan: from_json("plan", &plan)?,
            goal: from_json("goal", &goal)?,
            next_step,
            state: from_json("run", &state)?,
            started,
            changed,
        })
    }
}
