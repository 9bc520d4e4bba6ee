//! A fleet in memory: hosts, links, disks and Kafka, all of it a function of one seed.
//!
//! It must never read a clock, start a thread, touch a file or iterate over a hash map: one seed gives one history,
//! byte for byte. Start at [`kafka`].

pub mod kafka;
