//! Clusters: what is wanted of each, and the beginning of what is done about it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::params;

use klamm_core::api::Want;
use klamm_core::model::plan::Plan;
use klamm_core::model::run::{JournalEntry, Run, RunState};
use klamm_core::model::target::Target;
use klamm_core::model::{ClusterId, ClusterName, Sha256};

use crate::error::Failed;
use crate::store::{parsed, unreadable_column};
use crate::{Store, StoreError, runs, targets};

/// A cluster's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRecord {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// What is wanted of it.
    pub want: Want,
    /// Digest of the spec that is wanted; a blob.
    pub spec: Sha256,
}

/// What somebody wants, ready to be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The cluster's row from now on.
    pub record: ClusterRecord,
    /// What the goal names and the store may not have.
    pub blobs: BTreeMap<Sha256, Vec<u8>>,
    /// What is to be done; none where everything is as it shall be.
    pub run: Option<NewRun>,
}

/// A run before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Who asks.
    pub actor: String,
    /// Why, one line of the journal.
    pub event: String,
    /// What is done.
    pub plan: Plan,
    /// The target when all is done.
    pub goal: Target,
}

impl Store {
    /// All clusters, by name.
    pub fn clusters(&mut self) -> Result<Vec<ClusterRecord>, StoreError> {
        self.read("read of clusters", |transaction| {
            let mut statement =
                transaction.prepare_cached("SELECT id, name, want, spec FROM clusters ORDER BY name")?;
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
    }

    /// The cluster of that name.
    pub fn cluster(&mut self, name: &ClusterName) -> Result<Option<ClusterRecord>, StoreError> {
        Ok(self.clusters()?.into_iter().find(|record| record.name == *name))
    }

    /// Begins what somebody wants: the cluster's row, the blobs, the run and its first line in the journal, all or
    /// nothing. Refused while a run of the cluster goes on, and when the plan was made from a target that is no longer
    /// in force.
    pub fn begin(&mut self, intent: Intent, at: Timestamp) -> Result<Option<Run>, StoreError> {
        self.write("begin of a run", move |transaction| {
            let Intent { record: ClusterRecord { id, name, want, spec }, blobs, run } = intent;
            if let Some(going_on) = runs::going_on(transaction, id)? {
                return Err(Failed::RunGoesOn(id, going_on));
            }
            transaction.execute(
                "INSERT INTO clusters (id, name, want, spec) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET want = excluded.want, spec = excluded.spec",
                params![id.to_string(), name.to_string(), want_text(want), spec.to_string()],
            )?;
            let mut keep = transaction.prepare_cached(
                "INSERT INTO blobs (digest, content) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
            )?;
            for (digest, content) in blobs {
                keep.execute(params![digest.to_string(), content])?;
            }
            let Some(NewRun { actor, event, plan, goal }) = run else { return Ok(None) };
            if targets::number_in_force(transaction, id)? != plan.from {
                return Err(Failed::NotCurrent(id));
            }
            let run = Run {
                id: 0,
                cluster: id,
                actor: actor.clone(),
                plan,
                goal,
                next_step: 0,
                state: RunState::Running,
                started: at,
                changed: at,
            };
            let run = runs::insert(transaction, run)?;
            let entry = JournalEntry { cluster: id, run: Some(run.id), actor, event };
            runs::journal(transaction, &entry, at)?;
            Ok(Some(run))
        })
    }

    /// Forgets a destroyed cluster: its row and its targets. Its journal and its runs stay.
    pub fn forget_cluster(&mut self, cluster: ClusterId) -> Result<(), StoreError> {
        self.write("removal of a cluster", move |transaction| {
            let id = cluster.to_string();
            transaction.execute("DELETE FROM targets WHERE cluster = ?1", [&id])?;
            transaction.execute("DELETE FROM clusters WHERE id = ?1", [&id])?;
            Ok(())
        })
    }
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
