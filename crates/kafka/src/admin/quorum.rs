//! The metadata quorum.

use crate::address::Address;
use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::quorum::DescribeQuorum;
use crate::deadline::Deadline;
use crate::kafka_id::KafkaId;

/// The quorum as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumDescription {
    /// The active controller.
    pub leader: Option<i32>,
    /// Rises with each election.
    pub leader_epoch: i32,
    /// The offset up to which a majority has the log; unknown right after an election.
    pub high_watermark: Option<i64>,
    /// The voters, by id.
    pub voters: Vec<QuorumReplica>,
    /// Brokers, and controllers that do not vote, by id.
    pub observers: Vec<QuorumReplica>,
    /// Where the voters listen (Kafka 3.9 and newer).
    pub nodes: Vec<QuorumNode>,
}

/// A replica of the metadata log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumReplica {
    /// The node id.
    pub id: i32,
    /// Its metadata directory, where the quorum is dynamic.
    pub directory: Option<KafkaId>,
    /// One past its last record.
    pub log_end_offset: Option<i64>,
    /// When it last fetched, in milliseconds of the leader's wall clock. The leader's own is its now.
    pub last_fetch_ms: Option<i64>,
    /// When it last had everything the leader had, on the same clock.
    pub last_caught_up_ms: Option<i64>,
}

/// A voter's listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumNode {
    /// The node id.
    pub id: i32,
    /// Its controller listeners.
    pub listeners: Vec<QuorumListener>,
}

/// A named listener of a voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumListener {
    /// The listener's name.
    pub name: String,
    /// Where it can be reached.
    pub address: Address,
}

impl Cluster {
    /// The metadata quorum, as its leader sees it.
    pub async fn describe_quorum(
        &self,
        deadline: impl Into<Deadline>,
    ) -> Result<QuorumDescription, OperationError> {
        self.run(Route::Controller, &DescribeQuorum, deadline.into()).await
    }
}
