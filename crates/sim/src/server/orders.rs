//! What the operator asks of the server: plans and runs.

use std::collections::{BTreeMap, BTreeSet};

use klamm_core::api::Want;
use klamm_core::kafka::KafkaVersion;
use klamm_core::machines::executor::Executor;
use klamm_core::model::Sha256;
use klamm_core::model::cluster::Cluster;
use klamm_core::model::inventory::Stage;
use klamm_core::model::plan::Plan;
use klamm_core::model::run::RunState;
use klamm_core::model::target::RunState as Wanted;
use klamm_core::planner::{End, Known, PlanInput, Planned, plan, plan_end};
use klamm_spec::{Context, check};
use klamm_store::{ClusterRecord, Intent, NewRun};

use super::{Durably, ServerState, look, moment};
use crate::agent::chain;
use crate::around::Around;
use crate::command::Host;
use crate::message::Timer;

/// The version that simulated clusters run.
const KAFKA: &str = "4.3.1";

impl ServerState {
    /// The plan from what the server knows now; why there is none, as the operator would read it.
    pub(crate) fn plan(&mut self, want: Want, spec: &str, around: &mut Around) -> Result<Planned, String> {
        let end = match want {
            Want::Up => None,
            Want::Down => Some(End::Down),
            Want::Destroyed => Some(End::Destroyed),
        };
        let cluster = read_spec(spec)?;
        if let Some(end) = end {
            return Ok(plan_end(&cluster.name, self.current.as_ref(), end));
        }
        let known = self.known()?;
        let serving = self.serving.as_mut().ok_or("no server answers")?;
        let all_ready = self.current.as_ref().is_some_and(|target| {
            target.slots().into_iter().all(|(name, (host, slot))| {
                let report = serving.inventory.hosts.get(host);
                let report =
                    report.and_then(|report| report.value.clusters.get(&target.cluster)?.slots.get(name));
                slot.run == Wanted::Running && report.is_some_and(|report| report.stage == Stage::Ready)
            })
        });
        serving.inventory.kafka = if all_ready { look(around) } else { None };
        let input = PlanInput {
            cluster: &cluster,
            spec,
            id: self.cluster,
            current: self.current.as_ref(),
            known: &known,
            inventory: &serving.inventory,
            reserved_ports: &BTreeMap::new(),
            supply: &self.supply,
            trust: &self.trust,
            refresh_defaults: false,
            roll: &BTreeSet::new(),
            now: around.wall(Host::Server),
        };
        plan(&input, &mut around.random).map_err(|refusal| chain(&refusal))
    }

    /// What the target in force refers to, as the real server reads it.
    fn known(&mut self) -> Result<Known, String> {
        let Some(current) = &self.current else { return Ok(Known::default()) };
        let slots = current.slots();
        let files = slots.values().flat_map(|(_, slot)| slot.files.values().copied()).collect();
        let specs = slots.values().filter_map(|(_, slot)| slot.made_from).chain([current.spec]).collect();
        let files = self.store.blobs(&files).map_err(|error| chain(&error))?;
        let texts = self.store.blobs(&specs).map_err(|error| chain(&error))?;
        let read = |text: Vec<u8>| read_spec(&String::from_utf8_lossy(&text));
        let specs = texts.into_iter().map(|(digest, text)| Ok((digest, read(text)?)));
        Ok(Known { specs: specs.collect::<Result<_, String>>()?, files })
    }

    /// Plans and, where there is something to do, begins to do it. Gives the plan.
    pub(crate) fn apply(&mut self, want: Want, spec: &str, around: &mut Around) -> Result<Plan, String> {
        if self.serving.as_ref().is_some_and(|serving| serving.executor.is_some()) {
            return Err("another run goes on".to_owned());
        }
        let Planned { plan, goal, blobs, explanations: _ } = self.plan(want, spec, around)?;
        let digest = Sha256::of(spec.as_bytes());
        let mut blobs = blobs;
        blobs.insert(digest, spec.as_bytes().to_vec());
        let name = plan.cluster.clone();
        let run = goal.filter(|_| !plan.is_empty()).map(|goal| NewRun {
            actor: "operator".to_owned(),
            event: "begun".to_owned(),
            plan: plan.clone(),
            goal,
        });
        let record = ClusterRecord { id: self.cluster, name, want, spec: digest };
        let at = around.wall(Host::Server);
        match self.durably(|store| store.begin(Intent { record, blobs, run }, at)) {
            Durably::Done(run) => {
                let now = moment(around);
                if let (Some(run), Some(serving)) = (run, self.serving.as_mut()) {
                    serving.executor = Some(Executor::new(run, now));
                    around.wake(Host::Server, around.now, Timer::Look);
                }
                Ok(plan)
            }
            Durably::Refused(error) => Err(chain(&error)),
            Durably::Died => Err("the server died".to_owned()),
        }
    }

    /// Ends the run that goes on.
    pub(crate) fn abort(&mut self, around: &mut Around) -> Result<(), String> {
        let serving = self.serving.as_mut().ok_or("no server answers")?;
        let executor = serving.executor.as_mut().ok_or("no run goes on")?;
        executor.abort("operator".to_owned());
        around.wake(Host::Server, around.now, Timer::Look);
        Ok(())
    }

    /// How the newest run ended, or that it goes on.
    pub(crate) fn newest_run(&mut self) -> Option<RunState> {
        let run = self.store.latest_run(self.cluster).ok().flatten()?;
        Some(run.state)
    }
}

/// The topics of a spec, with their partitions.
pub(crate) fn topics_of(spec: &str) -> Vec<(String, u32)> {
    let topics = read_spec(spec).map(|cluster| cluster.topics).unwrap_or_default();
    topics.into_iter().map(|(name, topic)| (name.to_string(), topic.partitions)).collect()
}

fn read_spec(spec: &str) -> Result<Cluster, String> {
    let version: KafkaVersion = KAFKA.parse().map_err(|_| "the version cannot be read")?;
    let context = Context { supported_versions: vec![version], running_version: Some(version), memory: None };
    let checked = check(spec, "spec", &context);
    let problems: Vec<String> = checked.errors().map(|problem| format!("{problem:?}")).collect();
    checked.cluster.ok_or_else(|| problems.join("; "))
}
