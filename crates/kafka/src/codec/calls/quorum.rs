//! DescribeQuorum: the metadata quorum's leader, voters and observers.

use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::describe_quorum_response::ReplicaState;
use kafka_protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse, TopicName};

use crate::address::Address;
use crate::admin::{QuorumDescription, QuorumListener, QuorumNode, QuorumReplica};
use crate::codec::{Call, kafka_id, node, owned, some_id, text};
use crate::refusal::Refusal;

const METADATA_TOPIC: &str = "__cluster_metadata";

pub(crate) struct DescribeQuorum;

impl Call for DescribeQuorum {
    const NAME: &'static str = "DescribeQuorum";
    type Wire = DescribeQuorumRequest;
    type Reply = QuorumDescription;

    fn wire(&self, _version: i16) -> DescribeQuorumRequest {
        DescribeQuorumRequest::default().with_topics(vec![
            TopicData::default()
                .with_topic_name(TopicName(text(METADATA_TOPIC)))
                .with_partitions(vec![PartitionData::default().with_partition_index(0)]),
        ])
    }

    fn reply(answer: DescribeQuorumResponse) -> Result<QuorumDescription, Refusal> {
        if let Some(refusal) = Refusal::from_code(answer.error_code, answer.error_message.map(owned)) {
            return Err(refusal);
        }
        let partition = answer
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .next()
            .ok_or_else(|| Refusal::malformed("the answer describes no quorum"))?;
        if let Some(refusal) = Refusal::from_code(partition.error_code, partition.error_message.map(owned)) {
            return Err(refusal);
        }
        let nodes = answer.nodes.into_iter().map(|node| QuorumNode {
            id: node.node_id.0,
            listeners: node
                .listeners
                .into_iter()
                .map(|listener| QuorumListener {
                    name: owned(listener.name),
                    address: Address::new(owned(listener.host), listener.port),
                })
                .collect(),
        });
        Ok(QuorumDescription {
            leader: node(partition.leader_id.0),
            leader_epoch: partition.leader_epoch,
            high_watermark: (partition.high_watermark >= 0).then_some(partition.high_watermark),
            voters: replicas(partition.current_voters),
            observers: replicas(partition.observers),
            nodes: nodes.collect(),
        })
    }
}

fn replicas(states: Vec<ReplicaState>) -> Vec<QuorumReplica> {
    let known = |number: i64| (number >= 0).then_some(number);
    let mut replicas: Vec<QuorumReplica> = states
        .into_iter()
        .map(|state| QuorumReplica {
            id: state.replica_id.0,
            directory: some_id(kafka_id!(state.replica_directory_id)),
            log_end_offset: known(state.log_end_offset),
            last_fetch_ms: known(state.last_fetch_timestamp),
            last_caught_up_ms: known(state.last_caught_up_timestamp),
        })
        .collect();
    replicas.sort_by_key(|replica| (replica.id, replica.directory));
    replicas
}
