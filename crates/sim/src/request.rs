//! Acts of a plan as requests to Kafka's model: what the real server's link to Kafka does over the wire.

use std::collections::BTreeMap;

use klamm_core::machines::executor::InsideKafka;
use klamm_core::model::plan::Act;

use crate::kafka::{PartitionName, Request};

/// The request that stands for a call.
pub(crate) fn of(call: &InsideKafka) -> Request {
    match call {
        InsideKafka::ElectPreferred { partitions } => Request::ElectPreferred {
            partitions: partitions
                .iter()
                .map(|(topic, index)| PartitionName::new(topic, u32::try_from(*index).unwrap_or(0)))
                .collect(),
        },
        InsideKafka::Act(act) => of_act(act),
    }
}

fn of_act(act: &Act) -> Request {
    match act {
        Act::Configure { settings } => Request::SetClusterConfig {
            settings: settings.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect(),
        },
        Act::ConfigureTopic { name, set, unset } => {
            let set = set.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
            let settings = set.chain(unset.iter().map(|key| (key.clone(), None))).collect();
            Request::SetTopicConfig { topic: name.clone(), settings }
        }
        Act::Revoke { entries } => Request::DeleteAccess { entries: entries.clone() },
        Act::Grant { entries } => Request::CreateAccess { entries: entries.clone() },
        Act::CreateTopic { name, partitions, replicas, config } => Request::CreateTopic {
            name: name.clone(),
            partitions: u32::try_from(*partitions).unwrap_or(0),
            replicas: u32::try_from(*replicas).unwrap_or(0),
            config: config.clone(),
        },
        Act::Create { .. }
        | Act::Start { .. }
        | Act::Refresh { .. }
        | Act::Restart { .. }
        | Act::Await { .. }
        | Act::Stop { .. }
        // No call: the executor does these through targets, or the model does not know them and no order asks for them.
        | Act::Alter { .. }
        | Act::AddPartitions { .. }
        | Act::Remove { .. } => Request::SetClusterConfig { settings: BTreeMap::new() },
    }
}
