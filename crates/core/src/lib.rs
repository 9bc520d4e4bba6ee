//! Klamm's pure core: the words of the domain, the planner, what is rendered, and the state machines.
//!
//! It must never read a clock, a file, a socket or the environment, and never make up randomness: all of that
//! is handed in. Start at [`model`] for the words, then at `planner` for the decisions.

pub mod api;
pub mod kafka;
pub mod machines;
pub mod model;
pub mod mutant;
pub mod planner;
pub mod render;
pub mod signature;
