//! ElectLeaders.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse, TopicName};

use crate::admin::{Election, TopicPartition};
use crate::codec::{Call, owned, text};
use crate::refusal::Refusal;

pub(crate) struct ElectLeaders {
    pub(crate) election: Election,
    /// All partitions, when nothing.
    pub(crate) partitions: Option<Vec<TopicPartition>>,
    pub(crate) patience: Duration,
}

impl Call for ElectLeaders {
    const NAME: &'static str = "ElectLeaders";
    type Wire = ElectLeadersRequest;
    type Reply = Vec<(TopicPartition, Result<(), Refusal>)>;

    fn wire(&self, _version: i16) -> ElectLeadersRequest {
        let topics = self.partitions.as_ref().map(|partitions| {
            let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
            for place in partitions {
                by_topic.entry(&place.topic).or_default().push(place.partition);
            }
            by_topic
                .into_iter()
                .map(|(topic, partitions)| {
                    TopicPartitions::default().with_topic(TopicName(text(topic))).with_partitions(partitions)
                })
                .collect()
        });
        ElectLeadersRequest::default()
            .with_election_type(match self.election {
                Election::Preferred => 0,
                Election::Unclean => 1,
            })
            .with_topic_partitions(topics)
            .with_timeout_ms(super::milliseconds(self.patience))
    }

    fn reply(answer: ElectLeadersResponse) -> Result<Self::Reply, Refusal> {
        if let Some(refusal) = Refusal::from_code(answer.error_code, None) {
            return Err(refusal);
        }
        let mut elections = Vec::new();
        for topic in answer.replica_election_results {
            for partition in topic.partition_result {
                let place = TopicPartition::new(topic.topic.as_str(), partition.partition_id);
                let refusal = Refusal::from_code(partition.error_code, partition.error_message.map(owned));
                elections.push((place, refusal.map_or(Ok(()), Err)));
            }
        }
        Ok(elections)
    }
}
