//! What happened in the cluster: some of it the world must act upon, all of it makes the history that a person reads.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use klamm_core::model::NodeId;

use super::{KafkaError, PartitionName, ProcessNumber, RecordNumber, RequestNumber};

/// Something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Since the start of the history.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By itself, or after SIGTERM.
    Code {
        /// The exit status: 0, 1, or 143 after SIGTERM.
        code: i32,
        /// The end of its log in Kafka's own words, for `klamm_core::kafka::start_errors::recognise`; empty after an
        /// ordinary stop.
        log: String,
    },
    /// By SIGKILL.
    Killed,
    /// With its host.
    PowerLoss,
}

/// Why a broker was fenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyFenced {
    /// No heartbeat for a session.
    SessionExpired,
    /// It asked to stop, and may.
    ShutDown,
    /// A new run of it registered.
    Registered,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A process ended. The world must act upon this one.
    Exited {
        /// Which run.
        process: ProcessNumber,
        /// Of which node.
        node: NodeId,
        /// How.
        exit: Exit,
    },
    /// A record counts as written. For the client.
    Acknowledged {
        /// Which.
        record: RecordNumber,
    },
    /// A record was not written, or nobody knows. For the client.
    NotWritten {
        /// Which.
        record: RecordNumber,
        /// Why.
        error: KafkaError,
    },
    /// A request was answered. For who asked.
    Answered {
        /// Which.
        request: RequestNumber,
        /// How.
        result: Result<(), KafkaError>,
    },
    /// A node became the active controller.
    ControllerElected {
        /// Which.
        node: NodeId,
        /// Its epoch.
        epoch: u32,
    },
    /// What the quorum had committed is gone: more voters lost their disks than it survives.
    MetadataLost,
    /// The active controller gave up.
    ControllerResigned {
        /// Which.
        node: NodeId,
        /// Its epoch.
        epoch: u32,
    },
    /// The active controller refused to register a broker.
    RegistrationRefused {
        /// Which.
        node: NodeId,
        /// Why.
        error: KafkaError,
    },
    /// A broker was fenced.
    Fenced {
        /// Which.
        node: NodeId,
        /// Why.
        why: WhyFenced,
    },
    /// A broker was unfenced.
    Unfenced {
        /// Which.
        node: NodeId,
    },
    /// A partition has another leader, or none.
    LeaderChanged {
        /// Which.
        partition: PartitionName,
        /// Who leads.
        leader: Option<NodeId>,
        /// The leader's epoch.
        epoch: u32,
    },
    /// Other replicas are in sync.
    InSyncChanged {
        /// Of which partition.
        partition: PartitionName,
        /// Who is.
        in_sync: BTreeSet<NodeId>,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { process: _, node, exit } => match exit {
                Exit::Code { code, log } if log.is_empty() => write!(f, "node {node} ended with {code}"),
                Exit::Code { code, log } => {
                    write!(f, "node {node} ended with {code}: {}", log.lines().next().unwrap_or_default())
                }
                Exit::Killed => write!(f, "node {node} was killed"),
                Exit::PowerLoss => write!(f, "node {node} lost power"),
            },
            Self::Acknowledged { record } => write!(f, "{record} is acknowledged"),
            Self::NotWritten { record, error } => write!(f, "{record} is not written: {error}"),
            Self::Answered { request, result: Ok(()) } => write!(f, "{request} is done"),
            Self::Answered { request, result: Err(error) } => write!(f, "{request} is refused: {error}"),
            Self::ControllerElected { node, epoch } => {
                write!(f, "node {node} is the active controller of epoch {epoch}")
            }
            Self::MetadataLost => f.write_str("committed metadata is lost"),
            Self::ControllerResigned { node, epoch } => {
                write!(f, "node {node} resigns as active controller of epoch {epoch}")
            }
            Self::RegistrationRefused { node, error } => {
                write!(f, "broker {node} is not registered: {error}")
            }
            Self::Fenced { node, why } => {
                let why = match why {
                    WhyFenced::SessionExpired => "its session expired",
                    WhyFenced::ShutDown => "it stops",
                    WhyFenced::Registered => "it starts",
                };
                write!(f, "broker {node} is fenced: {why}")
            }
            Self::Unfenced { node } => write!(f, "broker {node} is unfenced"),
            Self::LeaderChanged { partition, leader: Some(leader), epoch } => {
                write!(f, "{partition} is led by {leader} in epoch {epoch}")
            }
            Self::LeaderChanged { partition, leader: None, epoch } => {
                write!(f, "{partition} has no leader in epoch {epoch}")
            }
            Self::InSyncChanged { partition, in_sync } => {
                let names: Vec<String> = in_sync.iter().map(NodeId::to_string).collect();
                write!(f, "{partition} is in sync on [{}]", names.join(" "))
            }
        }
    }
}
