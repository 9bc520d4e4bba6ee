//! What a person does with runs: looks at them, ends one, takes one up again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use klamm_core::api::{RunDetail, RunOrder, RunRow, Runs};
use klamm_core::machines::executor::Executor;
use klamm_core::model::ClusterName;
use klamm_core::model::run::{Run, RunState};
use klamm_store::ClusterRecord;

use super::{Clock, start};
use crate::clusters::Abort;
use crate::error::ServerError;
use crate::{Server, status};

/// How long an abort is waited for: an act inside Kafka that is out is not called back, and takes up to 20 s.
const ABORT: Duration = Duration::from_secs(30);

/// All runs of a cluster, the newest first.
pub(crate) async fn list(server: &Server, name: &ClusterName) -> Result<Runs, ServerError> {
    let ClusterRecord { id, .. } = status::record(server, name).await?;
    let runs = server.store.with(move |store| store.runs(id)).await?;
    Ok(Runs { runs: runs.iter().rev().map(row).collect(), now: Timestamp::now() })
}

/// One run with its journal.
pub(crate) async fn show(server: &Server, name: &ClusterName, id: u64) -> Result<RunDetail, ServerError> {
    let record = status::record(server, name).await?;
    let run = one(server, &record, id).await?;
    let cluster = record.id;
    let journal = server.store.with(move |store| store.journal(cluster)).await?;
    let state = server.clusters.state(record.id, &record.name).await?;
    // The newest run is known to whoever carries it out; of the others nothing happens any more.
    let live = state.run.borrow().clone().filter(|view| view.run == id);
    Ok(RunDetail {
        row: row(&run),
        view: live.unwrap_or_else(|| Executor::new(run.clone(), Clock::start().now()).view()),
        plan: run.plan,
        journal: journal.into_iter().filter(|line| line.entry.run == Some(id)).collect(),
        now: Timestamp::now(),
    })
}

/// Ends a run between two acts. The target in force stays as it is: agents finish what it says.
pub(crate) async fn abort(
    server: &Server,
    name: &ClusterName,
    id: u64,
    order: RunOrder,
) -> Result<(), ServerError> {
    let record = status::record(server, name).await?;
    let run = one(server, &record, id).await?;
    if run.state != RunState::Running {
        return Err(ServerError::RunEnded { run: id });
    }
    let state = server.clusters.state(record.id, &record.name).await?;
    let by = order.actor;
    if let Ok(_acting) = state.acting.try_lock() {
        // Nobody carries it out: it could not be taken up when the server started.
        let (ended, entry) =
            (RunState::Aborted { by: by.clone() }, run.entry(&by, format!("aborted by {by}")));
        let next = run.next_step;
        let noted = move |store: &mut klamm_store::Store| {
            store.advance(id, next, &ended, Some(&entry), Timestamp::now())
        };
        return Ok(server.store.with(noted).await?);
    }
    state.abort.send_replace(Some(Abort { run: id, by }));
    let mut views = state.run.subscribe();
    let goes_on = |view: &Option<klamm_core::api::RunView>| {
        view.as_ref().is_some_and(|view| view.run == id && view.state == RunState::Running)
    };
    match tokio::time::timeout(ABORT, views.wait_for(|view| !goes_on(view))).await {
        Ok(_) => Ok(()),
        Err(_) => Err(ServerError::RunNotEnded { run: id }),
    }
}

/// Takes up a run that failed or was aborted, at the step at which it ended; only the newest one, and only while it still
/// leads to what is wanted.
pub(crate) async fn resume(
    server: &Arc<Server>,
    name: &ClusterName,
    id: u64,
    order: RunOrder,
) -> Result<(), ServerError> {
    // Nobody may plan in between.
    let _planning = server.planning.lock().await;
    let record = status::record(server, name).await?;
    let run = one(server, &record, id).await?;
    match &run.state {
        RunState::Failed { .. } | RunState::Aborted { .. } => {}
        RunState::Running => return Err(ServerError::Busy { cluster: name.clone(), run: id }),
        RunState::Done => return Err(ServerError::RunEnded { run: id }),
    }
    let cluster = record.id;
    let newest = server.store.with(move |store| store.latest_run(cluster)).await?;
    let is_newest = newest.is_some_and(|newest| newest.id == id);
    if !is_newest || (run.want(), run.goal.spec) != (record.want, record.spec) {
        return Err(ServerError::RunOvertaken { run: id });
    }
    let state = server.clusters.state(record.id, &record.name).await?;
    let Ok(acting) = state.acting.clone().try_lock_owned() else {
        return Err(ServerError::Busy { cluster: name.clone(), run: id });
    };
    let entry = run.entry(&order.actor, format!("resumed by {}", order.actor));
    let (next, at) = (run.next_step, Timestamp::now());
    let noted = server.store.with(move |store| store.advance(id, next, &RunState::Running, Some(&entry), at));
    noted.await?;
    start(server, state, Run { state: RunState::Running, changed: at, ..run }, acting);
    Ok(())
}

async fn one(server: &Server, record: &ClusterRecord, id: u64) -> Result<Run, ServerError> {
    let run = server.store.with(move |store| store.run(id)).await?;
    let run = run.filter(|run| run.cluster == record.id);
    run.ok_or_else(|| ServerError::NoRun { cluster: record.name.clone(), run: id })
}

fn row(run: &Run) -> RunRow {
    let Run { id, cluster: _, actor, plan, goal: _, next_step, state, started, changed } = run;
    RunRow {
        run: *id,
        actor: actor.clone(),
        want: run.want(),
        state: state.clone(),
        done: *next_step,
        steps: plan.steps.len(),
        started: *started,
        changed: *changed,
    }
}
