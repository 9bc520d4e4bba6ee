//! Settings of running brokers: what must be altered in Kafka's metadata so that what is wanted is in force, from
//! what each broker says of itself. Asked again after each edit until nothing is left.

use std::collections::BTreeMap;

use crate::kafka::live::{is_same_value, value_on_the_way};
use crate::model::NodeId;
use crate::model::inventory::{BrokerSetting, KafkaView};
use crate::model::plan::{LiveScope, LiveSetting};

/// Edits of Kafka's metadata: a value to set, or none to take what was altered away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// For all brokers.
    pub of_cluster: BTreeMap<String, Option<String>>,
    /// For single brokers.
    pub of_brokers: BTreeMap<NodeId, BTreeMap<String, Option<String>>>,
}

impl Edits {
    /// Whether there is nothing to edit.
    pub fn is_empty(&self) -> bool {
        self.of_cluster.is_empty() && self.of_brokers.is_empty()
    }
}

/// What to edit next. What is altered for one broker wins over what is altered for all, which wins over the file
/// that the process started with: a setting that is right in the file needs nothing but that nothing hides it.
pub fn edits(settings: &BTreeMap<String, LiveSetting>, view: &KafkaView) -> Edits {
    let mut edits = Edits::default();
    for (key, setting) in settings {
        let of_cluster = view.cluster_config.get(key).map(String::as_str);
        let brokers: Vec<Broker<'_>> = setting
            .values
            .iter()
            .filter_map(|(id, wanted)| {
                let known = view.broker_config.get(id)?;
                Some(Broker { id: *id, wanted: wanted.as_deref(), seen: known.get(key).unwrap_or(&UNSET) })
            })
            .collect();
        let mut values = brokers.iter().map(|broker| broker.wanted);
        let first = values.next().flatten();
        let all_alike = values.all(|value| value == first);
        match setting.scope {
            LiveScope::Cluster if all_alike => edit_for_all(key, first, &brokers, of_cluster, &mut edits),
            LiveScope::Cluster | LiveScope::Node => edit_for_each(key, &brokers, of_cluster, &mut edits),
        }
    }
    edits
}

/// Why what is wanted is not in force on every broker; none when it is.
pub fn reason_not_in_force(settings: &BTreeMap<String, LiveSetting>, view: &KafkaView) -> Option<String> {
    settings.iter().find_map(|(key, setting)| {
        setting.values.iter().find_map(|(id, wanted)| {
            let Some(known) = view.broker_config.get(id) else {
                return Some(format!("broker {id} does not tell its settings"));
            };
            let seen = known.get(key).unwrap_or(&UNSET);
            let in_force = seen.in_force.as_deref();
            let wanted = wanted.as_deref();
            (!is_same(in_force, wanted)).then(|| {
                let say = |value: Option<&str>| value.unwrap_or("nothing").to_owned();
                format!("broker {id} has {key}={} and not yet {}", say(in_force), say(wanted))
            })
        })
    })
}

/// Whether two values are the same, where none is no value.
pub(super) fn is_same(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => is_same_value(a, b),
        // An empty list and no list are one to Kafka.
        (Some(value), None) | (None, Some(value)) => value.is_empty(),
        (None, None) => true,
    }
}

static UNSET: BrokerSetting =
    BrokerSetting { in_force: None, started_with: None, of_cluster: None, of_broker: None };

struct Broker<'a> {
    id: NodeId,
    wanted: Option<&'a str>,
    seen: &'a BrokerSetting,
}

impl Broker<'_> {
    fn starts_right(&self) -> bool {
        is_same(self.seen.started_with.as_deref(), self.wanted)
    }

    /// Whether its own altered value is another one than it should have.
    fn own_is_wrong(&self) -> bool {
        self.seen.of_broker.is_some() && !is_same(self.seen.of_broker.as_deref(), self.wanted)
    }
}

/// One value for all brokers: altered once.
fn edit_for_all(
    key: &str,
    wanted: Option<&str>,
    brokers: &[Broker<'_>],
    of_cluster: Option<&str>,
    edits: &mut Edits,
) {
    let is_needed = brokers.iter().any(|broker| !broker.starts_right());
    let edit = match (of_cluster, wanted) {
        (Some(altered), _) if is_same(Some(altered), wanted) => None,
        (None, Some(wanted)) if is_needed => Some(Some(wanted)),
        (None, _) => None,
        (Some(_), Some(wanted)) if is_needed => Some(Some(wanted)),
        (Some(_), _) => Some(None),
    };
    if let Some(edit) = edit {
        // What was altered for one broker hides the edit from it.
        let reached = brokers.iter().filter(|broker| broker.seen.of_broker.is_none());
        let in_force = reached.filter_map(|broker| broker.seen.in_force.as_deref());
        let edit = on_the_way(key, in_force, wanted).or_else(|| edit.map(str::to_owned));
        edits.of_cluster.insert(key.to_owned(), edit);
        return;
    }
    for broker in brokers.iter().filter(|broker| broker.own_is_wrong()) {
        edit_one(key, broker, None, edits);
    }
}

/// Brokers that differ, or a key that cannot be altered for all: each for itself, and nothing is left for all.
fn edit_for_each(key: &str, brokers: &[Broker<'_>], of_cluster: Option<&str>, edits: &mut Edits) {
    let mut any = false;
    for broker in brokers {
        let covered =
            broker.starts_right() && of_cluster.is_none_or(|value| is_same(Some(value), broker.wanted));
        let right = match (covered, &broker.seen.of_broker) {
            (true, _) => !broker.own_is_wrong(),
            (false, Some(_)) => !broker.own_is_wrong(),
            // Nothing can be said for it but by taking away what hides it, below.
            (false, None) => broker.wanted.is_none(),
        };
        if !right {
            any = true;
            edit_one(key, broker, broker.wanted.filter(|_| !covered), edits);
        }
    }
    let hides = of_cluster.filter(|value| brokers.iter().any(|broker| !is_same(Some(value), broker.wanted)));
    if !any && hides.is_some() {
        edits.of_cluster.insert(key.to_owned(), None);
    }
}

fn edit_one(key: &str, broker: &Broker<'_>, edit: Option<&str>, edits: &mut Edits) {
    let near = on_the_way(key, broker.seen.in_force.as_deref().into_iter(), broker.wanted);
    let edit = near.or_else(|| edit.map(str::to_owned));
    edits.of_brokers.entry(broker.id).or_default().insert(key.to_owned(), edit);
}

fn on_the_way<'a>(
    key: &str,
    in_force: impl Iterator<Item = &'a str> + Clone,
    wanted: Option<&str>,
) -> Option<String> {
    value_on_the_way(key, in_force, wanted?)
}

#[cfg(test)]
mod tests;
