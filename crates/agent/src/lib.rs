//! The agent: keeps one host as its last signed target says, with the server there or away.
//!
//! It must never act on a target that is not signed by the pinned key or not yet in its ledger, never execute
//! what its own lock files do not list, and never stop a process because it stops itself. Start at [`run`], then
//! `slot` for what is done for each slot.

mod agent;
mod error;
mod host;
mod joined;
mod link;
mod logs;
mod observer;
mod provide;
mod slot;
mod warm;

pub use agent::{AgentOptions, run};
pub use error::AgentError;
pub use host::{loopback, name as host_name};
pub use joined::{JoinError, JoinOptions, JoinedOptions, Membership, host_id, join, run_joined};
pub use klamm_ledger::Folders;
pub use provide::jar_digest;
