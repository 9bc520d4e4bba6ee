//! Where a topic's partitions begin and end.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use super::ConsumeError;
use crate::admin::{PartitionDescription, TopicPartition};
use crate::cluster::{Cluster, Route};
use crate::codec::calls::fetch::ListOffsets;
use crate::deadline::Deadline;
use crate::refusal::{ErrorCode, Refusal};

/// Between two attempts while leaders are being elected.
const PAUSE: Duration = Duration::from_millis(100);

/// Which offset of a partition is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetAt {
    /// That of the oldest record kept.
    Earliest,
    /// One past the newest record that every in-sync replica has.
    Latest,
    /// That of the first record of an open transaction, else as [`OffsetAt::Latest`].
    LastStable,
}

impl Cluster {
    /// The offset `at` of every partition of `topic`.
    pub async fn list_offsets(
        &self,
        topic: &str,
        at: OffsetAt,
        deadline: impl Into<Deadline>,
    ) -> Result<BTreeMap<i32, i64>, ConsumeError> {
        let deadline = deadline.into();
        let mut offsets = BTreeMap::new();
        loop {
            let partitions = partitions(self, topic, deadline).await?;
            let mut by_leader: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
            let mut failure = None;
            for partition in partitions.iter().filter(|partition| !offsets.contains_key(&partition.index)) {
                match partition.leader {
                    Some(leader) => by_leader.entry(leader).or_default().push(partition.index),
                    None => {
                        let source = Refusal::new(ErrorCode::LEADER_NOT_AVAILABLE);
                        let place = TopicPartition::new(topic, partition.index);
                        failure = Some(ConsumeError::Partition { place, offset: -1, source });
                    }
                }
            }
            for (leader, partitions) in by_leader {
                let call = ListOffsets { topic: topic.to_owned(), partitions, at };
                match self.once(Route::Node(leader), &call, deadline).await {
                    Ok(answers) => {
                        for (partition, result) in answers {
                            match result {
                                Ok(offset) => {
                                    offsets.insert(partition, offset);
                                }
                                Err(source) => {
                                    let retriable = source.is_retriable();
                                    let place = TopicPartition::new(topic, partition);
                                    let refused = ConsumeError::Partition { place, offset: -1, source };
                                    if !retriable {
                                        return Err(refused);
                                    }
                                    failure = Some(refused);
                                }
                            }
                        }
                    }
                    Err(source) => {
                        let retriable = source.is_retriable();
                        let failed =
                            ConsumeError::Operation { topic: topic.to_owned(), source: Box::new(source) };
                        if !retriable {
                            return Err(failed);
                        }
                        failure = Some(failed);
                    }
                }
            }
            match failure {
                None => return Ok(offsets),
                Some(failure) if deadline.left() <= PAUSE => return Err(failure),
                Some(_) => sleep(PAUSE).await,
            }
        }
    }
}

/// The topic's partitions with their leaders.
pub(super) async fn partitions(
    cluster: &Cluster,
    topic: &str,
    deadline: Deadline,
) -> Result<Vec<PartitionDescription>, ConsumeError> {
    cluster
        .partitions_of(topic, deadline)
        .await
        .map_err(|source| ConsumeError::Operation { topic: topic.to_owned(), source: Box::new(source) })?
        .map_err(|source| ConsumeError::Topic { topic: topic.to_owned(), source })
}
