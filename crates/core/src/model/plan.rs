//! Plans: the ordered steps from what is to what shall be, each with its reason, printable before anything
//! happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::inventory::AccessEntry;
use super::{ClusterName, NodeId, SlotName, TargetNumber};

/// How much a change disturbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeClass {
    /// Disturbs nothing that runs.
    None,
    /// Altered live.
    Dynamic,
    /// Certificates or trust, swapped live.
    Reload,
    /// A process must stop and start.
    Restart,
    /// Data must be somewhere else first.
    Move,
    /// Ends the service of what it names.
    Stop,
    /// Deletes data.
    Delete,
    /// Would lose data or cannot be undone.
    Refused,
}

impl fmt::Display for ChangeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Dynamic => "dynamic",
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Move => "move",
            Self::Stop => "stop",
            Self::Delete => "delete",
            Self::Refused => "refused",
        })
    }
}

/// The ordered steps of one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Of which cluster.
    pub cluster: ClusterName,
    /// The target it starts from; none for a new cluster.
    pub from: Option<TargetNumber>,
    /// What is done, in this order.
    pub steps: Vec<Step>,
    /// What the planner noticed and does not change, with the reason.
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// A change that the spec asks for and that is not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// [`ChangeClass::Move`] or [`ChangeClass::Refused`].
    pub class: ChangeClass,
    /// What the spec wants to change, such as `topic orders`.
    pub object: String,
    /// Why it is not changed.
    pub cause: String,
    /// What to do instead.
    pub instead: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class: _, object, cause, instead } = self;
        write!(f, "{object}: {cause}; {instead}")
    }
}

/// How one value came about, for who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What it is about: a slot.
    pub subject: SlotName,
    /// Which value, such as `heap`.
    pub what: String,
    /// The value.
    pub value: String,
    /// How it came about.
    pub reason: String,
}

/// Where a setting of a running broker can be altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveScope {
    /// On one broker, or as the default of all.
    Cluster,
    /// On one broker only.
    Node,
}

/// What one setting shall be on running brokers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSetting {
    /// Where it can be altered.
    pub scope: LiveScope,
    /// The value on each broker; none for not set, where Kafka has no default that could be written.
    #[serde(with = "pairs_by_node")]
    pub values: BTreeMap<NodeId, Option<String>>,
}

/// As pairs: within a tagged enum a number cannot be a key.
mod pairs_by_node {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::model::NodeId;

    type Values = BTreeMap<NodeId, Option<String>>;

    pub(super) fn serialize<S: Serializer>(values: &Values, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Values, D::Error> {
        let pairs = Vec::<(NodeId, Option<String>)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

/// One idempotent act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub act: Act,
    /// How much it disturbs.
    pub class: ChangeClass,
    /// Why.
    pub reason: String,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// Make new slots and start them, all at once.
    Create {
        /// Which.
        slots: BTreeSet<SlotName>,
    },
    /// Start slots that were stopped.
    Start {
        /// Which.
        slots: BTreeSet<SlotName>,
    },
    /// Write trust, certificates' requirements or other things that running processes take up live.
    Refresh {
        /// Which slots.
        slots: BTreeSet<SlotName>,
    },
    /// Stop one running slot and start it with its new launch, behind the safety rule.
    Restart {
        /// Which.
        slot: SlotName,
    },
    /// Wait until slots that shall run do so: their agent is bringing them back.
    Await {
        /// Which.
        slots: BTreeSet<SlotName>,
    },
    /// Stop slots and keep their data.
    Stop {
        /// Which.
        slots: BTreeSet<SlotName>,
    },
    /// Stop slots and delete their data.
    Remove {
        /// Which.
        slots: BTreeSet<SlotName>,
    },
    /// Set a cluster-wide dynamic setting and read it back.
    Configure {
        /// Keys and values.
        settings: BTreeMap<String, String>,
    },
    /// Alter settings of running brokers and read back from each that it took them up.
    Alter {
        /// By key.
        settings: BTreeMap<String, LiveSetting>,
    },
    /// Give users the access that the spec allows them, and read it back.
    Grant {
        /// The rules that are missing.
        entries: BTreeSet<AccessEntry>,
    },
    /// Take back access that the spec does not allow any more, and read that back.
    Revoke {
        /// The rules that go.
        entries: BTreeSet<AccessEntry>,
    },
    /// Create a topic of the spec.
    CreateTopic {
        /// Its name.
        name: String,
        /// How many partitions.
        partitions: i32,
        /// How many replicas of each.
        replicas: i16,
        /// Its settings.
        config: BTreeMap<String, String>,
    },
    /// Give a topic more partitions.
    AddPartitions {
        /// Its name.
        name: String,
        /// How many there shall be.
        partitions: i32,
    },
    /// Set and unset a topic's own settings, and read them back.
    ConfigureTopic {
        /// Its name.
        name: String,
        /// Settings to make.
        set: BTreeMap<String, String>,
        /// Settings to take away.
        unset: BTreeSet<String>,
    },
}

impl Act {
    /// The slots whose target the act changes or waits for.
    pub fn slots(&self) -> BTreeSet<SlotName> {
        match self {
            Self::Create { slots }
            | Self::Start { slots }
            | Self::Refresh { slots }
            | Self::Await { slots }
            | Self::Stop { slots }
            | Self::Remove { slots } => slots.clone(),
            Self::Restart { slot } => BTreeSet::from([slot.clone()]),
            Self::Configure { .. }
            | Self::Alter { .. }
            | Self::Grant { .. }
            | Self::Revoke { .. }
            | Self::CreateTopic { .. }
            | Self::AddPartitions { .. }
            | Self::ConfigureTopic { .. } => BTreeSet::new(),
        }
    }

    /// One line for people: verb and object.
    pub fn title(&self) -> String {
        let listed =
            |slots: &BTreeSet<SlotName>| slots.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Create { slots } => format!("create {}", listed(slots)),
            Self::Start { slots } => format!("start {}", listed(slots)),
            Self::Refresh { slots } => format!("refresh {}", listed(slots)),
            Self::Restart { slot } => format!("restart {slot}"),
            Self::Await { slots } => format!("wait for {}", listed(slots)),
            Self::Stop { slots } => format!("stop {}", listed(slots)),
            Self::Remove { slots } => format!("delete {}", listed(slots)),
            Self::Configure { settings } => format!("set {}", pairs(settings)),
            Self::Alter { settings } => {
                format!("alter {}", settings.keys().cloned().collect::<Vec<_>>().join(", "))
            }
            Self::Grant { entries } => format!("give access to {}", users(entries)),
            Self::Revoke { entries } => format!("take access from {}", users(entries)),
            Self::CreateTopic { name, partitions, replicas, .. } => {
                format!("create topic {name} ({partitions} partitions, {replicas} replicas)")
            }
            Self::AddPartitions { name, partitions } => {
                format!("grow topic {name} to {partitions} partitions")
            }
            Self::ConfigureTopic { name, set, unset } => {
                let unset = unset.iter().map(|key| format!("unset {key}"));
                let edits: Vec<String> = (!set.is_empty())
                    .then(|| format!("set {}", pairs(set)))
                    .into_iter()
                    .chain(unset)
                    .collect();
                format!("topic {name}: {}", edits.join(", "))
            }
        }
    }
}

fn pairs(settings: &BTreeMap<String, String>) -> String {
    settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

fn users(entries: &BTreeSet<AccessEntry>) -> String {
    let users: BTreeSet<_> = entries.iter().map(|entry| entry.user.as_str()).collect();
    users.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alteration_is_read_back_from_a_stored_plan() {
        let values = BTreeMap::from([(NodeId(1), Some("3".to_owned())), (NodeId(2), None)]);
        let setting = LiveSetting { scope: LiveScope::Cluster, values };
        let act = Act::Alter { settings: BTreeMap::from([("num.io.threads".to_owned(), setting)]) };
        let text = serde_json::to_string(&act).unwrap();
        assert_eq!(serde_json::from_str::<Act>(&text).unwrap(), act);
    }
}
