//! Partitions on their way from some replicas to others.

use crate::admin::TopicPartition;
use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::reassignments::ListPartitionReassignments;
use crate::deadline::Deadline;

/// A partition whose replicas are being changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reassignment {
    /// Which partition.
    pub place: TopicPartition,
    /// All its replicas at the moment: those that stay, those that come and those that go.
    pub replicas: Vec<i32>,
    /// Those that come: they copy what they have not yet.
    pub adding: Vec<i32>,
    /// Those that go once all that come are in sync. Both lists may be empty for a change of order.
    pub removing: Vec<i32>,
}

impl Cluster {
    /// Every reassignment that is not finished yet, by partition.
    pub async fn list_reassignments(
        &self,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<Reassignment>, OperationError> {
        let deadline = deadline.into();
        let call = ListPartitionReassignments { patience: deadline.left() };
        self.run(Route::Controller, &call, deadline).await
    }
}
