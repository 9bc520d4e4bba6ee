//! The executor's shell: observes, asks the machine in `core` what to do next, does it, notes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use klamm_core::api::{ApplyRequest, RunStarted, RunState, RunView, StepState, StepView};
use klamm_core::machines::execute::{Move, Situation, next_move};
use klamm_core::model::inventory::Inventory;
use klamm_core::model::plan::{Act, Plan, Step};
use klamm_core::model::{ClusterId, ClusterName};

use crate::Server;
use crate::clusters::ClusterState;
use crate::error::{ServerError, chain};
use crate::planning::{Prepared, prepare};
use crate::store::{ClusterRecord, JournalEntry, RunRecord};

/// The longest pause between two looks where nothing wakes the run earlier.
const TICK: Duration = Duration::from_millis(250);

/// How long an act inside Kafka that fails, or does not show, is repeated before the run stops: a cluster that has just formed
/// answers with election errors for a while.
const INSIDE_KAFKA: Duration = Duration::from_secs(60);

/// Plans and, where there is something to do, starts to do it.
pub(crate) async fn apply(
    server: &Arc<Server>,
    name: &ClusterName,
    apply: ApplyRequest,
) -> Result<RunStarted, ServerError> {
    let ApplyRequest { request, actor } = apply;
    // One plan at a time: what is planned is what is run.
    let planning = server.planning.lock().await;
    let prepared = prepare(server, name, &request).await?;
    let Prepared { state, record, planned, warnings } = prepared;
    let Ok(acting) = state.acting.clone().try_lock_owned() else {
        let run = state.run.borrow().as_ref().map_or(0, |run| run.run);
        return Err(ServerError::Busy { cluster: name.clone(), run });
    };
    server.store.record_intent(record, planned.blobs.into_iter().collect()).await?;
    let (Some(goal), false) = (planned.goal, planned.plan.is_empty()) else {
        return Ok(RunStarted { plan: planned.plan, warnings, run: None });
    };
    let run = RunRecord {
        id: 0,
        cluster: state.id,
        actor,
        plan: planned.plan.clone(),
        goal,
        next_step: 0,
        state: RunState::Running,
        started: Timestamp::now(),
    };
    let run = server.store.begin_run(run).await?;
    let started = RunStarted { plan: planned.plan, warnings, run: Some(run.id) };
    state.run.send_replace(Some(view(&run, &state)));
    drop(planning);
    let server = server.clone();
    tokio::spawn(async move {
        let _acting = acting;
        carry_out(&server, &state, run).await;
    });
    Ok(started)
}

/// Takes up the runs that were cut short when the server last stopped.
pub(crate) async fn resume_all(server: &Arc<Server>) -> Result<(), ServerError> {
    for record in server.store.clusters().await? {
        // One damaged cluster must not keep the others from being served.
        if let Err(error) = resume(server, &record).await {
            tracing::error!(cluster = %record.name, error = chain(&error), "a run cannot be taken up");
        }
    }
    Ok(())
}

async fn resume(server: &Arc<Server>, record: &ClusterRecord) -> Result<(), ServerError> {
    let Some(run) = server.store.latest_run(record.id).await? else { return Ok(()) };
    if run.state == RunState::Done && destroys(&run.plan) {
        forget(server, record.id).await;
        return Ok(());
    }
    let state = server.clusters.state(record.id, &record.name).await?;
    state.run.send_replace(Some(view(&run, &state)));
    if run.state != RunState::Running {
        return Ok(());
    }
    let acting = state.acting.clone().lock_owned().await;
    let server = server.clone();
    tokio::spawn(async move {
        let _acting = acting;
        carry_out(&server, &state, run).await;
    });
    Ok(())
}

/// The view of a run before its first look at the world.
fn view(run: &RunRecord, state: &ClusterState) -> RunView {
    let step_state = |index| match (index < run.next_step, index == run.next_step, &run.state) {
        (true, _, _) | (_, _, RunState::Done) => StepState::Done,
        (_, true, RunState::Failed { .. }) => StepState::Failed,
        (_, _, RunState::Failed { .. } | RunState::Running) => StepState::Pending,
    };
    let steps = run.plan.steps.iter().enumerate();
    RunView {
        run: run.id,
        cluster: state.name.clone(),
        state: run.state.clone(),
        steps: steps
            .map(|(index, step)| StepView { title: step.act.title(), state: step_state(index) })
            .collect(),
        slots: Default::default(),
        started: run.started,
    }
}

async fn carry_out(server: &Server, state: &ClusterState, run: RunRecord) {
    let (id, cluster, destroys) = (run.id, run.cluster, destroys(&run.plan));
    let mut execution = Execution { server, state, run };
    let outcome = execution.steps().await;
    let (event, run_state) = match outcome {
        Ok(()) => ("done".to_owned(), RunState::Done),
        Err((step, reason)) => {
            let failed = RunState::Failed { reason: reason.clone() };
            if let Err(error) = server.store.advance_run(id, step, failed.clone()).await {
                tracing::error!(error = chain(&error), "the end of a run could not be recorded");
            }
            (format!("failed: {reason}"), failed)
        }
    };
    let entry = JournalEntry { cluster, run: Some(id), actor: "executor".to_owned(), event };
    if let Err(error) = server.store.note(entry).await {
        tracing::error!(error = chain(&error), "the end of a run could not be journalled");
    }
    if run_state == RunState::Done && destroys {
        forget(server, cluster).await;
    }
    // The last thing that anybody sees of a run is its end.
    state.run.send_modify(|view| {
        if let Some(view) = view {
            view.state = run_state;
        }
    });
}

/// Lets go of a destroyed cluster. Its row goes last: it is what reminds a restarted server to do this.
async fn forget(server: &Server, cluster: ClusterId) {
    let forgotten = async {
        server.clusters.forget(cluster).await?;
        server.store.forget_cluster(cluster).await?;
        server.hosts.announce_targets();
        Ok::<_, ServerError>(())
    };
    if let Err(error) = forgotten.await {
        tracing::error!(error = chain(&error), "a destroyed cluster could not be forgotten");
    }
}

/// Whether a plan ends with the cluster gone.
fn destroys(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step.act, Act::Remove { .. }))
}

/// A run in progress.
struct Execution<'a> {
    server: &'a Server,
    state: &'a ClusterState,
    run: RunRecord,
}

impl Execution<'_> {
    /// Does all steps from the next one on; on failure says at which one and why.
    async fn steps(&mut self) -> Result<(), (usize, String)> {
        let steps = self.run.plan.steps.clone();
        for (index, step) in steps.iter().enumerate().skip(self.run.next_step) {
            self.step(index, step).await.map_err(|reason| (index, reason))?;
            self.show(index, StepState::Done);
            let done = index + 1 == steps.len();
            let state = if done { RunState::Done } else { RunState::Running };
            let noted = self.server.store.advance_run(self.run.id, index + 1, state).await;
            noted.map_err(|error| (index, chain(&error)))?;
        }
        Ok(())
    }

    async fn step(&self, index: usize, step: &Step) -> Result<(), String> {
        let Server { store, hosts, .. } = self.server;
        let mut reported = hosts.reported();
        let mut waits_for = String::new();
        let mut changed = Instant::now();
        let mut acting_since: Option<Instant> = None;
        loop {
            reported.mark_unchanged();
            let current = store.current_target(self.run.cluster).await.map_err(|error| chain(&error))?;
            let mut inventory = Inventory { hosts: hosts.reports(), kafka: None };
            if let Some(current) = &current
                && needs_kafka(&step.act)
            {
                inventory.kafka = self.state.look(store, current).await;
            }
            self.show_slots(&inventory);
            let situation = Situation {
                current: current.as_ref(),
                goal: &self.run.goal,
                inventory: &inventory,
                unchanged_for: changed.elapsed(),
                now: Timestamp::now(),
            };
            match next_move(step, &situation) {
                Move::Done => return Ok(()),
                Move::Fail { reason } => return Err(reason),
                Move::Publish(target) => {
                    let event = format!("target {} for {}", target.number, step.act.title());
                    self.note(event).await?;
                    store.publish(&target).await.map_err(|error| chain(&error))?;
                    hosts.announce_targets();
                }
                Move::InsideKafka(act) => {
                    let Some(current) = &current else { continue };
                    let begun = match acting_since {
                        Some(since) => since,
                        None => {
                            self.note(act.title()).await?;
                            *acting_since.insert(Instant::now())
                        }
                    };
                    let outcome = match self.state.link(store, current).await {
                        Ok(link) => link.act(&act).await.map_err(|error| chain(&error)),
                        Err(error) => Err(chain(&error)),
                    };
                    let refused =
                        outcome.err().unwrap_or_else(|| "accepted, and does not show yet".to_owned());
                    if begun.elapsed() > INSIDE_KAFKA {
                        return Err(format!("{}: {refused}", act.title()));
                    }
                    self.show(index, StepState::Running { waits_for: refused });
                    tokio::time::sleep(TICK).await;
                }
                Move::Wait { waits_for: now_for } => {
                    if now_for != waits_for {
                        (waits_for, changed) = (now_for, Instant::now());
                    }
                    self.show(index, StepState::Running { waits_for: waits_for.clone() });
                    // Whether a report or the tick woke it makes no difference: the next look decides.
                    drop(tokio::time::timeout(TICK, reported.changed()).await);
                }
            }
        }
    }

    fn show(&self, index: usize, step_state: StepState) {
        self.state.run.send_if_modified(|view| {
            let step = view.as_mut().and_then(|view| view.steps.get_mut(index));
            step.is_some_and(|step| std::mem::replace(&mut step.state, step_state.clone()) != step_state)
        });
    }

    fn show_slots(&self, inventory: &Inventory) {
        let concerned = self.run.goal.slots().into_keys();
        let stages = concerned.filter_map(|slot| {
            let seen = inventory.slot(self.run.cluster, slot)?;
            Some((slot.clone(), seen.value.stage.clone()))
        });
        let stages = stages.collect();
        self.state.run.send_if_modified(|view| {
            let slots = view.as_mut().map(|view| &mut view.slots);
            slots.is_some_and(|slots| std::mem::replace(slots, stages) != *slots)
        });
    }

    async fn note(&self, event: String) -> Result<(), String> {
        let entry = JournalEntry {
            cluster: self.run.cluster,
            run: Some(self.run.id),
            actor: self.run.actor.clone(),
            event,
        };
        self.server.store.note(entry).await.map_err(|error| chain(&error))
    }
}

/// Whether a step is decided by what Kafka itself says.
fn needs_kafka(act: &Act) -> bool {
    match act {
        Act::Restart { .. } | Act::Configure { .. } | Act::Grant { .. } | Act::CreateTopic { .. } => true,
        Act::Create { .. }
        | Act::Start { .. }
        | Act::Refresh { .. }
        | Act::Await { .. }
        | Act::Stop { .. }
        | Act::Remove { .. } => false,
    }
}
