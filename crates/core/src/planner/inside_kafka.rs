//! What is set in Kafka itself rather than on hosts: access and topics, and what is left alone there.

use std::collections::{BTreeMap, BTreeSet};

use super::Planning;
use super::holdings::{topics_before, users_before};
use super::steps::step;
use crate::kafka::defaults;
use crate::kafka::live::is_same_value;
use crate::model::UserName;
use crate::model::cluster::{Cluster, Topic};
use crate::model::inventory::{AccessEntry, KafkaView, PartitionView};
use crate::model::plan::{Act, ChangeClass, Refusal, Step};

/// What a reassignment under way sets on topics, and takes away when it is done.
const THROTTLES: [&str; 2] =
    ["follower.replication.throttled.replicas", "leader.replication.throttled.replicas"];

/// The topics as Kafka has them.
struct Topics<'a> {
    by_name: BTreeMap<&'a str, Vec<&'a PartitionView>>,
}

impl<'a> Topics<'a> {
    fn of(view: &'a KafkaView) -> Self {
        let mut by_name: BTreeMap<&str, Vec<&PartitionView>> = BTreeMap::new();
        for partition in &view.partitions {
            by_name.entry(&partition.topic).or_default().push(partition);
        }
        Self { by_name }
    }

    /// How many partitions a topic has, and of how many replicas.
    fn shape(&self, name: &str) -> Option<(usize, usize)> {
        let partitions = self.by_name.get(name)?;
        Some((partitions.len(), partitions.first()?.replicas.len()))
    }
}

/// The steps, in an order in which no right is missing between two of them.
pub(super) fn steps_inside_kafka(input: &Planning<'_>, view: &KafkaView) -> Vec<Step> {
    let cluster = input.cluster;
    let mut steps = Vec::new();
    let dynamic = |act, reason: &str| step(act, ChangeClass::Dynamic, reason);
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
        steps.push(dynamic(
            Act::Configure { settings },
            "Klamm's default for every topic that says nothing else",
        ));
    }
    let allowed: BTreeSet<AccessEntry> = allowed_access(cluster).collect();
    let missing: BTreeSet<AccessEntry> = allowed.difference(&view.access).cloned().collect();
    if !missing.is_empty() {
        steps.push(dynamic(Act::Grant { entries: missing }, "the spec allows it"));
    }
    let ours = ours(input);
    let surplus = view.access.difference(&allowed).filter(|entry| ours.contains(&entry.user));
    let surplus: BTreeSet<AccessEntry> = surplus.cloned().collect();
    if !surplus.is_empty() {
        let rights: Vec<String> = surplus.iter().map(right).collect();
        let reason = format!("the spec does not allow it: {}", rights.join(", "));
        steps.push(dynamic(Act::Revoke { entries: surplus }, &reason));
    }
    let (topics, before) = (Topics::of(view), topics_before(input));
    for (name, topic) in &cluster.topics {
        let held = before.get(name).cloned().unwrap_or_default();
        steps.extend(steps_of_topic(name, topic, &held, &topics, view));
    }
    steps
}

fn steps_of_topic(
    name: &str,
    topic: &Topic,
    held: &BTreeSet<String>,
    topics: &Topics<'_>,
    view: &KafkaView,
) -> Vec<Step> {
    let dynamic = |act, reason: String| step(act, ChangeClass::Dynamic, reason);
    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    let name = name.to_owned();
    let Some((has, _)) = topics.shape(&name) else {
        let replicas = i16::try_from(topic.replicas).unwrap_or(i16::MAX);
        let act = Act::CreateTopic { name, partitions, replicas, config: topic.config.clone() };
        return vec![dynamic(act, "the spec lists it".to_owned())];
    };
    let mut steps = Vec::new();
    if has < topic.partitions as usize {
        let reason = format!("partitions: {has} → {partitions}; keys go to other partitions than before");
        steps.push(dynamic(Act::AddPartitions { name: name.clone(), partitions }, reason));
    }
    let nothing = BTreeMap::new();
    let own = view.topic_config.get(&name).unwrap_or(&nothing);
    let is_set = |key: &String, value: &String| own.get(key).is_some_and(|own| is_same_value(own, value));
    let set: BTreeMap<String, String> = topic
        .config
        .iter()
        .filter(|(key, value)| !is_set(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let unset: BTreeSet<String> = held
        .iter()
        .filter(|key| own.contains_key(*key) && !topic.config.contains_key(*key))
        .cloned()
        .collect();
    if !set.is_empty() || !unset.is_empty() {
        let say = |key: &String| own.get(key).map_or("not set", String::as_str).to_owned();
        let edits = set.iter().map(|(key, value)| format!("{key}: {} → {value}", say(key)));
        let removed = unset.iter().map(|key| format!("{key}: {} → not set", say(key)));
        let reason = edits.chain(removed).collect::<Vec<_>>().join(", ");
        steps.push(dynamic(Act::ConfigureTopic { name, set, unset }, reason));
    }
    steps
}

/// What the spec asks of topics that cannot be had.
pub(super) fn refusals_of_topics(input: &Planning<'_>, view: &KafkaView) -> Vec<Refusal> {
    let topics = Topics::of(view);
    let mut refusals = Vec::new();
    for (name, topic) in &input.cluster.topics {
        let Some((partitions, replicas)) = topics.shape(name) else { continue };
        if !is_edited(input, name, topic) {
            continue;
        }
        let object = format!("topic {name}");
        if (topic.partitions as usize) < partitions {
            refusals.push(Refusal {
                class: ChangeClass::Refused,
                object: object.clone(),
                cause: format!(
                    "it has {partitions} partitions and the spec says {}: Kafka takes no partition away, as its \
                     records would be lost",
                    topic.partitions
                ),
                instead: format!("write `partitions: {partitions}`, or make another topic and move its clients"),
            });
        }
        if usize::from(topic.replicas) != replicas {
            refusals.push(Refusal {
                class: ChangeClass::Move,
                object,
                cause: format!(
                    "its partitions have {replicas} replicas and the spec says {}: replicas must be copied to other \
                     brokers, which this version does not do",
                    topic.replicas
                ),
                instead: format!("write `replicas: {replicas}`, or change it with Kafka's own tools first"),
            });
        }
    }
    refusals
}

/// Whether it is the spec that changed: what others changed in Kafka refuses no plan.
fn is_edited(input: &Planning<'_>, name: &str, topic: &Topic) -> bool {
    let Some(current) = input.current else { return true };
    let before = input.spec_of(current.spec).and_then(|cluster| cluster.topics.get(name));
    before.is_none_or(|before| (before.partitions, before.replicas) != (topic.partitions, topic.replicas))
}

/// What Kafka holds and the spec does not say, and what is left alone: told, never passed over.
pub(super) fn differences_left_alone(input: &Planning<'_>, view: &KafkaView) -> Vec<String> {
    let cluster = input.cluster;
    let allowed: BTreeSet<AccessEntry> = allowed_access(cluster).collect();
    let ours = ours(input);
    let mut surplus: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in view.access.difference(&allowed).filter(|entry| !ours.contains(&entry.user)) {
        surplus.entry(entry.user.as_str()).or_default().push(right(entry));
    }
    let access = surplus.into_iter().map(|(user, rights)| {
        format!(
            "user {user} has access and was never in a spec ({}): it is left alone; list the user to manage it here",
            rights.join(", ")
        )
    });
    let (topics, before) = (Topics::of(view), topics_before(input));
    let mut notes: Vec<String> = access.collect();
    for (name, topic) in &cluster.topics {
        if let Some((partitions, replicas)) = topics.shape(name)
            && (partitions > topic.partitions as usize || replicas != usize::from(topic.replicas))
        {
            notes.push(format!(
                "topic {name} has {partitions} partitions of {replicas} replicas, the spec says {} of {}: somebody else \
                 changed it, write what it is",
                topic.partitions, topic.replicas
            ));
        }
        let held = before.get(name);
        let own = view.topic_config.get(name).into_iter().flatten();
        let foreign = own.filter(|(key, _)| {
            let known = topic.config.contains_key(*key) || held.is_some_and(|held| held.contains(*key));
            !known && !THROTTLES.contains(&key.as_str())
        });
        let foreign: Vec<String> = foreign.map(|(key, value)| format!("{key}={value}")).collect();
        if !foreign.is_empty() {
            notes.push(format!("topic {name} has {} and no spec said so: left alone", foreign.join(", ")));
        }
    }
    let removed = before.keys().filter(|name| !cluster.topics.contains_key(*name));
    notes.extend(removed.filter(|name| topics.by_name.contains_key(name.as_str())).map(|name| {
        format!(
            "topic {name} is not in the spec any more: it stays, with its records, until somebody deletes it"
        )
    }));
    notes
}

/// Users that this spec names or an earlier one named.
fn ours(input: &Planning<'_>) -> BTreeSet<UserName> {
    input.cluster.users.keys().cloned().chain(users_before(input)).collect()
}

fn right(entry: &AccessEntry) -> String {
    format!("{} {}", entry.operation.as_str(), entry.resource)
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
