//! ListPartitionReassignments.

use std::time::Duration;

use kafka_protocol::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use crate::admin::{Reassignment, TopicPartition};
use crate::codec::{Call, nodes, owned};
use crate::refusal::Refusal;

pub(crate) struct ListPartitionReassignments {
    pub(crate) patience: Duration,
}

impl Call for ListPartitionReassignments {
    const NAME: &'static str = "ListPartitionReassignments";
    type Wire = ListPartitionReassignmentsRequest;
    type Reply = Vec<Reassignment>;

    fn wire(&self, _version: i16) -> ListPartitionReassignmentsRequest {
        ListPartitionReassignmentsRequest::default()
            .with_timeout_ms(super::milliseconds(self.patience))
            .with_topics(None)
    }

    fn reply(answer: ListPartitionReassignmentsResponse) -> Result<Vec<Reassignment>, Refusal> {
        if let Some(refusal) = Refusal::from_code(answer.error_code, answer.error_message.map(owned)) {
            return Err(refusal);
        }
        let mut reassignments = Vec::new();
        for topic in answer.topics {
            for partition in topic.partitions {
                reassignments.push(Reassignment {
                    place: TopicPartition::new(topic.name.as_str(), partition.partition_index),
                    replicas: nodes(partition.replicas),
                    adding: nodes(partition.adding_replicas),
                    removing: nodes(partition.removing_replicas),
                });
            }
        }
        reassignments.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(reassignments)
    }
}
