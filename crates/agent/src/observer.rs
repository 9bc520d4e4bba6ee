//! Asks the observer inside a node's JVM over the Unix socket in the slot's folder.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use klamm_core::machines::slot::{NodeStage, NodeWord};

/// The socket's name in the slot's folder; the JVM binds it relative to its working directory, because the
/// whole path may be longer than the 107 bytes of a socket address.
pub(crate) const SOCKET: &str = "observer.sock";

/// The observer answers from memory; a JVM in a long pause is asked again.
const PATIENCE: Duration = Duration::from_secs(2);

/// More than this is not the observer's.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Kafka's `BrokerState` (`org.apache.kafka.metadata.BrokerState`).
const RECOVERY: i64 = 2;
const RUNNING: i64 = 3;

/// No observer answered.
#[derive(Debug, Error)]
pub(crate) enum ObserverError {
    /// The socket is not there, not answered, or broke off.
    #[error("{socket}: no answer from the node's observer")]
    Silent {
        socket: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The answer is not readable.
    #[error("{socket}: the answer of the node's observer is not readable")]
    Unreadable {
        socket: PathBuf,
        #[source]
        source: serde_json::Error,
    },
}

/// The part of the observer's status that the agent acts upon.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct NodeStatus {
    pid: u32,
    stage: String,
    broker: Broker,
    recovery: Recovery,
    raft: Raft,
    replicas: Replicas,
    tls: Option<Vec<ServedTls>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Broker {
    state: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Recovery {
    logs_remaining: Option<u64>,
    segments_remaining: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Raft {
    state: Option<String>,
    high_watermark: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Replicas {
    leaders: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct ServedTls {
    serial: Option<String>,
}

impl NodeStatus {
    /// In the machine's words; `holds_partitions` tells a broker from a mere controller.
    pub(crate) fn to_word(&self, holds_partitions: bool) -> NodeWord {
        NodeWord {
            pid: self.pid,
            stage: self.stage(holds_partitions),
            broker_state: self.broker.state.and_then(|state| u8::try_from(state).ok()),
            served: self.tls.iter().flatten().filter_map(|served| served.serial.clone()).collect(),
            stop_progress: self.stop_progress(),
        }
    }

    fn stage(&self, holds_partitions: bool) -> NodeStage {
        match self.broker.state {
            Some(RUNNING) => NodeStage::Ready,
            Some(RECOVERY) | Some(1) if self.recovery.logs_remaining.is_some_and(|logs| logs > 0) => {
                NodeStage::Recovering {
                    logs: self.recovery.logs_remaining,
                    segments: self.recovery.segments_remaining,
                }
            }
            Some(_) => NodeStage::Joining,
            None if !holds_partitions && self.follows_or_leads() => NodeStage::Ready,
            None if self.stage == "jvm" => NodeStage::Launching,
            None => NodeStage::Joining,
        }
    }

    /// Whether a broker does its work.
    pub(crate) fn is_ready(&self) -> bool {
        self.broker.state == Some(RUNNING)
    }

    /// A controller that knows its leader, or is it.
    fn follows_or_leads(&self) -> bool {
        let known = self.raft.state.as_deref();
        matches!(known, Some("leader" | "follower")) && self.raft.high_watermark.is_some()
    }

    /// A number that changes while a stopping node gets on: it hands over its leaders one by one.
    fn stop_progress(&self) -> u64 {
        let state = self.broker.state.map_or(0, i64::unsigned_abs);
        self.replicas.leaders.unwrap_or(0) << 8 | state
    }
}

/// Asks for the status of the node whose slot folder is given.
pub(crate) async fn ask(folder: &Path) -> Result<NodeStatus, ObserverError> {
    let socket = folder.join(SOCKET);
    let silent = |source| ObserverError::Silent { socket: socket.clone(), source };
    let asked = tokio::time::timeout(PATIENCE, exchange(folder));
    let answer = asked.await.map_err(|_| silent(io::ErrorKind::TimedOut.into()))?.map_err(silent)?;
    serde_json::from_slice(&answer)
        .map_err(|source| ObserverError::Unreadable { socket: socket.clone(), source })
}

async fn exchange(folder: &Path) -> io::Result<Vec<u8>> {
    // The folder's descriptor keeps the address short, however deep the folder is.
    let opened = File::open(folder)?;
    let address = format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd());
    let mut stream = UnixStream::connect(address).await?;
    stream.write_all(b"status\n").await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(broker: &str, logs: &str, raft: &str) -> NodeStatus {
        let text = format!(
            r#"{{"version":1,"pid":7,"stage":"quorum","broker":{{"state":{broker}}},
                "recovery":{{"logs_remaining":{logs},"segments_remaining":null}},
                "raft":{{"state":{raft},"high_watermark":3}},"replicas":{{"leaders":4}},
                "tls":[{{"serial":"0a","listener":"x"}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_broker_is_ready_when_it_runs_and_a_controller_when_it_follows() {
        assert_eq!(status("3", "0", "\"follower\"").stage(true), NodeStage::Ready);
        assert_eq!(status("null", "null", "\"follower\"").stage(true), NodeStage::Joining);
        assert_eq!(status("null", "null", "\"follower\"").stage(false), NodeStage::Ready);
        assert_eq!(status("null", "null", "\"candidate\"").stage(false), NodeStage::Joining);
    }

    #[test]
    fn log_recovery_is_told_with_what_is_left() {
        let recovering = NodeStage::Recovering { logs: Some(5), segments: None };
        assert_eq!(status("1", "5", "null").stage(true), recovering);
        assert_eq!(status("1", "0", "null").stage(true), NodeStage::Joining);
    }
}
