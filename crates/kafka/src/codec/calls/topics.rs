//! CreateTopics, CreatePartitions and DeleteTopics.

use std::time::Duration;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};

use crate::admin::{CreatedTopic, NewTopic};
use crate::codec::{Call, kafka_id, owned, some_id, text};
use crate::refusal::{ErrorCode, Refusal};

/// Kafka's way of saying "the broker's default".
const BROKER_DEFAULT: i8 = -1;

/// The first item's code that means the whole request went to the wrong controller.
fn misdirected<T>(items: &[(String, Result<T, Refusal>)]) -> Option<Refusal> {
    items
        .iter()
        .filter_map(|(_, result)| result.as_ref().err())
        .find(|refusal| refusal.code == ErrorCode::NOT_CONTROLLER)
        .cloned()
}

pub(crate) struct CreateTopics {
    pub(crate) topics: Vec<NewTopic>,
    pub(crate) validate_only: bool,
    pub(crate) patience: Duration,
}

impl Call for CreateTopics {
    const NAME: &'static str = "CreateTopics";
    const REPEATABLE: bool = false;
    type Wire = CreateTopicsRequest;
    type Reply = Vec<(String, Result<CreatedTopic, Refusal>)>;

    fn wire(&self, _version: i16) -> CreateTopicsRequest {
        let topics = self.topics.iter().map(|topic| {
            let configs = topic.config.iter().map(|(name, value)| {
                CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
            });
            CreatableTopic::default()
                .with_name(TopicName(text(&topic.name)))
                .with_num_partitions(topic.partitions.unwrap_or(BROKER_DEFAULT.into()))
                .with_replication_factor(topic.replication_factor.unwrap_or(BROKER_DEFAULT.into()))
                .with_configs(configs.collect())
        });
        CreateTopicsRequest::default()
            .with_topics(topics.collect())
            .with_timeout_ms(super::milliseconds(self.patience))
            .with_validate_only(self.validate_only)
    }

    fn reply(answer: CreateTopicsResponse) -> Result<Self::Reply, Refusal> {
        let topics = answer.topics.into_iter().map(|topic| {
            let name = owned(topic.name.0);
            let created = match Refusal::from_code(topic.error_code, topic.error_message.map(owned)) {
                Some(refusal) => Err(refusal),
                None => Ok(CreatedTopic {
                    id: some_id(kafka_id!(topic.topic_id)),
                    partitions: (topic.num_partitions >= 0).then_some(topic.num_partitions),
                    replication_factor: (topic.replication_factor >= 0).then_some(topic.replication_factor),
                }),
            };
            (name, created)
        });
        let topics: Self::Reply = topics.collect();
        misdirected(&topics).map_or(Ok(topics), Err)
    }
}

pub(crate) struct CreatePartitions {
    pub(crate) topic: String,
    pub(crate) partitions: i32,
    pub(crate) patience: Duration,
}

impl Call for CreatePartitions {
    const NAME: &'static str = "CreatePartitions";
    const REPEATABLE: bool = false;
    type Wire = CreatePartitionsRequest;
    type Reply = Result<(), Refusal>;

    fn wire(&self, _version: i16) -> CreatePartitionsRequest {
        // Without assignments Kafka places the new replicas itself.
        let topic = CreatePartitionsTopic::default()
            .with_name(TopicName(text(&self.topic)))
            .with_count(self.partitions)
            .with_assignments(None);
        CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(super::milliseconds(self.patience))
            .with_validate_only(false)
    }

    fn reply(answer: CreatePartitionsResponse) -> Result<Self::Reply, Refusal> {
        let missing = || Refusal::malformed("the answer leaves the topic out");
        let topic = answer.results.into_iter().next().ok_or_else(missing)?;
        let refusal = Refusal::from_code(topic.error_code, topic.error_message.map(owned));
        match refusal {
            Some(refusal) if refusal.code == ErrorCode::NOT_CONTROLLER => Err(refusal),
            refusal => Ok(refusal.map_or(Ok(()), Err)),
        }
    }
}

pub(crate) struct DeleteTopics {
    pub(crate) names: Vec<String>,
    pub(crate) patience: Duration,
}

/// From here on topics are named in a structure that may hold an id instead.
const BY_NAME_OR_ID: i16 = 6;

impl Call for DeleteTopics {
    const NAME: &'static str = "DeleteTopics";
    const REPEATABLE: bool = false;
    type Wire = DeleteTopicsRequest;
    type Reply = Vec<(String, Result<(), Refusal>)>;

    fn wire(&self, version: i16) -> DeleteTopicsRequest {
        let request = DeleteTopicsRequest::default().with_timeout_ms(super::milliseconds(self.patience));
        let names = self.names.iter().map(|name| TopicName(text(name)));
        if version >= BY_NAME_OR_ID {
            request.with_topics(names.map(|name| DeleteTopicState::default().with_name(Some(name))).collect())
        } else {
            request.with_topic_names(names.collect())
        }
    }

    fn reply(answer: DeleteTopicsResponse) -> Result<Self::Reply, Refusal> {
        let topics = answer.responses.into_iter().map(|topic| {
            let name = topic.name.map(|name| owned(name.0)).unwrap_or_default();
            let refusal = Refusal::from_code(topic.error_code, topic.error_message.map(owned));
            (name, refusal.map_or(Ok(()), Err))
        });
        let topics: Self::Reply = topics.collect();
        misdirected(&topics).map_or(Ok(topics), Err)
    }
}
