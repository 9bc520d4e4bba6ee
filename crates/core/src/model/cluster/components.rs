//! What runs beside Kafka, and how the cluster is watched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Heap, HostSelector};

/// What runs beside Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Components {
    /// The schema registry, if wanted.
    pub registry: Option<Registry>,
    /// Kafka Connect, if wanted.
    pub connect: Option<Connect>,
}

/// The schema registry: equal, stateless processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// How many processes, from 1.
    pub count: u16,
    /// Base port of its HTTPS endpoint.
    pub port: u16,
    /// The hosts it may use; empty means any.
    pub hosts: Vec<HostSelector>,
    /// Java heap of each process.
    pub heap: Heap,
}

impl Registry {
    /// Where everybody looks for a schema registry.
    pub const DEFAULT_PORT: u16 = 8081;
}

/// One Kafka Connect cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// How many workers, from 1.
    pub count: u16,
    /// Base port of its HTTPS endpoint.
    pub port: u16,
    /// The hosts it may use; empty means any.
    pub hosts: Vec<HostSelector>,
    /// Java heap of each worker.
    pub heap: Heap,
    /// Plugins by Maven coordinate, `GROUP:ARTIFACT:VERSION`.
    pub plugins: Vec<String>,
    /// Worker properties.
    pub config: BTreeMap<String, String>,
    /// Connectors that shall run.
    pub connectors: BTreeMap<String, Connector>,
}

impl Connect {
    /// Kafka Connect's own default.
    pub const DEFAULT_PORT: u16 = 8083;
}

/// One connector that shall run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// Its Java class.
    pub class: String,
    /// Most tasks it may split into, from 1.
    pub tasks: u16,
    /// Its properties.
    pub config: BTreeMap<String, String>,
}

/// How the cluster is watched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monitoring {
    /// Whether metrics are served in Prometheus' format.
    pub prometheus: bool,
}
