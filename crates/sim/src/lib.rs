//! A fleet in memory: hosts, links, disks and Kafka, all of it a function of one seed, driven by the machines, the store
//! and the ledger of the product itself.
//!
//! It must never read a clock, start a thread, touch a file or iterate over a hash map: one seed gives one history,
//! byte for byte. Start at [`World`] for how a fleet lives, at [`History`] for what is done to it, at [`kafka`] for the
//! cluster in it.

mod agent;
mod around;
mod clients;
mod command;
mod crash_points;
mod disk;
mod golden;
mod history;
mod host;
mod hunt;
pub mod kafka;
mod message;
mod network;
mod play;
mod points;
mod queue;
mod random;
mod record;
mod request;
mod server;
mod shrink;
mod world;

pub use command::{Command, CommandError, Fault, Host, Order, Question, parse};
pub use crash_points::{Astray, Checked, VERBS, Verb, check};
pub use disk::SimDisk;
pub use golden::{DIGESTS, digests};
pub use history::{Fleet, History, HistoryError};
pub use hunt::{play_with, rule_broken_by, strikes_at_random};
pub use play::{Verdict, play, play_seed, shorten, transcript};
pub use points::Points;
pub use random::history as random_history;
pub use record::{Finding, Rule};
pub use world::World;
