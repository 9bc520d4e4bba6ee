//! The end of a history: everything is mended, and then everything must come to rest and stay there.

use std::time::Duration;

use klamm_core::api::{StepState, Want};
use klamm_core::model::SlotName;
use klamm_core::model::inventory::Stage;
use klamm_core::model::run::RunState;
use klamm_core::model::target::RunState as Wanted;

use super::World;
use crate::agent::setting;
use crate::command::{Fault, Host, Order};
use crate::host::{HostState, Running};
use crate::record::Rule;

/// A fleet that is not disturbed comes to rest within this: a controlled shutdown that finds no quorum takes five
/// minutes, and the executor stands still for six before it gives up.
const REST: Duration = Duration::from_secs(20 * 60);
/// How long it must stay as it is.
const STEADY: Duration = Duration::from_secs(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// An operator looks at least so long before asking again.
const ASKS_AGAIN: Duration = Duration::from_secs(30);
/// How often an operator asks again for what faults have made fail.
const TRIES: usize = 4;

/// How long somebody waits for the fleet to come to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Until the last run has failed.
    WhileRunsGoOn,
    /// Until it never will.
    ToTheEnd,
}

impl World {
    /// Lets time pass until nothing is left to do.
    pub(super) fn settle(&mut self) -> Vec<String> {
        self.rest(Patience::ToTheEnd)
    }

    fn rest(&mut self, patience: Patience) -> Vec<String> {
        let begun = self.around.now;
        let mut steady_since = None;
        loop {
            match self.reason_not_at_rest() {
                None => {
                    let since = *steady_since.get_or_insert(self.around.now);
                    if self.around.now - since >= STEADY {
                        return vec![format!("at rest after {}s", (since - begun).as_secs())];
                    }
                }
                Some(reason) => {
                    steady_since = None;
                    let waited = self.around.now - begun;
                    if patience == Patience::WhileRunsGoOn && waited > ASKS_AGAIN && self.has_given_up() {
                        return vec![reason];
                    }
                    if waited > REST {
                        self.around.record.find(self.around.now, self.rule_of_rest(), reason.clone());
                        return vec![format!("not at rest: {reason}")];
                    }
                }
            }
            self.run_until(self.around.now + PAUSE);
        }
    }

    /// Whether the last run failed: somebody must ask again.
    fn has_given_up(&mut self) -> bool {
        let goes_on = self.server.serving.as_ref().is_some_and(|serving| serving.executor.is_some());
        !goes_on && matches!(self.server.newest_run(), Some(RunState::Failed { .. }))
    }

    /// What is still going on, or not as it shall be.
    fn reason_not_at_rest(&mut self) -> Option<String> {
        let Some(serving) = &self.server.serving else { return Some("the server does not run".to_owned()) };
        if let Some(executor) = &serving.executor {
            let view = executor.view();
            let waiting = view.steps.iter().find_map(|step| match &step.state {
                StepState::Running { waits_for } => Some(format!("{} waits for {waits_for}", step.title)),
                StepState::Pending | StepState::Done | StepState::Failed | StepState::Aborted => None,
            });
            return Some(waiting.unwrap_or_else(|| "a run goes on".to_owned()));
        }
        let target = self.server.current()?.clone();
        for (name, (host, slot)) in target.slots() {
            if self.operator.lost.contains(name) {
                continue;
            }
            let place = self.hosts.values().find(|state| state.place.id == *host)?;
            let Some(agent) = &place.agent else { return Some(format!("{} has no agent", place.place.host)) };
            if !agent.has_stream() {
                return Some(format!("{} does not hear the server", place.place.host));
            }
            let stage = agent.reports().find(|(known, _)| *known == name).map(|(_, report)| &report.stage);
            let rests = match (slot.run, stage) {
                (Wanted::Running, Some(Stage::Ready))
                | (Wanted::Stopped, Some(Stage::Stopped))
                | (Wanted::Removed, Some(Stage::Removed) | None) => true,
                (Wanted::Running | Wanted::Stopped | Wanted::Removed, _) => false,
            };
            if !rests {
                let stage = stage.map_or_else(|| "not kept".to_owned(), Stage::describe);
                return Some(format!("{name} is {stage}"));
            }
        }
        if target.slots().values().any(|(_, slot)| slot.run == Wanted::Running) {
            let Some(truth) = self.around.kafka_now() else {
                return Some("Kafka does not answer".to_owned());
            };
            let lost: Vec<_> = self.operator.lost.iter().filter_map(|slot| target.slot(slot)).collect();
            let is_lost = |id| lost.iter().any(|slot| slot.identity.node_id == id);
            let behind = truth.partitions.iter().find_map(|partition| {
                let id =
                    partition.replicas.iter().find(|id| !partition.in_sync.contains(id) && !is_lost(**id))?;
                Some(format!("{}-{} is not in sync on {id}", partition.topic, partition.index))
            });
            return behind;
        }
        None
    }

    /// Gives back everything that was taken, lets the operator ask again, and checks that all is well.
    pub fn finish(&mut self) {
        self.mend_all();
        let Some(want) = self.operator.want else { return };
        self.operator.took_back |= self.operator.take_back_the_refused();
        if self.operator.took_back {
            // The run that still rolls it would refuse the other one.
            self.order(&Order::Abort);
            self.run_until(self.around.now + PAUSE);
            self.apply(want);
        }
        for _ in 0..TRIES {
            self.rest(Patience::WhileRunsGoOn);
            let ended_well = matches!(self.server.newest_run(), Some(RunState::Done) | None);
            let is_there = self.server.current().is_some();
            if ended_well && (want == Want::Destroyed && !is_there || is_there && self.is_planned(want)) {
                break;
            }
            self.apply(want);
        }
        self.settle();
        self.check_second_plan(want);
        self.check_what_was_written(want);
        if self.around.condemned {
            return;
        }
        for lost in self.around.kafka.lost_records() {
            if lost.was_promised {
                let what = format!("{} of {}", lost.record, lost.partition);
                self.around.record.find(self.around.now, Rule::RecordsSurvive, what);
            }
        }
    }

    fn mend_all(&mut self) {
        self.strike(&Fault::Heal);
        self.strike(&Fault::StartServer);
        let hosts: Vec<Host> = self.hosts.keys().copied().collect();
        for host in hosts {
            self.around.skew(host, 0);
            self.strike(&Fault::EmptyDisk(host));
            self.strike(&Fault::PowerOn(host));
            self.strike(&Fault::StartAgent(host));
        }
        self.around.skew(Host::Server, 0);
        let running: Vec<_> = self
            .hosts
            .values()
            .flat_map(|HostState { place, .. }| place.processes.keys().cloned().collect::<Vec<_>>())
            .collect();
        for slot in running {
            self.strike(&Fault::ThawNode(slot));
        }
    }

    /// A fleet that does not come to rest after an edit was taken back was not recovered by that.
    fn rule_of_rest(&self) -> Rule {
        if self.operator.took_back { Rule::RevertRecovers } else { Rule::ComesToRest }
    }

    /// Every node runs with what the spec says, whoever thinks that nothing is left to do.
    fn check_what_was_written(&mut self, want: Want) {
        if want != Want::Up || !self.operator.lost.is_empty() {
            return;
        }
        let mut processes = self.hosts.values().flat_map(|host| &host.place.processes);
        if let Some(what) = processes.find_map(|(slot, running)| self.reason_astray(slot, running)) {
            self.around.record.find(self.around.now, Rule::DoneIsDone, what);
        }
    }

    fn reason_astray(&self, slot: &SlotName, running: &Running) -> Option<String> {
        let target = self.server.current()?.slot(slot)?;
        if target.launch() != running.launch {
            return Some(format!("{slot} does not run as the target in force says"));
        }
        let has = |key| setting(&running.properties, key);
        // What is only a controller reads other settings.
        let is_broker = has("process.roles")?.split(',').any(|role| role == "broker");
        let mut settings = self.operator.settings().iter().filter(|_| is_broker);
        let (key, value) = settings.find(|(key, value)| has(key) != Some(value.as_str()))?;
        Some(format!("{slot} does not run with {key}={value}"))
    }

    fn is_planned(&mut self, want: Want) -> bool {
        let spec = self.operator.spec();
        self.server.plan(want, &spec, &mut self.around).is_ok_and(|planned| planned.plan.is_empty())
    }

    fn check_second_plan(&mut self, want: Want) {
        if !self.operator.lost.is_empty() || want == Want::Destroyed {
            return;
        }
        let spec = self.operator.spec();
        let what = match self.server.plan(want, &spec, &mut self.around) {
            Ok(planned) if planned.plan.is_empty() => return,
            Ok(planned) => {
                planned.plan.steps.iter().map(|step| step.act.title()).collect::<Vec<_>>().join(", ")
            }
            Err(refusal) => refusal,
        };
        let ended = match self.server.newest_run() {
            Some(RunState::Failed { reason }) => format!(" (the last run failed: {reason})"),
            Some(RunState::Running | RunState::Done | RunState::Aborted { .. }) | None => String::new(),
        };
        self.around.record.find(self.around.now, Rule::SecondPlanIsEmpty, what + &ended);
    }
}
