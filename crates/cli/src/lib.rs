//! The `klamm` command: what a person types, what it prints, how it fails, with which code it ends.
//!
//! It must never decide what a cluster should look like (the server plans) nor touch a node's files (the agent
//! does); only the hidden `daemon` command holds both. Start at `args` for the grammar, then at `commands`: one
//! file a verb.

mod api;
mod args;
mod commands;
pub mod daemon;
mod error;
pub mod exit;
mod follow;
mod invocation;
mod kafka_session;
mod lifetime;
mod output;
mod progress;
mod reference;
mod root;
mod specs;
mod summary;

pub use args::command;
pub use commands::run;
pub use reference::reference;
pub use root::{Root, RootError};
