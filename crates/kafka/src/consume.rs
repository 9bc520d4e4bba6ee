//! Reading a topic without a group: from every partition at once, from a chosen start, to the end or on.

mod offsets;
mod options;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt, try_unfold};
use thiserror::Error;
use tokio::time::{Instant, sleep_until};

use crate::admin::TopicPartition;
use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::fetch::{Fetch, Fetched, FetchedBatches};
use crate::codec::{CodecError, records};
use crate::deadline::Deadline;
use crate::refusal::{ErrorCode, Refusal};

pub use offsets::OffsetAt;
pub use options::{ConsumerOptions, Isolation, StartAt, StopAt};

/// Before leaders are looked up again after a failure.
const PAUSE: Duration = Duration::from_millis(100);

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, by the producer's clock or the broker's, as the topic is configured.
    pub timestamp_ms: i64,
    /// The key.
    pub key: Option<Bytes>,
    /// The content.
    pub value: Option<Bytes>,
    /// Names and values in order.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// Why reading cannot go on.
#[derive(Debug, Error)]
pub enum ConsumeError {
    /// The topic does not exist or may not be seen.
    #[error("topic {topic} is not available")]
    Topic {
        /// The topic.
        topic: String,
        /// Kafka's answer.
        source: Refusal,
    },
    /// A partition cannot be read at the position reached.
    #[error("{place} cannot be read from offset {offset}")]
    Partition {
        /// The partition.
        place: TopicPartition,
        /// The position.
        offset: i64,
        /// Kafka's answer.
        source: Refusal,
    },
    /// What came is not a sound batch.
    #[error("{place} holds unreadable records from offset {offset}")]
    Decode {
        /// The partition.
        place: TopicPartition,
        /// The position.
        offset: i64,
        /// What the codec said.
        source: CodecError,
    },
    /// The cluster did not answer for longer than the patience allows.
    #[error("topic {topic} could not be read")]
    Operation {
        /// The topic.
        topic: String,
        /// The last failure.
        source: Box<OperationError>,
    },
}

/// Reads one topic. [`Consumer::next`] may be dropped at any point without losing a record.
///
/// Partitions added to the topic are read too, unless an end or partitions were asked for.
#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    topic: Arc<str>,
    options: ConsumerOptions,
    positions: BTreeMap<i32, Position>,
    /// Whether partitions that are added belong to what is read.
    grows: bool,
    /// Leader of each partition; looked up again when empty.
    leaders: BTreeMap<i32, i32>,
    fetches: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Leaders with a fetch on its way.
    busy: BTreeSet<i32>,
    ready: VecDeque<ConsumedRecord>,
    /// Partitions that could not be read, and since when.
    failing: BTreeMap<i32, Instant>,
    /// Nothing is asked before this, so that failures do not spin.
    resume: Option<Instant>,
    /// When to look at the topic's partitions again: soon, when a leader was missing at the last look.
    look_again: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Position {
    next: i64,
    end: Option<i64>,
}

impl Position {
    fn is_finished(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }
}

/// One leader's answer to a fetch.
struct Answer {
    leader: i32,
    asked: Vec<i32>,
    result: Result<Vec<Fetched>, OperationError>,
}

impl Consumer {
    /// Finds the topic's partitions and positions. The consumer has connections of its own.
    pub async fn open(
        cluster: &Cluster,
        topic: &str,
        (start, stop): (StartAt, StopAt),
        options: ConsumerOptions,
        deadline: impl Into<Deadline>,
    ) -> Result<Self, ConsumeError> {
        let deadline = deadline.into();
        let cluster = cluster.with_own_connections();
        // Whoever waits for transactions gets no further than the first open one.
        let latest = match options.isolation {
            Isolation::ReadUncommitted => OffsetAt::Latest,
            Isolation::ReadCommitted => OffsetAt::LastStable,
        };
        let ends = match stop {
            StopAt::Never => BTreeMap::new(),
            StopAt::HighWatermark => cluster.list_offsets(topic, latest, deadline).await?,
        };
        let grows = match (&start, stop) {
            (StartAt::Earliest | StartAt::Latest, StopAt::Never) => true,
            (StartAt::Offsets(_), _) | (_, StopAt::HighWatermark) => false,
        };
        let starts = match start {
            StartAt::Earliest => cluster.list_offsets(topic, OffsetAt::Earliest, deadline).await?,
            StartAt::Latest => cluster.list_offsets(topic, latest, deadline).await?,
            StartAt::Offsets(offsets) => offsets,
        };
        let positions = starts
            .into_iter()
            .map(|(partition, next)| (partition, Position { next, end: ends.get(&partition).copied() }))
            .collect();
        Ok(Self {
            cluster,
            topic: topic.into(),
            options,
            positions,
            grows,
            leaders: BTreeMap::new(),
            fetches: FuturesUnordered::new(),
            busy: BTreeSet::new(),
            ready: VecDeque::new(),
            failing: BTreeMap::new(),
            resume: None,
            look_again: None,
        })
    }

    /// The next record; in order within a partition. None once the end asked for is reached.
    pub async fn next(&mut self) -> Result<Option<ConsumedRecord>, ConsumeError> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Ok(Some(record));
            }
            if self.positions.values().all(Position::is_finished) {
                return Ok(None);
            }
            if let Some(resume) = self.resume {
                sleep_until(resume).await;
                self.resume = None;
            }
            if self.leaders.is_empty() || self.look_again.is_some_and(|at| at <= Instant::now()) {
                self.find_leaders().await?;
            }
            self.start_fetches();
            match self.fetches.next().await {
                Some(answer) => self.take_in(answer)?,
                // No partition has a leader right now.
                None => self.look_for_leaders_later(),
            }
        }
    }

    /// The offset of the record after the last one taken in, by partition.
    pub fn positions(&self) -> BTreeMap<i32, i64> {
        let mut positions: BTreeMap<i32, i64> =
            self.positions.iter().map(|(partition, position)| (*partition, position.next)).collect();
        // What waits in the queue has not been handed out yet.
        for record in self.ready.iter().rev() {
            positions.insert(record.partition, record.offset);
        }
        positions
    }

    /// The records as a stream, which ends where reading was asked to stop.
    pub fn into_stream(self) -> impl Stream<Item = Result<ConsumedRecord, ConsumeError>> {
        try_unfold(
            self,
            |mut consumer| async move { Ok(consumer.next().await?.map(|record| (record, consumer))) },
        )
    }

    async fn find_leaders(&mut self) -> Result<(), ConsumeError> {
        let deadline = Deadline::after(self.options.patience);
        let partitions = offsets::partitions(&self.cluster, &self.topic, deadline).await?;
        if self.grows {
            for partition in &partitions {
                self.positions.entry(partition.index).or_insert(Position { next: 0, end: None });
            }
        }
        self.leaders = partitions
            .into_iter()
            .filter_map(|partition| Some((partition.index, partition.leader?)))
            .collect();
        let missing: Vec<i32> = self
            .positions
            .iter()
            .filter(|(partition, position)| !position.is_finished() && !self.leaders.contains_key(partition))
            .map(|(partition, _)| *partition)
            .collect();
        let fresh = if missing.is_empty() { self.options.metadata_age } else { PAUSE };
        self.look_again = Some(Instant::now() + fresh);
        match self.note_failing(&missing) {
            None => Ok(()),
            Some(partition) => Err(ConsumeError::Partition {
                place: TopicPartition::new(&*self.topic, partition),
                offset: self.positions.get(&partition).map_or(-1, |position| position.next),
                source: Refusal::new(ErrorCode::LEADER_NOT_AVAILABLE),
            }),
        }
    }

    /// One fetch for each leader that has none on its way and something left to tell.
    fn start_fetches(&mut self) {
        let mut by_leader: BTreeMap<i32, BTreeMap<i32, i64>> = BTreeMap::new();
        for (partition, position) in &self.positions {
            match self.leaders.get(partition) {
                Some(leader) if !position.is_finished() && !self.busy.contains(leader) => {
                    by_leader.entry(*leader).or_default().insert(*partition, position.next);
                }
                Some(_) | None => {}
            }
        }
        for (leader, positions) in by_leader {
            let fetch = Fetch {
                topic: self.topic.to_string(),
                positions,
                isolation: self.options.isolation,
                wait: self.options.wait,
                max_bytes: self.options.max_bytes,
                partition_max_bytes: self.options.partition_max_bytes,
            };
            let cluster = self.cluster.clone();
            let deadline = Deadline::after(self.options.patience);
            let asked: Vec<i32> = fetch.positions.keys().copied().collect();
            self.busy.insert(leader);
            self.fetches.push(Box::pin(async move {
                Answer { leader, asked, result: cluster.once(Route::Node(leader), &fetch, deadline).await }
            }));
        }
    }

    fn take_in(&mut self, Answer { leader, asked, result }: Answer) -> Result<(), ConsumeError> {
        self.busy.remove(&leader);
        let fetched = match result {
            Ok(fetched) => fetched,
            Err(failure) => return self.overcome(&asked, failure),
        };
        let mut refused = Vec::new();
        for Fetched { partition, result } in fetched {
            let Some(position) = self.positions.get_mut(&partition) else { continue };
            let place = || TopicPartition::new(&*self.topic, partition);
            match result {
                Ok(FetchedBatches { batches, aborted }) => {
                    let stretch = records::decode(batches, aborted).map_err(|source| {
                        ConsumeError::Decode { place: place(), offset: position.next, source }
                    })?;
                    for stored in stretch.records {
                        let beyond = position.end.is_some_and(|end| stored.offset >= end);
                        // A batch comes whole, also when the position is in its middle.
                        if stored.offset < position.next || beyond {
                            continue;
                        }
                        self.ready.push_back(ConsumedRecord {
                            topic: Arc::clone(&self.topic),
                            partition,
                            offset: stored.offset,
                            timestamp_ms: stored.record.timestamp,
                            key: stored.record.key,
                            value: stored.record.value,
                            headers: stored.record.headers,
                        });
                    }
                    position.next = position.next.max(stretch.next_offset.unwrap_or(position.next));
                    self.failing.remove(&partition);
                }
                Err(refusal) if refusal.is_retriable() => {
                    refused.push((partition, refusal));
                }
                Err(source) => {
                    return Err(ConsumeError::Partition { place: place(), offset: position.next, source });
                }
            }
        }
        for (partition, source) in refused {
            self.overcome(&[partition], OperationError::Batch { leader, source })?;
        }
        Ok(())
    }

    /// Has leaders looked up again after a little while, unless that has not helped for too long.
    fn overcome(&mut self, partitions: &[i32], failure: OperationError) -> Result<(), ConsumeError> {
        if !failure.is_retriable() || self.note_failing(partitions).is_some() {
            return Err(ConsumeError::Operation { topic: self.topic.to_string(), source: Box::new(failure) });
        }
        tracing::debug!(topic = %self.topic, error = %failure, "fetch failed, looking for leaders again");
        self.look_for_leaders_later();
        Ok(())
    }

    fn look_for_leaders_later(&mut self) {
        self.resume = Some(Instant::now() + PAUSE);
        self.leaders.clear();
    }

    /// The first of `partitions` that has been failing for longer than the patience allows.
    fn note_failing(&mut self, partitions: &[i32]) -> Option<i32> {
        let now = Instant::now();
        partitions.iter().copied().find(|partition| {
            let since = *self.failing.entry(*partition).or_insert(now);
            now.duration_since(since) > self.options.patience
        })
    }
}
