//! What `klamm status --output json` says, as far as the stories ask for it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

/// A cluster as the product shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The cluster's id.
    pub id: String,
    /// Which Kafka its nodes run.
    pub kafka: String,
    /// Where clients of the listener `clients` begin.
    pub bootstrap: String,
    /// The nodes by slot.
    pub nodes: BTreeMap<String, Node>,
    /// The node id of the active controller, where Kafka told.
    pub leader: Option<i64>,
}

/// A node as the product shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Kafka's id of it.
    pub node_id: i64,
    /// `ready` when it serves.
    pub stage: String,
    /// Its process, while it has one.
    pub pid: Option<i32>,
    /// How often it was started again after it had ended by itself.
    pub restarts: u64,
    /// Host and port of each listener.
    pub listeners: BTreeMap<String, String>,
}

impl Status {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text).with_context(|| format!("status printed {text}"))?;
        let nodes = value["nodes"].as_array().context("status has no nodes")?;
        Ok(Self {
            id: word(&value["id"]).context("status has no id")?,
            kafka: word(&value["kafka"]).context("status has no version of Kafka")?,
            bootstrap: word(&value["bootstrap"]["clients"]).context("status has no bootstrap of clients")?,
            nodes: nodes.iter().map(parse_node).collect::<Result<_>>()?,
            leader: value["kafka_view"]["value"]["quorum"]["leader"].as_i64(),
        })
    }

    /// True when each node serves.
    pub fn is_ready(&self) -> bool {
        !self.nodes.is_empty() && self.nodes.values().all(|node| node.stage == "ready")
    }

    /// The nodes' processes by slot.
    pub fn pids(&self) -> BTreeMap<String, Option<i32>> {
        self.nodes.iter().map(|(slot, node)| (slot.clone(), node.pid)).collect()
    }
}

fn parse_node(value: &Value) -> Result<(String, Node)> {
    let listeners = value["listeners"].as_object().context("a node has no listeners")?;
    let node = Node {
        node_id: value["node_id"].as_i64().context("a node has no id")?,
        stage: word(&value["stage"]["value"]["stage"]).unwrap_or_else(|| "unknown".to_owned()),
        pid: value["process"]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()),
        restarts: value["restarts"].as_u64().unwrap_or_default(),
        listeners: listeners.iter().filter_map(|(name, at)| Some((name.clone(), word(at)?))).collect(),
    };
    Ok((word(&value["slot"]).context("a node has no slot")?, node))
}

fn word(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
