//! The server's durable state in SQLite: clusters, targets, blobs, runs, the journal, the issuance log, and the hosts.
//!
//! Plain synchronous code: no thread, no clock (times are arguments), nothing random. Each method is one transaction
//! that is on the disk when it returns; a crash leaves what the last one left. It must never decide what shall be done,
//! but it refuses what can only be the work of two planners. Start at [`Store`].

mod clusters;
mod error;
mod hosts;
mod issued;
mod runs;
mod schema;
mod store;
mod targets;

#[cfg(test)]
mod tests;

pub use clusters::{ClusterRecord, Intent, NewRun};
pub use error::StoreError;
pub use hosts::{HostRecord, Joining, NewToken};
pub use issued::Issued;
pub use store::Store;
pub use targets::TargetRecord;
