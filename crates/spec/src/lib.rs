//! The spec: from the text that an operator writes to the validated [`Cluster`](klamm_core::model::Cluster), or to
//! all of its problems at once.
//!
//! It must never read files, clocks or the environment, and never act on a spec that has a problem of severity
//! error. Start at [`check()`]; `shape` lists every key there is, `read` turns nodes into the model, `rules` holds
//! what is known to page people.

mod builtin;
mod check;
mod document;
mod explain;
mod problem;
mod properties;
mod quantity;
mod read;
mod report;
mod rules;
mod schema;
mod shape;

pub use builtin::{commented_example, default_laptop};
pub use check::{Checked, Context, check};
pub use explain::{Explanation, explain};
pub use problem::{Code, Problem, Severity, Span};
pub use report::render;
pub use schema::json_schema;
