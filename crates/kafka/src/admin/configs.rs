//! Configs of brokers, of all brokers, and of topics.

use std::collections::BTreeMap;

use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::configs::{DescribeConfigs, IncrementalAlterConfigs};
use crate::deadline::Deadline;
use crate::refusal::Refusal;

/// What a config belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigResource {
    /// One broker or controller.
    Broker(i32),
    /// The dynamic default of all brokers.
    ClusterDefault,
    /// A topic.
    Topic(String),
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on this broker while it ran.
    Broker,
    /// Set as the default of all brokers.
    ClusterDefault,
    /// In the node's properties file.
    File,
    /// Kafka's own default.
    Default,
    /// Set on a logger.
    BrokerLogger,
    /// Set on a client metrics subscription.
    ClientMetrics,
    /// Set on a group.
    Group,
    /// A source newer than this library, by its code.
    Unknown(i8),
}

/// One config in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub name: String,
    /// The value; never told for a sensitive key, and null for keys that Kafka does not know.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
    /// Whether only a restart changes it.
    pub read_only: bool,
    /// Whether it is a secret. Kafka takes keys it does not know for secrets.
    pub sensitive: bool,
    /// Every value that there is for it and for the keys that stand in for it, the one in force first; only where
    /// it was asked for.
    pub synonyms: Vec<ConfigSynonym>,
}

/// A value that a config has or would have, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key; another one where that stands in, such as `log.retention.hours` for `log.retention.ms`.
    pub name: String,
    /// The value; never told for a sensitive key.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
}

/// Edits of one resource, applied together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// What is edited.
    pub resource: ConfigResource,
    /// The edits.
    pub edits: Vec<ConfigEdit>,
}

/// An edit of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEdit {
    /// The key.
    pub name: String,
    /// What to do with it.
    pub operation: ConfigOperation,
}

/// What an edit does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigOperation {
    /// Gives it this value.
    Set(String),
    /// Takes the dynamic value away; the file's or the default comes back.
    Delete,
    /// Adds to a list.
    Append(String),
    /// Removes from a list.
    Subtract(String),
}

impl ConfigEdit {
    /// Sets `name` to `value`.
    pub fn set(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), operation: ConfigOperation::Set(value.into()) }
    }

    /// Takes the dynamic value of `name` away.
    pub fn delete(name: impl Into<String>) -> Self {
        Self { name: name.into(), operation: ConfigOperation::Delete }
    }
}

/// A broker's configs are known to, and validated by, that broker alone.
fn route(resource: &ConfigResource) -> Route {
    match resource {
        ConfigResource::Broker(id) => Route::Node(*id),
        ConfigResource::ClusterDefault | ConfigResource::Topic(_) => Route::Controller,
    }
}

/// Those that go along the same route, in the order of first mention.
fn by_route<T>(items: Vec<T>, resource: impl Fn(&T) -> &ConfigResource) -> Vec<(Route, Vec<T>)> {
    let mut groups: BTreeMap<Option<i32>, (Route, Vec<T>)> = BTreeMap::new();
    for item in items {
        let route = route(resource(&item));
        let key = match route {
            Route::Node(id) => Some(id),
            Route::Any | Route::Controller => None,
        };
        groups.entry(key).or_insert_with(|| (route, Vec::new())).1.push(item);
    }
    groups.into_values().collect()
}

impl Cluster {
    /// The configs in force for each of `resources`, or why Kafka does not tell.
    pub async fn describe_configs(
        &self,
        resources: Vec<ConfigResource>,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<(ConfigResource, Result<Vec<ConfigEntry>, Refusal>)>, OperationError> {
        let deadline = deadline.into();
        let mut described = Vec::new();
        for (route, resources) in by_route(resources, |resource| resource) {
            let call = DescribeConfigs { resources, with_synonyms: false };
            described.extend(self.run(route, &call, deadline).await?);
        }
        Ok(described)
    }

    /// The configs of one broker as that broker tells them, each with all values that there are for it.
    pub async fn describe_broker_configs(
        &self,
        broker: i32,
        deadline: impl Into<Deadline>,
    ) -> Result<Result<Vec<ConfigEntry>, Refusal>, OperationError> {
        let resource = ConfigResource::Broker(broker);
        let call = DescribeConfigs { resources: vec![resource.clone()], with_synonyms: true };
        let described = self.run(route(&resource), &call, deadline.into()).await?;
        let own = described.into_iter().find(|(about, _)| *about == resource).map(|(_, described)| described);
        Ok(own.unwrap_or_else(|| Err(Refusal::malformed("the answer leaves the broker out"))))
    }

    /// Edits configs; each resource succeeds or fails for itself. A broker's own are sent to that broker,
    /// or to the active controller when this handle speaks to controllers.
    pub async fn alter_configs(
        &self,
        changes: Vec<ConfigChange>,
        validate_only: bool,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<(ConfigResource, Result<(), Refusal>)>, OperationError> {
        let deadline = deadline.into();
        let mut altered = Vec::new();
        for (route, changes) in by_route(changes, |change| &change.resource) {
            let call = IncrementalAlterConfigs { changes, validate_only };
            altered.extend(self.run(route, &call, deadline).await?);
        }
        Ok(altered)
    }
}
