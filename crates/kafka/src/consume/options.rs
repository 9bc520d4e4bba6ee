//! Where reading starts and stops, what it makes of transactions, and how much it takes at a time.

use std::collections::BTreeMap;
use std::time::Duration;

/// Where reading starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartAt {
    /// At the oldest record of each partition.
    Earliest,
    /// Behind the newest record of each partition; with [`Isolation::ReadCommitted`] before its first open
    /// transaction, so that nothing committed later is missed.
    Latest,
    /// At these offsets; partitions not named are not read.
    Offsets(BTreeMap<i32, i64>),
}

/// Where reading stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopAt {
    /// Never.
    Never,
    /// When everything that every partition had at the start was read; with [`Isolation::ReadCommitted`]
    /// everything before its first open transaction.
    HighWatermark,
}

/// What a consumer makes of transactions. Their markers are never handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Every record as soon as it is replicated, also of transactions that are open or were aborted. The
    /// default, as in Kafka's own clients (`isolation.level`).
    #[default]
    ReadUncommitted,
    /// Records of committed transactions and of none, in order: reading waits at the first open transaction.
    ReadCommitted,
}

/// How a consumer fetches.
#[derive(Debug, Clone)]
pub struct ConsumerOptions {
    /// Everything by default.
    pub isolation: Isolation,
    /// How long a leader with nothing new holds a fetch. Half a second by default.
    pub wait: Duration,
    /// Bytes of one fetch; a single larger batch comes nevertheless. 8 MiB by default.
    pub max_bytes: i32,
    /// Bytes of one partition in a fetch, likewise. 1 MiB by default.
    pub partition_max_bytes: i32,
    /// How old may be what is known of the topic's partitions: one added to the topic is read after this at the
    /// latest, from its beginning. Half a minute by default, which is one small request.
    pub metadata_age: Duration,
    /// How long failures in a row are overcome before they are reported. One minute by default.
    pub patience: Duration,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            isolation: Isolation::ReadUncommitted,
            wait: Duration::from_millis(500),
            max_bytes: 8 << 20,
            partition_max_bytes: 1 << 20,
            metadata_age: Duration::from_secs(30),
            patience: Duration::from_secs(60),
        }
    }
}
