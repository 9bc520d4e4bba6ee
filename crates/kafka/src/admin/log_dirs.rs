//! What lies in a broker's data directories.

use crate::admin::TopicPartition;
use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::log_dirs::DescribeLogDirs;
use crate::deadline::Deadline;
use crate::refusal::Refusal;

/// A data directory of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDir {
    /// Its path on the broker's host.
    pub path: String,
    /// Why the broker does not use it (any more).
    pub failure: Option<Refusal>,
    /// The size of its volume.
    pub total_bytes: Option<u64>,
    /// What is free on its volume for the broker.
    pub usable_bytes: Option<u64>,
    /// The replicas in it, by place. None when the caller may not describe the cluster.
    pub replicas: Vec<LogDirReplica>,
}

/// A replica in a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirReplica {
    /// Of which partition.
    pub place: TopicPartition,
    /// Its segments' bytes.
    pub size: u64,
    /// How far it is behind: the high watermark minus its end, or what a future replica still has to copy.
    pub lag: i64,
    /// Whether it is being copied here from another directory and will replace that one.
    pub future: bool,
}

impl Cluster {
    /// The data directories of broker `id`, by path. Only brokers' listeners answer.
    pub async fn describe_log_dirs(
        &self,
        id: i32,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<LogDir>, OperationError> {
        self.run(Route::Node(id), &DescribeLogDirs, deadline.into()).await
    }
}
