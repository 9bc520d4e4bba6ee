//! What is known about Apache Kafka itself, per version: its properties, what Klamm sets and why, the files of a
//! freshly formatted data directory, and the ways in which a start fails.

pub mod defaults;
pub mod jvm_options;
pub mod live;
pub mod properties;
pub mod start_errors;
pub mod storage;
pub mod version;

pub use version::{KafkaLine, KafkaVersion, NodeRole, Profile};
