//! Topics and their partitions.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::time::sleep;

use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::metadata::{DescribeTopicPartitions, Metadata, TopicReplies};
use crate::codec::calls::topics::{CreatePartitions, CreateTopics, DeleteTopics};
use crate::connection::RequestError;
use crate::deadline::Deadline;
use crate::kafka_id::KafkaId;
use crate::refusal::Refusal;

/// Between two looks for a topic that is being made.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a topic that the broker does not know may still be on its way to that broker.
const TOPIC_PATIENCE: Duration = Duration::from_secs(5);

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Which topics are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicSelection {
    /// All that the caller may see.
    All,
    /// These.
    Named(Vec<String>),
}

impl TopicSelection {
    /// One topic.
    pub fn one(name: impl Into<String>) -> Self {
        Self::Named(vec![name.into()])
    }
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id: a topic made anew under the same name has another one.
    pub id: Option<KafkaId>,
    /// Whether it is Kafka's own.
    pub internal: bool,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition and its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its number.
    pub index: i32,
    /// The node that leads it.
    pub leader: Option<i32>,
    /// Rises with each change of leader.
    pub leader_epoch: i32,
    /// The assignment; the first one is preferred as leader.
    pub replicas: Vec<i32>,
    /// Those that have everything acknowledged.
    pub in_sync: Vec<i32>,
    /// Those on nodes or directories that are down.
    pub offline: Vec<i32>,
    /// Those outside the in-sync set that may lead without loss (ELR), where the broker tells.
    pub eligible_leaders: Option<Vec<i32>>,
    /// Those that were eligible last, where the broker tells.
    pub last_known_eligible: Option<Vec<i32>>,
}

/// A topic to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; `num.partitions` of the brokers when not said.
    pub partitions: Option<i32>,
    /// How many copies; `default.replication.factor` of the brokers when not said.
    pub replication_factor: Option<i16>,
    /// Topic configs.
    pub config: BTreeMap<String, String>,
}

/// A topic that was made, or would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id; none when it was only validated.
    pub id: Option<KafkaId>,
    /// How many partitions, when the caller may see it.
    pub partitions: Option<i32>,
    /// How many copies, when the caller may see it.
    pub replication_factor: Option<i16>,
}

impl Cluster {
    /// All topics that the caller may see, by name, from one broker's view of the metadata.
    pub async fn list_topics(
        &self,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<TopicDescription>, OperationError> {
        let mut topics = self.metadata(TopicSelection::All, deadline.into()).await?;
        topics.sort_by(|(a, _), (b, _)| a.cmp(b));
        // A topic in the list that cannot be described has just been deleted.
        Ok(topics.into_iter().filter_map(|(_, described)| described.ok()).collect())
    }

    /// Topics with eligible leader replicas where the broker tells them, by name, each described or why not.
    pub async fn describe_topics(
        &self,
        topics: TopicSelection,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<(String, Result<TopicDescription, Refusal>)>, OperationError> {
        let deadline = deadline.into();
        if matches!(&topics, TopicSelection::Named(names) if names.is_empty()) {
            return Ok(Vec::new());
        }
        let mut described = match self.describe_in_pages(topics.clone(), deadline).await {
            // Brokers before 3.8 and controllers do not serve it.
            Err(OperationError::Request(RequestError::Unsupported { .. })) => {
                self.metadata(topics, deadline).await?
            }
            described => described?,
        };
        described.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(described)
    }

    async fn describe_in_pages(
        &self,
        topics: TopicSelection,
        deadline: Deadline,
    ) -> Result<TopicReplies, OperationError> {
        let mut pages: TopicReplies = Vec::new();
        let mut call = DescribeTopicPartitions { topics, from: None };
        loop {
            let (page, next) = self.run(Route::Any, &call, deadline).await?;
            for (name, described) in page {
                match (pages.last_mut(), described) {
                    // A topic may go on in the next page.
                    (Some((last, Ok(begun))), Ok(more)) if *last == name => {
                        begun.partitions.extend(more.partitions);
                    }
                    (_, described) => pages.push((name, described)),
                }
            }
            match next {
                Some(from) => call.from = Some(from),
                None => return Ok(pages),
            }
        }
    }

    pub(crate) async fn metadata(
        &self,
        topics: TopicSelection,
        deadline: Deadline,
    ) -> Result<TopicReplies, OperationError> {
        self.run(Route::Any, &Metadata { topics }, deadline).await.map(|reply| reply.topics)
    }

    /// The partitions of one topic; waits a little for a topic that was only just made.
    pub(crate) async fn partitions_of(
        &self,
        topic: &str,
        deadline: Deadline,
    ) -> Result<Result<Vec<PartitionDescription>, Refusal>, OperationError> {
        let topic_deadline = Deadline::after(TOPIC_PATIENCE.min(deadline.left()));
        let mut refused = None;
        loop {
            let described = match (self.metadata(TopicSelection::one(topic), deadline).await, refused) {
                (Ok(topics), _) => topics.into_iter().next().map(|(_, described)| described),
                // Out of time while waiting for the topic: that it was refused says more.
                (Err(_), Some(refusal)) if deadline.has_passed() => return Ok(Err(refusal)),
                (Err(failure), _) => return Err(failure),
            };
            let described =
                described.unwrap_or_else(|| Err(Refusal::malformed("the answer leaves the topic out")));
            match described {
                Err(refusal) if refusal.is_retriable() && topic_deadline.left() > PAUSE => {
                    refused = Some(refusal);
                    sleep(PAUSE).await;
                }
                described => return Ok(described.map(|topic| topic.partitions)),
            }
        }
    }

    /// Makes topics, or only checks that they could be made. Each succeeds or fails for itself. A lost
    /// answer is not followed by a second attempt: look whether the topic is there.
    pub async fn create_topics(
        &self,
        topics: Vec<NewTopic>,
        validate_only: bool,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<(String, Result<CreatedTopic, Refusal>)>, OperationError> {
        let deadline = deadline.into();
        let call = CreateTopics { topics, validate_only, patience: deadline.left() };
        self.run(Route::Controller, &call, deadline).await
    }

    /// Gives a topic more partitions: `partitions` in all. No second attempt after a lost answer.
    pub async fn create_partitions(
        &self,
        topic: impl Into<String>,
        partitions: i32,
        deadline: impl Into<Deadline>,
    ) -> Result<Result<(), Refusal>, OperationError> {
        let deadline = deadline.into();
        let call = CreatePartitions { topic: topic.into(), partitions, patience: deadline.left() };
        self.run(Route::Controller, &call, deadline).await
    }

    /// Deletes topics with everything in them. Each succeeds or fails for itself; no second attempt after
    /// a lost answer.
    pub async fn delete_topics(
        &self,
        names: Vec<String>,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<(String, Result<(), Refusal>)>, OperationError> {
        let deadline = deadline.into();
        let call = DeleteTopics { names, patience: deadline.left() };
        self.run(Route::Controller, &call, deadline).await
    }
}
