//! What clients ask of the cluster, and how it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use klamm_core::model::NodeId;
use klamm_core::model::inventory::AccessEntry;

use super::{PartitionName, VoterKey};

/// What must have happened before a record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acks {
    /// The leader has it (`acks=1`). Promises nothing.
    Leader,
    /// All in-sync replicas have it (`acks=all`).
    All,
}

/// A change inside Kafka, made by the active controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Create a topic; its partitions are spread over the unfenced brokers.
    CreateTopic {
        /// Its name.
        name: String,
        /// How many partitions.
        partitions: u32,
        /// How many replicas of each.
        replicas: u32,
        /// Its settings; `min.insync.replicas` is the one that the model acts upon.
        config: BTreeMap<String, String>,
    },
    /// Set settings of the cluster (the broker resource with the empty name); no value takes the setting away.
    SetClusterConfig {
        /// Keys and values.
        settings: BTreeMap<String, Option<String>>,
    },
    /// Set settings of a topic; no value takes the setting away.
    SetTopicConfig {
        /// Which.
        topic: String,
        /// Keys and values.
        settings: BTreeMap<String, Option<String>>,
    },
    /// Create access rules; those that are there already stay.
    CreateAccess {
        /// Which.
        entries: BTreeSet<AccessEntry>,
    },
    /// Delete access rules.
    DeleteAccess {
        /// Which.
        entries: BTreeSet<AccessEntry>,
    },
    /// Make the preferred replica of each partition its leader where that is possible; all partitions if none is named.
    ElectPreferred {
        /// Which.
        partitions: BTreeSet<PartitionName>,
    },
    /// Mark a partition as being moved, or no more. The model moves no data.
    MarkMoving {
        /// Which.
        partition: PartitionName,
        /// Whether.
        moving: bool,
    },
    /// Make an observer a voter.
    AddVoter {
        /// Who, with the directory it votes with.
        voter: VoterKey,
    },
    /// Take a voter out of the quorum.
    RemoveVoter {
        /// Who, with the directory it votes with.
        voter: VoterKey,
    },
    /// Forget a broker that is gone.
    UnregisterBroker {
        /// Which.
        node: NodeId,
    },
}

/// Kafka's refusals, by the names of `org.apache.kafka.common.protocol.Errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are Kafka's own and documented there")]
pub enum KafkaError {
    UnknownTopicOrPartition,
    LeaderNotAvailable,
    NotLeaderOrFollower,
    RequestTimedOut,
    BrokerNotAvailable,
    NotEnoughReplicas,
    NotEnoughReplicasAfterAppend,
    InvalidTopic,
    TopicAlreadyExists,
    InvalidPartitions,
    InvalidReplicationFactor,
    InvalidConfig,
    NotController,
    BrokerIdNotRegistered,
    DuplicateBrokerRegistration,
    IneligibleReplica,
    DuplicateVoter,
    VoterNotFound,
    InvalidRequest,
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::UnknownTopicOrPartition => "UNKNOWN_TOPIC_OR_PARTITION",
            Self::LeaderNotAvailable => "LEADER_NOT_AVAILABLE",
            Self::NotLeaderOrFollower => "NOT_LEADER_OR_FOLLOWER",
            Self::RequestTimedOut => "REQUEST_TIMED_OUT",
            Self::BrokerNotAvailable => "BROKER_NOT_AVAILABLE",
            Self::NotEnoughReplicas => "NOT_ENOUGH_REPLICAS",
            Self::NotEnoughReplicasAfterAppend => "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
            Self::InvalidTopic => "INVALID_TOPIC_EXCEPTION",
            Self::TopicAlreadyExists => "TOPIC_ALREADY_EXISTS",
            Self::InvalidPartitions => "INVALID_PARTITIONS",
            Self::InvalidReplicationFactor => "INVALID_REPLICATION_FACTOR",
            Self::InvalidConfig => "INVALID_CONFIG",
            Self::NotController => "NOT_CONTROLLER",
            Self::BrokerIdNotRegistered => "BROKER_ID_NOT_REGISTERED",
            Self::DuplicateBrokerRegistration => "DUPLICATE_BROKER_REGISTRATION",
            Self::IneligibleReplica => "INELIGIBLE_REPLICA",
            Self::DuplicateVoter => "DUPLICATE_VOTER",
            Self::VoterNotFound => "VOTER_NOT_FOUND",
            Self::InvalidRequest => "INVALID_REQUEST",
        })
    }
}

impl KafkaError {
    /// Whether Kafka's clients ask again by themselves.
    pub fn is_retriable(self) -> bool {
        match self {
            Self::UnknownTopicOrPartition
            | Self::LeaderNotAvailable
            | Self::NotLeaderOrFollower
            | Self::RequestTimedOut
            | Self::BrokerNotAvailable
            | Self::NotEnoughReplicas
            | Self::NotEnoughReplicasAfterAppend
            | Self::NotController => true,
            Self::InvalidTopic
            | Self::TopicAlreadyExists
            | Self::InvalidPartitions
            | Self::InvalidReplicationFactor
            | Self::InvalidConfig
            | Self::BrokerIdNotRegistered
            | Self::DuplicateBrokerRegistration
            | Self::IneligibleReplica
            | Self::DuplicateVoter
            | Self::VoterNotFound
            | Self::InvalidRequest => false,
        }
    }
}
