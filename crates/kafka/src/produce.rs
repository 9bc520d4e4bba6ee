//! Writing records: acknowledged by every in-sync replica, and never twice, whatever is retried.

mod delivery;
mod partitioner;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use thiserror::Error;

use crate::admin::{PartitionDescription, TopicPartition};
use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::produce::InitProducerId;
use crate::codec::records::{self, Author, PlainRecord};
use crate::codec::{CodecError, Compression};
use crate::deadline::Deadline;
use crate::refusal::Refusal;
use delivery::{Outcome, Queues};

/// Between two attempts for the same batch: leaders are elected in about this time.
const PAUSE: Duration = Duration::from_millis(100);

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Decides the partition, when that is not said; records of one key keep their order.
    pub key: Option<Bytes>,
    /// The content; none deletes the key in a compacted topic.
    pub value: Option<Bytes>,
    /// Names and values in order.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// The partition; by the key, else wherever the producer is at, when not said.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; now, when not said.
    pub timestamp_ms: Option<i64>,
}

/// Where a record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The partition.
    pub partition: i32,
    /// Its offset; none when Kafka only says that it has the record from an earlier attempt.
    pub offset: Option<i64>,
}

/// How a producer batches.
#[derive(Debug, Clone)]
pub struct ProducerOptions {
    /// None by default.
    pub compression: Compression,
    /// A batch's records before compression. 900,000 bytes by default, below the 1,048,588 that brokers
    /// take (`message.max.bytes`). A single larger record is sent and left to the broker to judge.
    pub max_batch_bytes: usize,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self { compression: Compression::None, max_batch_bytes: 900_000 }
    }
}

/// Why not every record was written.
#[derive(Debug, Error)]
pub enum ProduceError {
    /// The topic cannot be written to, or not be seen.
    #[error("topic {topic} is not available")]
    Topic {
        /// The topic.
        topic: String,
        /// Kafka's answer.
        source: Refusal,
    },
    /// A record names a partition that the topic has not.
    #[error("topic {topic} has no partition {partition}, {}", those_there(*.partitions))]
    NoSuchPartition {
        /// The topic.
        topic: String,
        /// The partition asked for.
        partition: i32,
        /// How many it has.
        partitions: usize,
    },
    /// Nothing was sent: the cluster did not tell where to, or gave no producer id.
    #[error("could not prepare writing to topic {topic}")]
    Prepare {
        /// The topic.
        topic: String,
        /// What was asked, and what came of it.
        source: Box<OperationError>,
    },
    /// Records that cannot be put into a batch.
    #[error("records for {place} could not be encoded")]
    Encode {
        /// The partition.
        place: TopicPartition,
        /// What the codec said.
        source: CodecError,
    },
    /// Some records were not acknowledged. Those of `place` may have been written all the same when the
    /// failure is a lost answer.
    #[error("{undelivered} of {} records were not acknowledged, first of all in {place}", .delivered.len())]
    NotDelivered {
        /// The first partition that failed.
        place: TopicPartition,
        /// How many records have no acknowledgement.
        undelivered: usize,
        /// For each record in the order given, where it went.
        delivered: Vec<Option<Delivery>>,
        /// The failure in `place`; none when time ran out while the partition had no leader.
        source: Option<Box<OperationError>>,
    },
}

fn those_there(partitions: usize) -> String {
    match partitions {
        0 => "it has none".to_owned(),
        1 => "its only one is 0".to_owned(),
        more => format!("only 0 to {}", more - 1),
    }
}

/// Writes records with `acks=all` and a producer id, so that a repeated batch is recognised.
///
/// One call of [`Producer::send`] at a time; one batch per partition is on its way at any moment, which
/// keeps the order. Dropping a call half-way leaves its records in doubt and is otherwise safe.
#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    options: ProducerOptions,
    identity: Option<Identity>,
    /// Set while batches are on their way: what became of them is unknown until it is cleared.
    in_doubt: bool,
    /// Where records without key and partition go next.
    rotation: usize,
}

#[derive(Debug)]
struct Identity {
    producer_id: i64,
    epoch: i16,
    next_sequence: HashMap<TopicPartition, i32>,
}

/// Records of one partition that travel together; `places` are their positions in the caller's list.
struct Batch {
    places: Vec<usize>,
    bytes: Bytes,
}

impl Producer {
    /// A producer with connections of its own.
    pub fn new(cluster: &Cluster, options: ProducerOptions) -> Self {
        Self {
            cluster: cluster.with_own_connections(),
            options,
            identity: None,
            in_doubt: false,
            rotation: 0,
        }
    }

    /// Writes `records` to `topic` and waits until every in-sync replica has them; where each went, in
    /// the order given.
    pub async fn send(
        &mut self,
        topic: &str,
        records: Vec<Record>,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<Delivery>, ProduceError> {
        let deadline = deadline.into();
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let partitions = self.partitions(topic, deadline).await?;
        let assigned = self.assign(topic, &records, &partitions)?;
        self.ensure_identity(topic, deadline).await?;
        let mut outcome = Outcome { delivered: vec![None; records.len()], failure: None };
        let queues = self.batch(topic, records, assigned)?;
        self.in_doubt = true;
        self.deliver(topic, queues, partitions, &mut outcome, deadline).await;
        let undelivered = outcome.delivered.iter().filter(|delivery| delivery.is_none()).count();
        if undelivered == 0 {
            self.in_doubt = false;
            return Ok(outcome.delivered.into_iter().flatten().collect());
        }
        let (partition, source) = match outcome.failure {
            Some((partition, failure)) => (partition, Some(Box::new(failure))),
            None => (-1, None),
        };
        let place = TopicPartition::new(topic, partition);
        Err(ProduceError::NotDelivered { place, undelivered, delivered: outcome.delivered, source })
    }

    async fn partitions(
        &self,
        topic: &str,
        deadline: Deadline,
    ) -> Result<Vec<PartitionDescription>, ProduceError> {
        self.cluster
            .partitions_of(topic, deadline)
            .await
            .map_err(|source| ProduceError::Prepare { topic: topic.to_owned(), source: Box::new(source) })?
            .map_err(|source| ProduceError::Topic { topic: topic.to_owned(), source })
    }

    fn assign(
        &mut self,
        topic: &str,
        records: &[Record],
        partitions: &[PartitionDescription],
    ) -> Result<Vec<i32>, ProduceError> {
        let led: Vec<i32> = partitions
            .iter()
            .filter(|partition| partition.leader.is_some())
            .map(|partition| partition.index)
            .collect();
        let mut sticky_bytes = 0;
        let mut assigned = Vec::with_capacity(records.len());
        for record in records {
            let partition = match (record.partition, &record.key) {
                (Some(partition), _) if partitions.iter().any(|known| known.index == partition) => partition,
                (Some(partition), _) => {
                    let topic = topic.to_owned();
                    return Err(ProduceError::NoSuchPartition {
                        topic,
                        partition,
                        partitions: partitions.len(),
                    });
                }
                (None, Some(key)) => partitioner::partition_of(key, partitions.len()) as i32,
                // One partition until a batch is full: many small batches cost more than a short unevenness.
                (None, None) => {
                    sticky_bytes += record.value.as_ref().map_or(0, Bytes::len);
                    if sticky_bytes > self.options.max_batch_bytes {
                        self.rotation = self.rotation.wrapping_add(1);
                        sticky_bytes = 0;
                    }
                    if led.is_empty() { 0 } else { led[self.rotation % led.len()] }
                }
            };
            assigned.push(partition);
        }
        self.rotation = self.rotation.wrapping_add(1);
        Ok(assigned)
    }

    async fn ensure_identity(&mut self, topic: &str, deadline: Deadline) -> Result<(), ProduceError> {
        if self.in_doubt {
            // The last sequence numbers may or may not have been used: start anew.
            self.identity = None;
            self.in_doubt = false;
        }
        if self.identity.is_none() {
            let (producer_id, epoch) =
                self.cluster.run(Route::Any, &InitProducerId, deadline).await.map_err(|source| {
                    ProduceError::Prepare { topic: topic.to_owned(), source: Box::new(source) }
                })?;
            self.identity = Some(Identity { producer_id, epoch, next_sequence: HashMap::new() });
        }
        Ok(())
    }

    /// Cuts each partition's records into batches, numbered and encoded once: a repeated batch must be
    /// the same one.
    fn batch(
        &mut self,
        topic: &str,
        records: Vec<Record>,
        assigned: Vec<i32>,
    ) -> Result<Queues, ProduceError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let mut by_partition: BTreeMap<i32, Vec<(usize, PlainRecord)>> = BTreeMap::new();
        for (place, (record, partition)) in records.into_iter().zip(assigned).enumerate() {
            let Record { key, value, headers, partition: _, timestamp_ms } = record;
            let plain = PlainRecord { timestamp: timestamp_ms.unwrap_or(now), key, value, headers };
            by_partition.entry(partition).or_default().push((place, plain));
        }
        let mut queues = Queues::new();
        for (partition, records) in by_partition {
            let mut queue = VecDeque::new();
            let (mut places, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
            for (place, record) in records {
                let size = records::size_bound(&record);
                if !batch.is_empty() && bytes + size > self.options.max_batch_bytes {
                    queue.push_back(self.seal(topic, partition, std::mem::take(&mut places), &batch)?);
                    batch.clear();
                    bytes = 0;
                }
                places.push(place);
                batch.push(record);
                bytes += size;
            }
            queue.push_back(self.seal(topic, partition, places, &batch)?);
            queues.insert(partition, queue);
        }
        Ok(queues)
    }

    fn seal(
        &mut self,
        topic: &str,
        partition: i32,
        places: Vec<usize>,
        batch: &[PlainRecord],
    ) -> Result<Batch, ProduceError> {
        let place = TopicPartition::new(topic, partition);
        let author = match &mut self.identity {
            None => Author::NOBODY,
            Some(identity) => {
                let next = identity.next_sequence.entry(place.clone()).or_insert(0);
                let first_sequence = *next;
                // Sequence numbers are 31 bits and start again at 0.
                *next = ((i64::from(first_sequence) + batch.len() as i64) & i64::from(i32::MAX)) as i32;
                Author { producer_id: identity.producer_id, epoch: identity.epoch, first_sequence }
            }
        };
        let encoded = records::encode(batch, author, self.options.compression);
        match encoded {
            Ok(bytes) => Ok(Batch { places, bytes }),
            Err(source) => {
                self.in_doubt = true; // the number is used up
                Err(ProduceError::Encode { place, source })
            }
        }
    }
}
