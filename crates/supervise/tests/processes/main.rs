//! Real processes that misbehave, under a real supervisor.

mod adopting;
mod living;
mod stage;
mod stopping;
