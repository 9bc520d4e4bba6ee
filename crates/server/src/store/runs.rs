//! Runs and the journal: progress is durable before the act that it announces.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use klamm_core::api::RunState;
use klamm_core::model::ClusterId;
use klamm_core::model::plan::Plan;
use klamm_core::model::target::Target;

use super::{Failed, Store, StoreError, parsed};

/// One execution of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunRecord {
    /// Its number.
    pub id: u64,
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Who asked for it.
    pub actor: String,
    /// What is done.
    pub plan: Plan,
    /// The target when all is done.
    pub goal: Target,
    /// The step that is next, from 0.
    pub next_step: usize,
    /// Where it is.
    pub state: RunState,
    /// When it began.
    pub started: Timestamp,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JournalEntry {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Of which run.
    pub run: Option<u64>,
    /// Who.
    pub actor: String,
    /// What, one line.
    pub event: String,
}

impl Store {
    /// Begins a run; its number is in the record that comes back.
    pub(crate) async fn begin_run(&self, record: RunRecord) -> Result<RunRecord, StoreError> {
        self.transaction("begin of a run", move |transaction| {
            let id = transaction.query_row(
                "INSERT INTO runs (cluster, actor, plan, goal, next_step, state, started)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
                params![
                    record.cluster.to_string(),
                    record.actor,
                    json(&record.plan),
                    json(&record.goal),
                    record.next_step,
                    json(&record.state),
                    record.started.to_string()
                ],
                |row| row.get(0),
            )?;
            Ok(RunRecord { id, ..record })
        })
        .await
    }

    /// Notes how far a run has come.
    pub(crate) async fn advance_run(
        &self,
        id: u64,
        next_step: usize,
        state: RunState,
    ) -> Result<(), StoreError> {
        self.transaction("progress of a run", move |transaction| {
            transaction.execute(
                "UPDATE runs SET next_step = ?2, state = ?3 WHERE id = ?1",
                params![id, next_step, json(&state)],
            )?;
            Ok(())
        })
        .await
    }

    /// The newest run of a cluster.
    pub(crate) async fn latest_run(&self, cluster: ClusterId) -> Result<Option<RunRecord>, StoreError> {
        self.transaction("read of a run", move |transaction| {
            let row = transaction
                .query_row(
                    "SELECT id, cluster, actor, plan, goal, next_step, state, started FROM runs
                     WHERE cluster = ?1 ORDER BY id DESC LIMIT 1",
                    [cluster.to_string()],
                    |row| {
                        let texts: (String, String, String) = (row.get(3)?, row.get(4)?, row.get(6)?);
                        Ok((row.get(0)?, parsed(row, 1)?, row.get(2)?, texts, row.get(5)?, parsed(row, 7)?))
                    },
                )
                .optional()?;
            let Some((id, cluster, actor, (plan, goal, state), next_step, started)) = row else {
                return Ok(None);
            };
            Ok(Some(RunRecord {
                id,
                cluster,
                actor,
                plan: read("plan", &plan)?,
                goal: read("goal", &goal)?,
                next_step,
                state: read("run", &state)?,
                started,
            }))
        })
        .await
    }

    /// Adds a line to the journal.
    pub(crate) async fn note(&self, entry: JournalEntry) -> Result<(), StoreError> {
        self.transaction("journal entry", move |transaction| {
            let JournalEntry { cluster, run, actor, event } = entry;
            transaction.execute(
                "INSERT INTO journal (at, cluster, run, actor, event) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![Timestamp::now().to_string(), cluster.to_string(), run, actor, event],
            )?;
            Ok(())
        })
        .await
    }
}

fn json(document: &impl serde::Serialize) -> String {
    serde_json::to_string(document).expect("a run's documents have only string keys")
}

fn read<T: serde::de::DeserializeOwned>(kind: &'static str, text: &str) -> Result<T, Failed> {
    serde_json::from_str(text).map_err(|source| Failed::Unreadable(kind, source))
}
