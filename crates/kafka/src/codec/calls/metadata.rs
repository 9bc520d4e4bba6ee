//! Metadata and DescribeTopicPartitions: brokers, topics, and who leads which partition.

use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, MetadataRequest, MetadataResponse,
    TopicName,
};

use crate::address::Address;
use crate::admin::{NodeDescription, PartitionDescription, TopicDescription, TopicSelection};
use crate::codec::{Call, kafka_id, node, nodes, owned, some_id, text};
use crate::refusal::Refusal;

/// Each topic asked for by its name: described, or why not.
pub(crate) type TopicReplies = Vec<(String, Result<TopicDescription, Refusal>)>;

pub(crate) struct Metadata {
    pub(crate) topics: TopicSelection,
}

pub(crate) struct MetadataReply {
    pub(crate) nodes: Vec<NodeDescription>,
    pub(crate) controller: Option<i32>,
    pub(crate) topics: TopicReplies,
}

impl Call for Metadata {
    const NAME: &'static str = "Metadata";
    type Wire = MetadataRequest;
    type Reply = MetadataReply;

    fn wire(&self, _version: i16) -> MetadataRequest {
        let topics = match &self.topics {
            TopicSelection::All => None,
            TopicSelection::Named(names) => Some(
                names
                    .iter()
                    .map(|name| MetadataRequestTopic::default().with_name(Some(TopicName(text(name)))))
                    .collect(),
            ),
        };
        // Looking at a topic must never make one.
        MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false)
    }

    fn reply(answer: MetadataResponse) -> Result<MetadataReply, Refusal> {
        if let Some(refusal) = Refusal::from_code(answer.error_code, None) {
            return Err(refusal);
        }
        let nodes = answer
            .brokers
            .into_iter()
            .map(|broker| NodeDescription {
                id: broker.node_id.0,
                address: Address::new(owned(broker.host), u16::try_from(broker.port).unwrap_or_default()),
                rack: broker.rack.map(owned),
                fenced: false,
            })
            .collect();
        let topics = answer.topics.into_iter().map(|topic| {
            let name = topic.name.map(|name| owned(name.0)).unwrap_or_default();
            let described = match Refusal::from_code(topic.error_code, None) {
                Some(refusal) => Err(refusal),
                None => Ok(TopicDescription {
                    name: name.clone(),
                    id: some_id(kafka_id!(topic.topic_id)),
                    internal: topic.is_internal,
                    partitions: in_order(topic.partitions.into_iter().map(partition)),
                }),
            };
            (name, described)
        });
        Ok(MetadataReply { nodes, controller: node(answer.controller_id.0), topics: topics.collect() })
    }
}

fn partition(partition: MetadataResponsePartition) -> PartitionDescription {
    PartitionDescription {
        index: partition.partition_index,
        leader: node(partition.leader_id.0),
        leader_epoch: partition.leader_epoch,
        replicas: nodes(partition.replica_nodes),
        in_sync: nodes(partition.isr_nodes),
        offline: nodes(partition.offline_replicas),
        eligible_leaders: None,
        last_known_eligible: None,
    }
}

fn in_order(partitions: impl Iterator<Item = PartitionDescription>) -> Vec<PartitionDescription> {
    let mut partitions: Vec<_> = partitions.collect();
    partitions.sort_by_key(|partition| partition.index);
    partitions
}

/// One page of partitions with their eligible leader replicas.
pub(crate) struct DescribeTopicPartitions {
    pub(crate) topics: TopicSelection,
    pub(crate) from: Option<PartitionCursor>,
}

/// Where the next page starts.
#[derive(Debug, Clone)]
pub(crate) struct PartitionCursor {
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

/// What a broker gives at most in one page (`max.request.partition.size.limit`).
const PAGE: i32 = 2000;

impl Call for DescribeTopicPartitions {
    const NAME: &'static str = "DescribeTopicPartitions";
    type Wire = DescribeTopicPartitionsRequest;
    type Reply = (TopicReplies, Option<PartitionCursor>);

    fn wire(&self, _version: i16) -> DescribeTopicPartitionsRequest {
        let named = match &self.topics {
            TopicSelection::All => Vec::new(),
            TopicSelection::Named(names) => {
                names.iter().map(|name| TopicRequest::default().with_name(TopicName(text(name)))).collect()
            }
        };
        let cursor = self.from.as_ref().map(|from| {
            Cursor::default()
                .with_topic_name(TopicName(text(&from.topic)))
                .with_partition_index(from.partition)
        });
        DescribeTopicPartitionsRequest::default()
            .with_topics(named)
            .with_response_partition_limit(PAGE)
            .with_cursor(cursor)
    }

    fn reply(answer: DescribeTopicPartitionsResponse) -> Result<Self::Reply, Refusal> {
        let topics = answer.topics.into_iter().map(|topic| {
            let name = topic.name.map(|name| owned(name.0)).unwrap_or_default();
            let described = match Refusal::from_code(topic.error_code, None) {
                Some(refusal) => Err(refusal),
                None => Ok(TopicDescription {
                    name: name.clone(),
                    id: some_id(kafka_id!(topic.topic_id)),
                    internal: topic.is_internal,
                    partitions: in_order(topic.partitions.into_iter().map(|partition| {
                        PartitionDescription {
                            index: partition.partition_index,
                            leader: node(partition.leader_id.0),
                            leader_epoch: partition.leader_epoch,
                            replicas: nodes(partition.replica_nodes),
                            in_sync: nodes(partition.isr_nodes),
                            offline: nodes(partition.offline_replicas),
                            eligible_leaders: Some(nodes(
                                partition.eligible_leader_replicas.unwrap_or_default(),
                            )),
                            last_known_eligible: Some(nodes(partition.last_known_elr.unwrap_or_default())),
                        }
                    })),
                }),
            };
            (name, described)
        });
        let next = answer.next_cursor.map(|cursor| PartitionCursor {
            topic: owned(cursor.topic_name.0),
            partition: cursor.partition_index,
        });
        Ok((topics.collect(), next))
    }
}
