//! Real processes that misbehave, under a real supervisor.
#![expect(clippy::panic, reason = "a test says what it waited for")]

mod adopting;
mod living;
mod stage;
mod stopping;
