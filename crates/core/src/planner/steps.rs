//! The steps from what is to the goal, each with its class and its reason.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanInput;
use crate::api::Want;
use crate::kafka::defaults;
use crate::model::SlotName;
use crate::model::cluster::Cluster;
use crate::model::inventory::{AccessEntry, KafkaView, Stage};
use crate::model::plan::{Act, ChangeClass, Plan, Step};
use crate::model::target::{RunState, SlotTarget, Target};

fn step(act: Act, class: ChangeClass, reason: impl Into<String>) -> Step {
    Step { act, class, reason: reason.into() }
}

/// Stopping or deleting everything.
pub(super) fn steps_of_end(input: &PlanInput<'_>, goal: Option<&Target>) -> Plan {
    let mut plan = empty_plan(input);
    let (Some(current), Some(goal)) = (input.current, goal) else { return plan };
    let differs =
        |name: &SlotName| current.slot(name).map(|slot| slot.run) != goal.slot(name).map(|slot| slot.run);
    let slots: BTreeSet<SlotName> = goal.slots().into_keys().filter(|name| differs(name)).cloned().collect();
    if slots.is_empty() {
        return plan;
    }
    plan.steps.push(match input.want {
        Want::Up | Want::Down => {
            step(Act::Stop { slots }, ChangeClass::Stop, "the cluster shall be down; data stays")
        }
        Want::Destroyed => step(
            Act::Remove { slots },
            ChangeClass::Delete,
            "the cluster shall be destroyed, with all its data",
        ),
    });
    plan
}

/// From the target in force, and from what was observed, to a running cluster.
pub(super) fn steps_of_up(input: &PlanInput<'_>, goal: &Target) -> Plan {
    let mut plan = empty_plan(input);
    let changes = Changes::between(input, goal);
    let Changes { create, start, refresh, restart, recover } = changes;
    if !create.is_empty() {
        plan.steps.push(step(Act::Create { slots: create }, ChangeClass::None, "new slots of the spec"));
    }
    if !start.is_empty() {
        plan.steps.push(step(Act::Start { slots: start }, ChangeClass::None, "they are stopped"));
    }
    if !refresh.is_empty() {
        let reason = "certificates or trust change; running processes take them up";
        plan.steps.push(step(Act::Refresh { slots: refresh }, ChangeClass::Reload, reason));
    }
    if !recover.is_empty() {
        let reason = "they shall run and are not ready; their agent brings them back";
        plan.steps.push(step(Act::Await { slots: recover }, ChangeClass::None, reason));
    }
    for (slot, reason) in in_restart_order(input, restart) {
        plan.steps.push(step(Act::Restart { slot }, ChangeClass::Restart, reason));
    }
    let nothing = KafkaView::default();
    let view = input.inventory.kafka.as_ref().map_or(&nothing, |view| &view.value);
    if input.inventory.kafka.is_none() && plan.steps.is_empty() {
        let note =
            "Kafka does not answer: what it holds could not be compared, and is looked at again in each step";
        plan.notes.push(note.to_owned());
    }
    plan.steps.extend(steps_inside_kafka(input.cluster, view));
    plan.notes.extend(differences_left_alone(input.cluster, view));
    plan
}

fn empty_plan(input: &PlanInput<'_>) -> Plan {
    Plan {
        cluster: input.cluster.name.clone(),
        from: input.current.map(|current| current.number),
        steps: Vec::new(),
        notes: Vec::new(),
    }
}

/// Which slots change how.
#[derive(Default)]
struct Changes {
    create: BTreeSet<SlotName>,
    start: BTreeSet<SlotName>,
    refresh: BTreeSet<SlotName>,
    restart: BTreeMap<SlotName, String>,
    recover: BTreeSet<SlotName>,
}

impl Changes {
    fn between(input: &PlanInput<'_>, goal: &Target) -> Self {
        let mut changes = Self::default();
        for (name, (_, wanted)) in goal.slots() {
            let Some(current) = input.current.and_then(|current| current.slot(name)) else {
                changes.create.insert(name.clone());
                continue;
            };
            if current.run != RunState::Running {
                changes.start.insert(name.clone());
            } else if current.launch() != wanted.launch() {
                changes.restart.insert(name.clone(), reason_to_restart(current, wanted));
            } else if current != wanted {
                changes.refresh.insert(name.clone());
            } else {
                let seen = input.inventory.slot(input.id, name);
                if !seen.is_some_and(|seen| seen.value.stage == Stage::Ready) {
                    changes.recover.insert(name.clone());
                }
            }
        }
        changes
    }
}

fn reason_to_restart(current: &SlotTarget, wanted: &SlotTarget) -> String {
    let changed = wanted.files.iter().filter(|(path, digest)| current.files.get(*path) != Some(digest));
    let mut what: Vec<&str> = changed.map(|(path, _)| path.as_str()).collect();
    if current.process != wanted.process {
        what.push("the Java command line");
    }
    format!("{} changed, read only at start", what.join(" and "))
}

/// Followers first, the active controller last: each handover of the quorum costs an election.
fn in_restart_order(input: &PlanInput<'_>, restart: BTreeMap<SlotName, String>) -> Vec<(SlotName, String)> {
    let leader = input.inventory.kafka.as_ref().and_then(|view| view.value.quorum.as_ref()?.leader);
    let is_leader = |name: &SlotName| {
        let id = input.current.and_then(|current| current.slot(name)).map(|slot| slot.identity.node_id);
        id.is_some() && id == leader
    };
    let (last, first): (Vec<_>, Vec<_>) = restart.into_iter().partition(|(name, _)| is_leader(name));
    first.into_iter().chain(last).collect()
}

/// What Kafka holds and the spec does not say, and this version does not change: told, never passed over.
fn differences_left_alone(cluster: &Cluster, view: &KafkaView) -> Vec<String> {
    let allowed: BTreeSet<AccessEntry> = allowed_access(cluster).collect();
    let mut surplus: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in view.access.difference(&allowed) {
        let right = format!("{} {}", entry.operation.as_str(), entry.resource);
        surplus.entry(entry.user.as_str()).or_default().push(right);
    }
    let access = surplus.into_iter().map(|(user, rights)| {
        format!(
            "user {user} has access that the spec does not list ({}): this version takes nothing back, remove it with \
             Kafka's own tools",
            rights.join(", ")
        )
    });
    let topics = cluster.topics.iter().filter_map(|(name, topic)| {
        let partitions: Vec<_> = view.partitions.iter().filter(|partition| partition.topic == *name).collect();
        let replicas = partitions.first().map(|partition| partition.replicas.len())?;
        let (wanted, wanted_replicas) = (topic.partitions as usize, usize::from(topic.replicas));
        (partitions.len() != wanted || replicas != wanted_replicas).then(|| {
            format!(
                "topic {name} has {} partitions of {replicas} replicas, the spec says {wanted} of {wanted_replicas}: this \
                 version does not change topics that exist",
                partitions.len()
            )
        })
    });
    access.chain(topics).collect()
}

/// What the spec allows its users.
fn allowed_access(cluster: &Cluster) -> impl Iterator<Item = AccessEntry> + '_ {
    cluster.users.iter().flat_map(|(user, rights)| {
        rights.acls().into_iter().map(|(resource, operation)| AccessEntry {
            user: user.clone(),
            resource,
            operation,
        })
    })
}

/// What is set in Kafka itself rather than on hosts.
fn steps_inside_kafka(cluster: &Cluster, view: &KafkaView) -> Vec<Step> {
    let mut steps = Vec::new();
    let wanted = defaults::cluster_dynamic_settings(cluster.kafka, cluster.brokers());
    let settings: BTreeMap<String, String> = wanted
        .into_iter()
        .map(|setting| {
            let own = cluster.config.get(setting.key).cloned();
            (setting.key.to_owned(), own.unwrap_or(setting.value))
        })
        .filter(|(key, value)| view.cluster_config.get(key) != Some(value))
        .collect();
    if !settings.is_empty() {
        let reason = "Klamm's default for every topic that says nothing else";
        steps.push(step(Act::Configure { settings }, ChangeClass::Dynamic, reason));
    }
    let entries: BTreeSet<AccessEntry> =
        allowed_access(cluster).filter(|entry| !view.access.contains(entry)).collect();
    if !entries.is_empty() {
        steps.push(step(Act::Grant { entries }, ChangeClass::Dynamic, "the spec allows it"));
    }
    let existing: BTreeSet<&str> = view.partitions.iter().map(|partition| partition.topic.as_str()).collect();
    for (name, topic) in cluster.topics.iter().filter(|(name, _)| !existing.contains(name.as_str())) {
        let act = Act::CreateTopic {
            name: name.clone(),
            partitions: i32::try_from(topic.partitions).unwrap_or(i32::MAX),
            replicas: i16::try_from(topic.replicas).unwrap_or(i16::MAX),
            config: topic.config.clone(),
        };
        steps.push(step(act, ChangeClass::Dynamic, "the spec lists it"));
    }
    steps
}
