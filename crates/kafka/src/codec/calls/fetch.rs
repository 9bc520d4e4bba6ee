//! ListOffsets and Fetch.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::AbortedTransaction;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse, TopicName,
};

use crate::codec::records::Aborted;
use crate::codec::{Call, text};
use crate::consume::{Isolation, OffsetAt};
use crate::refusal::Refusal;

/// What a client writes where a replica would write its id.
const NOT_A_REPLICA: BrokerId = BrokerId(-1);
/// Leader epochs are not checked: positions come from offsets, not from a log of our own.
const ANY_EPOCH: i32 = -1;

fn isolation_level(isolation: Isolation) -> i8 {
    match isolation {
        Isolation::ReadUncommitted => 0,
        Isolation::ReadCommitted => 1,
    }
}

pub(crate) struct ListOffsets {
    pub(crate) topic: String,
    pub(crate) partitions: Vec<i32>,
    pub(crate) at: OffsetAt,
}

impl Call for ListOffsets {
    const NAME: &'static str = "ListOffsets";
    type Wire = ListOffsetsRequest;
    type Reply = Vec<(i32, Result<i64, Refusal>)>;

    fn wire(&self, _version: i16) -> ListOffsetsRequest {
        let (timestamp, isolation) = match self.at {
            OffsetAt::Latest => (-1, Isolation::ReadUncommitted),
            OffsetAt::Earliest => (-2, Isolation::ReadUncommitted),
            OffsetAt::LastStable => (-1, Isolation::ReadCommitted),
        };
        let partitions = self.partitions.iter().map(|partition| {
            ListOffsetsPartition::default()
                .with_partition_index(*partition)
                .with_current_leader_epoch(ANY_EPOCH)
                .with_timestamp(timestamp)
        });
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(text(&self.topic)))
            .with_partitions(partitions.collect());
        ListOffsetsRequest::default()
            .with_replica_id(NOT_A_REPLICA)
            .with_isolation_level(isolation_level(isolation))
            .with_topics(vec![topic])
    }

    fn reply(answer: ListOffsetsResponse) -> Result<Self::Reply, Refusal> {
        let partitions = answer.topics.into_iter().flat_map(|topic| topic.partitions);
        Ok(partitions
            .map(|partition| {
                let refusal = Refusal::from_code(partition.error_code, None);
                (partition.partition_index, refusal.map_or(Ok(partition.offset), Err))
            })
            .collect())
    }
}

pub(crate) struct Fetch {
    pub(crate) topic: String,
    /// The next offset wanted, by partition.
    pub(crate) positions: BTreeMap<i32, i64>,
    pub(crate) isolation: Isolation,
    pub(crate) wait: Duration,
    pub(crate) max_bytes: i32,
    pub(crate) partition_max_bytes: i32,
}

pub(crate) struct Fetched {
    pub(crate) partition: i32,
    pub(crate) result: Result<FetchedBatches, Refusal>,
}

pub(crate) struct FetchedBatches {
    /// Whole batches, and perhaps the beginning of another.
    pub(crate) batches: Bytes,
    /// The aborted transactions among them, which are told only when committed records are asked for.
    pub(crate) aborted: Vec<Aborted>,
}

impl Call for Fetch {
    const NAME: &'static str = "Fetch";
    /// The last version that names topics; later ones use ids, which we do not need.
    const NEWEST: i16 = 12;
    type Wire = FetchRequest;
    type Reply = Vec<Fetched>;

    fn wire(&self, _version: i16) -> FetchRequest {
        let partitions = self.positions.iter().map(|(partition, position)| {
            FetchPartition::default()
                .with_partition(*partition)
                .with_current_leader_epoch(ANY_EPOCH)
                .with_fetch_offset(*position)
                .with_partition_max_bytes(self.partition_max_bytes)
        });
        let topic = FetchTopic::default()
            .with_topic(TopicName(text(&self.topic)))
            .with_partitions(partitions.collect());
        FetchRequest::default()
            .with_replica_id(NOT_A_REPLICA)
            .with_max_wait_ms(super::milliseconds(self.wait))
            .with_min_bytes(1)
            .with_max_bytes(self.max_bytes)
            .with_isolation_level(isolation_level(self.isolation))
            .with_session_epoch(-1) // every fetch says all: no session to lose
            .with_topics(vec![topic])
    }

    fn reply(answer: FetchResponse) -> Result<Vec<Fetched>, Refusal> {
        if let Some(refusal) = Refusal::from_code(answer.error_code, None) {
            return Err(refusal);
        }
        let partitions = answer.responses.into_iter().flat_map(|topic| topic.partitions);
        Ok(partitions
            .map(|partition| Fetched {
                partition: partition.partition_index,
                result: match Refusal::from_code(partition.error_code, None) {
                    Some(refusal) => Err(refusal),
                    None => Ok(FetchedBatches {
                        batches: partition.records.unwrap_or_default(),
                        aborted: aborted(partition.aborted_transactions),
                    }),
                },
            })
            .collect())
    }
}

fn aborted(transactions: Option<Vec<AbortedTransaction>>) -> Vec<Aborted> {
    let transactions = transactions.unwrap_or_default().into_iter();
    transactions
        .map(|aborted| Aborted { producer_id: aborted.producer_id.0, first_offset: aborted.first_offset })
        .collect()
}
