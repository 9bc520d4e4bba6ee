//! What the observer inside a node's JVM would say.

/// `org.apache.kafka.metadata.BrokerState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrokerState {
    /// Nothing yet.
    NotRunning,
    /// Registers and catches up with the metadata log.
    Starting,
    /// Caught up, still fenced.
    Recovery,
    /// Unfenced.
    Running,
    /// Waits until it leads nothing.
    PendingControlledShutdown,
    /// Closes its logs.
    ShuttingDown,
}

impl BrokerState {
    /// Kafka's number of it.
    pub fn number(self) -> u8 {
        match self {
            Self::NotRunning => 0,
            Self::Starting => 1,
            Self::Recovery => 2,
            Self::Running => 3,
            Self::PendingControlledShutdown => 6,
            Self::ShuttingDown => 7,
        }
    }
}

/// A node's place in the quorum, as its `current-state` metric says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RaftRole {
    /// The active controller, or about to be.
    Leader,
    /// A voter that follows.
    Follower,
    /// A node without a vote that follows.
    Observer,
    /// A voter that asks for votes.
    Prospective,
    /// Knows no leader.
    Unattached,
    /// A leader that gave up.
    Resigned,
}

impl RaftRole {
    /// Kafka's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Observer => "observer",
            Self::Prospective => "prospective",
            Self::Unattached => "unattached",
            Self::Resigned => "resigned",
        }
    }
}

/// The part of the observer's answer that agents act upon; [`super::Model::status`] is none while nothing answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// `BrokerState`; none for a mere controller, and while the JVM boots.
    pub broker: Option<BrokerState>,
    /// Logs that are still to load; none but while they are loaded.
    pub logs_remaining: Option<u64>,
    /// Segments that are still to check.
    pub segments_remaining: Option<u64>,
    /// Its place in the quorum; none while the JVM boots.
    pub raft: Option<RaftRole>,
    /// The active controller that it knows.
    pub quorum_leader: Option<klamm_core::model::NodeId>,
    /// How far the metadata log is committed, as it knows; none while unknown.
    pub high_watermark: Option<u64>,
    /// Partitions that it leads.
    pub leaders: Option<u64>,
}
