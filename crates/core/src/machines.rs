//! The state machines as values: observations in, decisions out. Shells around them do what they say.

pub mod admission;
pub mod agent;
pub mod executor;
pub mod permits;
pub mod reconcile;
pub mod slot;
