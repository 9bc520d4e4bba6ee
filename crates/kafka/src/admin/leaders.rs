//! Electing partition leaders.

use crate::admin::TopicPartition;
use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::leaders::ElectLeaders;
use crate::deadline::Deadline;
use crate::refusal::Refusal;

/// Which replica may become leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Election {
    /// The first of the assignment, when it is in sync. Loses nothing.
    Preferred,
    /// Any live replica of a partition without leader. Loses what only the others had.
    Unclean,
}

impl Cluster {
    /// Holds an election for `partitions`, or for all of them. Refusals per partition are part of the result:
    /// `ELECTION_NOT_NEEDED` says that the right one leads already.
    pub async fn elect_leaders(
        &self,
        election: Election,
        partitions: Option<Vec<TopicPartition>>,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<(TopicPartition, Result<(), Refusal>)>, OperationError> {
        let deadline = deadline.into();
        let call = ElectLeaders { election, partitions, patience: deadline.left() };
        self.run(Route::Controller, &call, deadline).await
    }
}
