//! What the model calls things: small numbers that the world hands out and maps to its own names.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

number!(
    /// A machine on the simulated network; nodes, servers and clients are all somewhere.
    HostNumber, u16, "host "
);
number!(
    /// One data directory: what Kafka writes into it stays with the number, whoever mounts it.
    DiskNumber, u32, "disk "
);
number!(
    /// One run of a Kafka process; never reused.
    ProcessNumber, u32, "process "
);
number!(
    /// A record that a client writes; the client names it and may send it again.
    RecordNumber, u64, "record "
);
number!(
    /// A question to the cluster that is answered later.
    RequestNumber, u64, "request "
);

/// A partition of a topic, written `TOPIC-INDEX`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionName {
    /// The topic.
    pub topic: String,
    /// The index, from 0.
    pub index: u32,
}

impl PartitionName {
    /// Names partition `index` of `topic`.
    pub fn new(topic: &str, index: u32) -> Self {
        Self { topic: topic.to_owned(), index }
    }
}

impl fmt::Display for PartitionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.index)
    }
}
