//! The executor's shell: shows the machine in `core` what there is, and does durably what it says.

pub(crate) mod orders;

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use klamm_core::api::{ApplyRequest, RunStarted, Want};
use klamm_core::machines::executor::{Action, Executor, InsideKafka, Look};
use klamm_core::model::inventory::Inventory;
use klamm_core::model::run::{JournalEntry, Run, RunState};
use klamm_core::model::target::Target;
use klamm_core::model::{ClusterId, ClusterName, Moment};
use klamm_store::{ClusterRecord, Intent, NewRun, StoreError};

use crate::Server;
use crate::clusters::{Abort, ClusterState};
use crate::error::{ServerError, chain};
use crate::planning::{Prepared, prepare};

/// Plans and, where there is something to do, starts to do it.
pub(crate) async fn apply(
    server: &Arc<Server>,
    name: &ClusterName,
    apply: ApplyRequest,
) -> Result<RunStarted, ServerError> {
    let ApplyRequest { request, actor, why, shown } = apply;
    // One plan at a time: what is planned is what is run.
    let planning = server.planning.lock().await;
    let prepared = prepare(server, name, &request).await?;
    let Prepared { state, record, planned, warnings } = prepared;
    let Ok(acting) = state.acting.clone().try_lock_owned() else {
        let run = state.run.borrow().as_ref().map_or(0, |run| run.run);
        return Err(ServerError::Busy { cluster: name.clone(), run });
    };
    let plan = planned.plan;
    if shown.is_some_and(|shown| shown != plan) {
        return Err(ServerError::PlanChanged(name.clone()));
    }
    let why = why.unwrap_or_else(|| format!("cluster {}", word(request.want)));
    let run = planned.goal.filter(|_| !plan.is_empty()).map(|goal| NewRun {
        actor,
        event: format!("begins a run of {} steps: {why}", plan.steps.len()),
        plan: plan.clone(),
        goal,
    });
    let intent = Intent { record, blobs: planned.blobs, run };
    let begun = server.store.with(move |store| store.begin(intent, Timestamp::now())).await?;
    let started = RunStarted { plan, warnings, run: begun.as_ref().map(|run| run.id) };
    if let Some(run) = begun {
        start(server, state, run, acting);
    }
    drop(planning);
    Ok(started)
}

fn word(want: Want) -> &'static str {
    match want {
        Want::Up => "up",
        Want::Down => "down",
        Want::Destroyed => "destroyed",
    }
}

/// Carries a run out on a task of its own; whoever holds `acting` acts on the cluster.
fn start(server: &Arc<Server>, state: Arc<ClusterState>, run: Run, acting: tokio::sync::OwnedMutexGuard<()>) {
    let clock = Clock::start();
    let executor = Executor::new(run, clock.now());
    // An order that ended this run before is not one to end it again.
    state.abort.send_replace(None);
    state.run.send_replace(Some(executor.view()));
    let server = server.clone();
    tokio::spawn(async move {
        let _acting = acting;
        carry_out(&server, &state, executor, clock).await;
    });
}

/// Takes up the runs that were cut short when the server last stopped.
pub(crate) async fn resume_all(server: &Arc<Server>) -> Result<(), ServerError> {
    for record in server.store.with(|store| store.clusters()).await? {
        // One damaged cluster must not keep the others from being served.
        if let Err(error) = take_up(server, &record).await {
            tracing::error!(cluster = %record.name, error = chain(&error), "a run cannot be taken up");
        }
    }
    Ok(())
}

async fn take_up(server: &Arc<Server>, record: &ClusterRecord) -> Result<(), ServerError> {
    let id = record.id;
    let Some(run) = server.store.with(move |store| store.latest_run(id)).await? else { return Ok(()) };
    if has_destroyed(&run) {
        forget(server, id).await;
        return Ok(());
    }
    let state = server.clusters.state(id, &record.name).await?;
    if run.state == RunState::Running {
        let acting = state.acting.clone().lock_owned().await;
        start(server, state, run, acting);
    } else {
        state.run.send_replace(Some(Executor::new(run, Clock::start().now()).view()));
    }
    Ok(())
}

/// The clock of one run.
struct Clock {
    started: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now() }
    }

    fn now(&self) -> Moment {
        Moment { elapsed: self.started.elapsed(), wall: Timestamp::now() }
    }
}

/// Asks the machine what is next and does it, until the run has ended.
async fn carry_out(server: &Server, state: &ClusterState, mut executor: Executor, clock: Clock) {
    let Server { store, hosts, .. } = server;
    let (id, cluster) = (executor.run().id, executor.run().cluster);
    let mut reported = hosts.reported();
    let mut aborts = state.abort.subscribe();
    loop {
        let abort = aborts.borrow_and_update().clone();
        if let Some(Abort { by, .. }) = abort.filter(|abort| abort.run == id) {
            executor.abort(by);
        }
        reported.mark_unchanged();
        let mut inventory = Inventory { hosts: hosts.reports(), kafka: None };
        let current = match store.with(move |store| store.current_target(cluster)).await {
            Ok(current) => current,
            Err(error) => {
                executor.not_done(chain(&error));
                None
            }
        };
        let look = Look { current: current.as_ref(), inventory: &inventory };
        let by_kafka = executor.needs_kafka(&look, clock.now());
        if by_kafka && let Some(current) = &current {
            inventory.kafka = match executor.needs_settings() {
                true => state.look_closely(store, current).await,
                false => state.look(store, current).await,
            };
            // Looking may have taken seconds.
            inventory.hosts = hosts.reports();
        }
        let look = Look { current: current.as_ref(), inventory: &inventory };
        let action = executor.next(&look, clock.now());
        match action {
            Action::Publish { target, entry } => {
                let published = store.with(move |store| store.publish(&target, &entry, Timestamp::now()));
                match published.await {
                    Ok(()) => hosts.announce_targets(),
                    Err(error) => executor.not_done(chain(&error)),
                }
            }
            Action::InsideKafka { call, entry } => match note(server, entry).await {
                Ok(()) => {
                    let answer = act_inside(server, state, current.as_ref(), &call).await;
                    executor.inside_kafka_answered(answer.map_err(|error| chain(&error)), clock.now());
                }
                Err(error) => executor.not_done(chain(&error)),
            },
            Action::Progress { next_step, state: run_state, entry } => {
                let (run, ended) = (executor.run().id, run_state != RunState::Running);
                let noted = store.with(move |store| {
                    store.advance(run, next_step, &run_state, entry.as_ref(), Timestamp::now())
                });
                if let Err(error) = noted.await {
                    if ended {
                        // The store keeps it as running: whoever starts next takes it up.
                        tracing::error!(run, error = chain(&error), "the end of a run could not be recorded");
                        return;
                    }
                    executor.not_done(chain(&error));
                }
            }
            Action::Wait { again_in } => {
                state.show(&executor);
                // Reports say nothing about what only Kafka can tell; elsewhere, whether a report or the time woke the run
                // makes no difference: the next look decides.
                tokio::select! {
                    () = tokio::time::sleep(again_in) => {}
                    _ = reported.changed(), if !by_kafka => {}
                    _ = aborts.changed() => {}
                }
                continue;
            }
            Action::Ended => break,
        }
        if executor.run().state == RunState::Running {
            state.show(&executor);
        }
    }
    if has_destroyed(executor.run()) {
        forget(server, cluster).await;
    }
    // The last thing that anybody sees of a run is its end.
    state.show(&executor);
}

async fn note(server: &Server, entry: Option<JournalEntry>) -> Result<(), StoreError> {
    let Some(entry) = entry else { return Ok(()) };
    server.store.with(move |store| store.note(&entry, Timestamp::now())).await
}

async fn act_inside(
    server: &Server,
    state: &ClusterState,
    current: Option<&Target>,
    call: &InsideKafka,
) -> Result<(), ServerError> {
    let current = current.ok_or_else(|| ServerError::NoCluster(state.name.clone()))?;
    let link = state.link(&server.store, current).await?;
    let answer = match call {
        InsideKafka::Act(act) => link.act(act).await,
        InsideKafka::ElectPreferred { partitions } => link.elect_preferred(partitions).await,
    };
    Ok(answer?)
}

fn has_destroyed(run: &Run) -> bool {
    run.state == RunState::Done && run.want() == Want::Destroyed
}

/// Lets go of a destroyed cluster. Its row goes last: it is what reminds a restarted server to do this.
async fn forget(server: &Server, cluster: ClusterId) {
    let forgotten = async {
        server.clusters.forget(cluster).await?;
        server.store.with(move |store| store.forget_cluster(cluster)).await?;
        server.hosts.announce_targets();
        Ok::<_, ServerError>(())
    };
    if let Err(error) = forgotten.await {
        tracing::error!(error = chain(&error), "a destroyed cluster could not be forgotten");
    }
}

#[cfg(test)]
mod tests;
