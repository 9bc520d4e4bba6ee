//! Kafka's properties, typed, per line: what a key is, what it may hold, its default, and when a change acts.
//!
//! The data comes from Kafka's own classes (`cargo xtask kafka-tables`). Kafka itself starts without a word about
//! keys it does not know, so this table is where a typo is found.

mod check;
mod listener_prefix;
mod removed;
mod table;

pub use check::ValueProblem;
pub use listener_prefix::{PrefixedKey, split_listener_prefix};
pub use removed::{RemovedKey, removed_key};
pub use table::PropertyTable;

use std::fmt;

/// One key of Kafka's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// The key as it is written.
    pub key: &'static str,
    /// Where it may stand.
    pub scope: Scope,
    /// What its value may be.
    pub kind: PropertyKind,
    /// What Kafka does without it.
    pub default: Default,
    /// How much Kafka's documentation thinks of it.
    pub importance: Importance,
    /// When a change acts.
    pub update: UpdateMode,
    /// Not documented, and may go in any release.
    pub internal: bool,
    /// For a topic's key: the broker's key that gives topics without it their value.
    pub broker_key: Option<&'static str>,
}

/// Where a key may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A broker's or controller's `server.properties`; perhaps dynamic as well.
    Node,
    /// Only in the cluster's metadata, set on brokers through the admin protocol: throttles.
    NodeDynamicOnly,
    /// A topic.
    Topic,
}

/// The type of a value with what Kafka checks of it.
#[derive(Debug, Clone, PartialEq)]
pub enum PropertyKind {
    /// `true` or `false`.
    Boolean,
    /// 16 bits, signed.
    Short {
        /// Both ends included.
        range: Range<i64>,
    },
    /// 32 bits, signed.
    Int {
        /// Both ends included.
        range: Range<i64>,
    },
    /// 64 bits, signed.
    Long {
        /// Both ends included.
        range: Range<i64>,
    },
    /// A floating point number.
    Double {
        /// Both ends included.
        range: Range<f64>,
    },
    /// Text.
    String {
        /// The only values there are; empty for any.
        allowed: Vec<&'static str>,
        /// Whether Kafka compares them without regard to case.
        any_case: bool,
        /// Whether the empty text is refused.
        not_empty: bool,
    },
    /// Values between commas; spaces around them do not count.
    List {
        /// The only items there are; empty for any.
        allowed: Vec<&'static str>,
        /// Whether an item may stand there once only.
        distinct: bool,
        /// Whether the empty list is refused.
        not_empty: bool,
    },
    /// A secret; may be any text, never shown.
    Password,
    /// The name of a Java class.
    Class,
}

/// A range of numbers with both ends included; an absent end is the end of the type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range<T> {
    /// The smallest.
    pub least: Option<T>,
    /// The largest.
    pub most: Option<T>,
}

impl<T: fmt::Display> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.least, &self.most) {
            (Some(least), Some(most)) => write!(f, "{least} to {most}"),
            (Some(least), None) => write!(f, "{least} or more"),
            (None, Some(most)) => write!(f, "{most} or less"),
            (None, None) => f.write_str("any number"),
        }
    }
}

/// What Kafka does without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// It does not start.
    Required,
    /// It takes the key as not set; often another key then decides.
    Null,
    /// It takes this, written as in a properties file.
    Value(&'static str),
}

/// How much Kafka's documentation thinks of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Importance {
    /// Most clusters never need it.
    Low,
    /// Some clusters need it.
    Medium,
    /// Every cluster depends on it.
    High,
}

/// When a change of a key acts. The source is `DynamicBrokerConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpdateMode {
    /// After a restart.
    ReadOnly,
    /// At once, set on one node.
    PerNode,
    /// At once, set on one node, and only with a prefix `listener.name.NAME.`: keys and certificates.
    PerListener,
    /// At once, set on one node or as the default of all.
    ClusterWide,
    /// At once, set on a topic.
    Topic,
}

#[cfg(test)]
mod tests;
