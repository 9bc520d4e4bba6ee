//! What Klamm holds inside Kafka when a plan is done: what the spec says, and what an earlier one said that is still
//! there. It is published before anything is done inside Kafka.

use std::collections::{BTreeMap, BTreeSet};

use super::Planning;
use super::settings::is_altered;
use crate::model::UserName;
use crate::model::cluster::Cluster;
use crate::model::target::KafkaHoldings;

/// Users that this spec or an earlier one named.
pub(super) fn users_before(input: &Planning<'_>) -> BTreeSet<UserName> {
    let held = input.current.map(|current| current.holdings.users.clone()).unwrap_or_default();
    let named = specs_before(input).flat_map(|cluster| cluster.users.keys().cloned());
    held.into_iter().chain(named).collect()
}

/// Topics' settings that this spec or an earlier one named, of topics that the spec still has.
pub(super) fn topics_before(input: &Planning<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let mut topics = input.current.map(|current| current.holdings.topics.clone()).unwrap_or_default();
    for (name, topic) in specs_before(input).flat_map(|cluster| &cluster.topics) {
        topics.entry(name.clone()).or_default().extend(topic.config.keys().cloned());
    }
    topics
}

/// Specs that something in force was made from.
fn specs_before<'a>(input: &Planning<'a>) -> impl Iterator<Item = &'a Cluster> {
    input.known.specs.values()
}

/// What is held when the plan is done. `altered` are the settings that it alters.
pub(super) fn of(input: &Planning<'_>, altered: BTreeSet<String>) -> KafkaHoldings {
    let view = input.inventory.kafka.as_ref().map(|view| &view.value);
    let asked = view.filter(|view| !view.broker_config.is_empty());
    let held = input.current.map(|current| &current.holdings.settings);
    let still_altered =
        held.into_iter().flatten().filter(|key| asked.is_none_or(|view| is_altered(key, view)));
    let settings = still_altered.cloned().chain(altered).collect();

    let has_access =
        |user: &UserName| view.is_none_or(|view| view.access.iter().any(|entry| entry.user == *user));
    let removed = users_before(input).into_iter().filter(has_access);
    let users = input.cluster.users.keys().cloned().chain(removed).collect();

    let before = topics_before(input);
    let topics = input.cluster.topics.iter().map(|(name, topic)| {
        let own = view.map(|view| view.topic_config.get(name));
        let is_there = |key: &&String| own.is_none_or(|own| own.is_some_and(|own| own.contains_key(*key)));
        let removed = before.get(name).into_iter().flatten().filter(is_there);
        (name.clone(), topic.config.keys().chain(removed).cloned().collect::<BTreeSet<_>>())
    });
    let topics = topics.filter(|(_, keys)| !keys.is_empty()).collect();
    KafkaHoldings { settings, users, topics }
}
