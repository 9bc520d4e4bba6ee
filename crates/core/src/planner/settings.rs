//! Which settings of running brokers the plan must see to, and what each shall be.

use std::collections::{BTreeMap, BTreeSet};

use super::Planning;
use super::alter::{edits, is_same, reason_not_in_force};
use super::goal::Goal;
use crate::kafka::live::{Effect, default_of, effect};
use crate::model::NodeId;
use crate::model::inventory::KafkaView;
use crate::model::plan::LiveSetting;

/// Settings to alter, by when.
#[derive(Debug, Default)]
pub(super) struct Alterations {
    /// Before anything is restarted: a value that Kafka refuses then stops the run before it disturbs anybody.
    pub(super) early: BTreeMap<String, LiveSetting>,
    /// After the restarts: what the new processes must not find altered any more; and everything where the brokers
    /// could not be asked, as it may be the restart that brings them up.
    pub(super) late: BTreeMap<String, LiveSetting>,
    /// What Kafka holds altered of keys that neither spec nor target know.
    pub(super) foreign: BTreeMap<String, String>,
}

impl Alterations {
    /// All keys.
    pub(super) fn keys(&self) -> BTreeSet<String> {
        self.early.keys().chain(self.late.keys()).cloned().collect()
    }
}

/// A broker that is there already, with what it shall be set to.
struct Broker<'a> {
    id: NodeId,
    wanted: &'a BTreeMap<String, String>,
}

/// Compares what brokers have with what they shall have. Every key of the files is compared, and every one that was
/// ever altered: somebody else may have altered it since.
pub(super) fn alterations(input: &Planning<'_>, goal: &Goal) -> Alterations {
    let Some(current) = input.current else { return Alterations::default() };
    let line = input.cluster.kafka.line();
    let brokers: Vec<Broker<'_>> = input
        .cluster
        .slots()
        .filter(|slot| slot.role().is_broker())
        .filter_map(|slot| {
            let id = input.in_force.get(&slot.name())?.1.identity.node_id;
            Some(Broker { id, wanted: goal.settings.get(&id)? })
        })
        .collect();
    let Some(sample) = input.cluster.slots().find(|slot| slot.role().is_broker()) else {
        return Alterations::default();
    };
    let changed = goal.differences.values().flat_map(|differences| {
        differences.without_start.iter().chain(&differences.at_start).map(|change| &change.name)
    });
    let changed: BTreeSet<&String> = changed.collect();
    let mut keys: BTreeSet<&String> = changed.clone();
    keys.extend(&current.holdings.settings);
    keys.extend(brokers.iter().flat_map(|broker| broker.wanted.keys()));

    let view = input.inventory.kafka.as_ref().map(|view| &view.value);
    let view = view.filter(|view| brokers.iter().all(|broker| view.broker_config.contains_key(&broker.id)));
    let mut alterations = Alterations::default();
    for key in &keys {
        let Effect::Live(scope) = effect(line, sample.role(), key) else { continue };
        let value = |broker: &Broker<'_>| {
            let own = broker.wanted.get(*key).cloned();
            own.or_else(|| default_of(line, key).map(str::to_owned))
        };
        let values: BTreeMap<NodeId, Option<String>> =
            brokers.iter().map(|broker| (broker.id, value(broker))).collect();
        // A config provider is asked by the node itself when it starts.
        if values.values().flatten().any(|value| value.contains("${")) {
            continue;
        }
        let setting = BTreeMap::from([((*key).clone(), LiveSetting { scope, values })]);
        match view {
            None if changed.contains(key) => alterations.late.extend(setting),
            None => {}
            Some(view)
                if edits(&setting, view).is_empty() && reason_not_in_force(&setting, view).is_none() => {}
            // The start alone does it, unless something that was altered hides the file.
            Some(view) if waits_for_start(&setting, view) => {
                let hidden = is_altered(key, view);
                alterations.late.extend(setting.into_iter().filter(|_| hidden));
            }
            Some(_) => alterations.early.extend(setting),
        }
    }
    if let Some(view) = view {
        alterations.foreign = foreign(&keys, view);
        alterations.foreign.retain(|key, _| matches!(effect(line, sample.role(), key), Effect::Live(_)));
    }
    alterations
}

/// Whether some broker can have the value only by starting without the key.
fn waits_for_start(setting: &BTreeMap<String, LiveSetting>, view: &KafkaView) -> bool {
    setting.iter().any(|(key, setting)| {
        setting.values.iter().any(|(id, wanted)| {
            let seen = view.broker_config.get(id).and_then(|known| known.get(key));
            wanted.is_none() && seen.is_some_and(|seen| seen.started_with.is_some())
        })
    })
}

/// Whether Kafka's metadata hold a value of a key, for all brokers or for one.
pub(super) fn is_altered(key: &str, view: &KafkaView) -> bool {
    let of_one = |known: &BTreeMap<_, crate::model::inventory::BrokerSetting>| {
        known.get(key).is_some_and(|seen| seen.of_broker.is_some())
    };
    view.cluster_config.contains_key(key) || view.broker_config.values().any(of_one)
}

/// What others altered and what makes a difference.
fn foreign(known: &BTreeSet<&String>, view: &KafkaView) -> BTreeMap<String, String> {
    let mut foreign = BTreeMap::new();
    for settings in view.broker_config.values() {
        for (key, seen) in settings.iter().filter(|(key, _)| !known.contains(key)) {
            let altered = seen.of_broker.as_ref().or(seen.of_cluster.as_ref());
            if let Some(altered) = altered
                && !is_same(Some(altered), seen.started_with.as_deref())
            {
                foreign.insert(key.clone(), altered.clone());
            }
        }
    }
    foreign
}

/// In words: from what the brokers have to what they get.
pub(super) fn reason(settings: &BTreeMap<String, LiveSetting>, view: Option<&KafkaView>) -> String {
    let say = |value: Option<&str>| value.unwrap_or("not set").to_owned();
    let one = |(key, setting): (&String, &LiveSetting)| {
        let to: BTreeSet<String> = setting.values.values().map(|value| say(value.as_deref())).collect();
        let from: BTreeSet<String> = setting
            .values
            .iter()
            .filter_map(|(id, wanted)| {
                let known = view?.broker_config.get(id)?;
                let in_force = known.get(key).and_then(|seen| seen.in_force.as_deref());
                (!is_same(in_force, wanted.as_deref())).then(|| say(in_force))
            })
            .collect();
        let join = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(" or ");
        match from.is_empty() {
            true => format!("{key}: {}", join(to)),
            false => format!("{key}: {} → {}", join(from), join(to)),
        }
    };
    settings.iter().map(one).collect::<Vec<_>>().join(", ")
}
