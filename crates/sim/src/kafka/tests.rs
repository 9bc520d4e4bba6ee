//! Facts about Kafka that the model shows, one test each. Sections are those of `kafka-facts`.

mod brokers;
mod cluster;
mod partitions;
mod promise;
mod quorum;
mod random;
