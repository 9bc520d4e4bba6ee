//! A deterministic model of one KRaft cluster (Kafka 4.3): processes, their disks, the quorum, sessions, partitions and
//! the records that clients were promised. What it models and what it simplifies: `docs/develop/kafka-model.md`.
//!
//! The world owns time: it calls [`Model::advance`] and then says what happens at that moment (a launch, a cut, a kill,
//! a request). The model tells by [`Model::take_happenings`] what the world must act upon, and by
//! [`Model::next_event_at`] when it wants to be called again.

mod admin;
mod branching;
mod broker;
mod chance;
mod clients;
mod controller;
mod disk;
mod elections;
mod fetching;
mod happening;
mod hearing;
mod image;
mod in_sync;
mod launch;
mod lead;
mod lifecycle;
mod model;
mod names;
mod partition_change;
mod process;
mod quorum;
mod records;
mod replication;
mod request;
mod sessions;
mod status;
mod timing;
pub mod truth;
mod view;

pub use happening::{Exit, Happening, What, WhyFenced};
pub use launch::{Launch, Storage, VoterKey};
pub use model::{DiskCopy, LostRecord, Model};
pub use names::{DiskNumber, HostNumber, PartitionName, ProcessNumber, RecordNumber, RequestNumber};
pub use request::{Acks, KafkaError, Request};
pub use status::{BrokerState, NodeStatus, RaftRole};
pub use timing::Timing;

#[cfg(test)]
mod tests;
