//! What can be asked of a fleet, and how it answers to a person.

use klamm_core::api::Want;
use klamm_core::model::run::RunState;

use super::World;
use crate::command::Question;
use crate::host::HostState;
use crate::kafka::VoterKey;

/// How many lines of the journal are shown.
const LINES: usize = 12;

impl World {
    pub(super) fn ask(&mut self, question: &Question) -> Vec<String> {
        match question {
            Question::Status => self.status(),
            Question::Plan => self.plan(),
            Question::Journal => self.journal(),
            Question::Check => {
                let findings = self.findings();
                if findings.is_empty() {
                    vec![format!("all is well; {} records acknowledged", self.clients.acknowledged)]
                } else {
                    findings.iter().map(ToString::to_string).collect()
                }
            }
        }
    }

    fn status(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let server = if self.server.serving.is_some() { "runs" } else { "is down" };
        let target = self
            .server
            .current()
            .map_or_else(|| "no target".to_owned(), |target| format!("target {}", target.number));
        let run = match self.server.newest_run() {
            None => "no run yet".to_owned(),
            Some(RunState::Running) => "a run goes on".to_owned(),
            Some(RunState::Done) => "the last run is done".to_owned(),
            Some(RunState::Failed { reason }) => format!("the last run failed: {reason}"),
            Some(RunState::Aborted { by }) => format!("the last run was aborted by {by}"),
        };
        lines.push(format!("server {server}, {target}, {run}"));
        for HostState { place, agent } in self.hosts.values() {
            let slots = match agent {
                None if !place.has_power => "no power".to_owned(),
                None => "no agent".to_owned(),
                Some(agent) => {
                    let slots: Vec<String> = agent
                        .reports()
                        .map(|(slot, report)| format!("{slot} {}", report.stage.describe()))
                        .collect();
                    if slots.is_empty() { "idle".to_owned() } else { slots.join(", ") }
                }
            };
            lines.push(format!("{:<6} {slots}", place.host.to_string()));
        }
        lines.push(self.kafka());
        lines
    }

    /// Everything that must be equal at the end of two ways to it: slots and what runs, what Kafka holds.
    pub fn end_state(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for HostState { place, agent } in self.hosts.values() {
            for (slot, report) in agent.iter().flat_map(|agent| agent.reports()) {
                let launch = place.processes.get(slot).map(|running| running.launch.to_string());
                let launch = launch.unwrap_or_else(|| "no process".to_owned());
                lines.push(format!("{} {slot} {} {launch}", place.host, report.stage.describe()));
            }
        }
        if let Some(view) = self.around.kafka_now() {
            lines.extend(view.partitions.iter().map(|partition| {
                let mut in_sync: Vec<_> = partition.in_sync.iter().map(ToString::to_string).collect();
                in_sync.sort();
                format!("{}-{} in sync on {}", partition.topic, partition.index, in_sync.join(" "))
            }));
            lines.extend(
                view.access.iter().map(|entry| {
                    format!("{} may {} {}", entry.user, entry.operation.as_str(), entry.resource)
                }),
            );
            lines.extend(view.cluster_config.iter().map(|(key, value)| format!("{key}={value}")));
        }
        lines
    }

    fn kafka(&self) -> String {
        let Some(truth) = self.around.kafka_now() else { return "kafka  does not answer".to_owned() };
        let leader = truth.quorum.and_then(|quorum| quorum.leader);
        let leader =
            leader.map_or_else(|| "no controller".to_owned(), |leader| format!("controller {leader}"));
        let behind =
            truth.partitions.iter().filter(|partition| partition.in_sync.len() < partition.replicas.len());
        let offline = truth.partitions.iter().filter(|partition| partition.leader.is_none());
        format!(
            "kafka  {leader}, {} brokers, {} partitions, {} not in sync, {} without leader",
            truth.brokers.len(),
            truth.partitions.len(),
            behind.count(),
            offline.count()
        )
    }

    fn plan(&mut self) -> Vec<String> {
        let spec = self.operator.spec();
        let want = self.operator.want.unwrap_or(Want::Up);
        match self.server.plan(want, &spec, &mut self.around) {
            Ok(planned) if planned.plan.is_empty() => vec!["nothing to do".to_owned()],
            Ok(planned) => planned
                .plan
                .steps
                .iter()
                .enumerate()
                .map(|(place, step)| {
                    format!("{}. {} [{}]: {}", place + 1, step.act.title(), step.class, step.reason)
                })
                .collect(),
            Err(refusal) => vec![format!("refused: {refusal}")],
        }
    }

    fn journal(&mut self) -> Vec<String> {
        let cluster = self.server.cluster;
        let lines = self.server.store.journal(cluster).unwrap_or_default();
        let skipped = lines.len().saturating_sub(LINES);
        lines
            .into_iter()
            .skip(skipped)
            .map(|line| format!("{}: {}", line.entry.actor, line.entry.event))
            .collect()
    }

    /// Tells every host the voters of the first target: what the checkpoint among the seeds says in bytes.
    pub(super) fn set_voters(&mut self) {
        if self.hosts.values().all(|host| !host.place.voters.is_empty()) {
            return;
        }
        let Some(goal) = self.server.goal() else { return };
        let voters: Vec<VoterKey> = goal
            .slots()
            .into_values()
            .filter(|(_, slot)| {
                slot.identity.listeners.contains_key(klamm_core::render::server_properties::CONTROLLER)
            })
            .filter_map(|(_, slot)| {
                let directory = slot.identity.directories.first()?.id;
                Some(VoterKey { node: slot.identity.node_id, directory })
            })
            .collect();
        for HostState { place, .. } in self.hosts.values_mut() {
            if place.voters.is_empty() {
                place.voters.clone_from(&voters);
            }
        }
    }
}
