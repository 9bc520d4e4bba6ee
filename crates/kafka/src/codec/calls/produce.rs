//! InitProducerId and Produce.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse, ProducerId, TopicName,
};

use crate::codec::{Call, owned, text};
use crate::refusal::Refusal;

pub(crate) struct InitProducerId;

impl Call for InitProducerId {
    const NAME: &'static str = "InitProducerId";
    type Wire = InitProducerIdRequest;
    type Reply = (i64, i16);

    fn wire(&self, _version: i16) -> InitProducerIdRequest {
        InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1)
    }

    fn reply(answer: InitProducerIdResponse) -> Result<(i64, i16), Refusal> {
        Refusal::from_code(answer.error_code, None)
            .map_or(Ok((answer.producer_id.0, answer.producer_epoch)), Err)
    }
}

pub(crate) struct Produce {
    pub(crate) topic: String,
    /// One batch per partition.
    pub(crate) batches: BTreeMap<i32, Bytes>,
    pub(crate) patience: Duration,
}

/// Where a batch went: the offset of its first record.
pub(crate) struct Appended {
    pub(crate) partition: i32,
    pub(crate) result: Result<i64, Refusal>,
}

impl Call for Produce {
    const NAME: &'static str = "Produce";
    /// The last version that names topics; later ones use ids, which we do not need.
    const NEWEST: i16 = 12;
    type Wire = ProduceRequest;
    type Reply = Vec<Appended>;

    fn wire(&self, _version: i16) -> ProduceRequest {
        let partitions = self.batches.iter().map(|(partition, batch)| {
            PartitionProduceData::default().with_index(*partition).with_records(Some(batch.clone()))
        });
        let topic = TopicProduceData::default()
            .with_name(TopicName(text(&self.topic)))
            .with_partition_data(partitions.collect());
        ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(-1)
            .with_timeout_ms(super::milliseconds(self.patience))
            .with_topic_data(vec![topic])
    }

    fn reply(answer: ProduceResponse) -> Result<Vec<Appended>, Refusal> {
        let partitions = answer.responses.into_iter().flat_map(|topic| topic.partition_responses);
        Ok(partitions
            .map(|partition| Appended {
                partition: partition.index,
                result: Refusal::from_code(partition.error_code, partition.error_message.map(owned))
                    .map_or(Ok(partition.base_offset), Err),
            })
            .collect())
    }
}
