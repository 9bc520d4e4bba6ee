//! The server: the API, the planner's and the executor's shell, the store, the journal and the authorities.
//!
//! It must never touch a host's files or processes: agents do, from signed targets. Start at [`store`] for what
//! is durable.

pub mod store;
