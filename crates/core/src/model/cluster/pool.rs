//! Pools: groups of equal slots, where they may live and what they get.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::super::{ByteCount, InvalidName, NodeId};
use crate::kafka::NodeRole;

/// A group of equal slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// What each node of the pool does.
    pub roles: NodeRole,
    /// How many slots, from 1.
    pub count: u16,
    /// The hosts it may use; empty means any.
    pub hosts: BTreeSet<HostSelector>,
    /// The zones it may use; empty means any.
    pub zones: BTreeSet<ZoneName>,
    /// Where data lives, the metadata log in the first; empty means one directory under Klamm's own root.
    pub storage: Vec<StoragePath>,
    /// Java heap of each node.
    pub heap: Heap,
    /// More JVM options, each of the allow-list that the spec is checked against.
    pub jvm: Vec<String>,
    /// Kafka properties of the pool; the middle layer.
    pub config: BTreeMap<String, String>,
    /// What differs for single slots, by ordinal below `count`.
    pub slots: BTreeMap<u16, SlotOverride>,
}

/// What differs for one slot of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotOverride {
    /// A node id of the operator's choice, for adopting existing disks.
    pub node_id: Option<NodeId>,
    /// The one host it may use.
    pub host: Option<HostSelector>,
    /// The one zone it may use.
    pub zone: Option<ZoneName>,
    /// Kafka properties of the slot; the highest layer.
    pub config: BTreeMap<String, String>,
}

/// Java heap of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heap {
    /// From the host's memory and the profile.
    Auto,
    /// What the spec says.
    Exactly(ByteCount),
}

/// One data directory of each slot of a pool: an absolute, normalised path without a trailing slash. Klamm makes
/// `CLUSTER/SLOT` inside it, so that two slots on one host never share a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StoragePath(String);

impl StoragePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether one of the two lies inside the other, or they are the same.
    pub fn overlaps(&self, other: &Self) -> bool {
        let inside = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        inside(&self.0, &other.0) || inside(&other.0, &self.0)
    }
}

impl FromStr for StoragePath {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let path = value.strip_suffix('/').unwrap_or(value);
        let problem = if !path.starts_with('/') {
            "is not an absolute path below /"
        } else if path[1..].split('/').any(|part| matches!(part, "" | "." | "..")) {
            "holds an empty, `.` or `..` part"
        } else if path.contains(',') || path.chars().any(char::is_control) {
            // `log.dirs` is a comma-separated list.
            "holds a comma or a control character, which log.dirs cannot"
        } else {
            return Ok(Self(path.to_owned()));
        };
        Err(InvalidName { kind: "storage path", value: value.to_owned(), problem })
    }
}

/// Which hosts: an exact host name, or a prefix followed by one `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostSelector(String);

impl HostSelector {
    /// The selector as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a host of that name is meant.
    pub fn matches(&self, host_name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => host_name.starts_with(prefix),
            None => host_name == self.0,
        }
    }
}

impl FromStr for HostSelector {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let name = value.strip_suffix('*').unwrap_or(value);
        let problem = if value.is_empty() {
            "is empty"
        } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
            "may hold only letters, digits, dots, hyphens and underscores, and one `*` at its end"
        } else {
            return Ok(Self(value.to_owned()));
        };
        Err(InvalidName { kind: "host name", value: value.to_owned(), problem })
    }
}

/// A failure domain; becomes `broker.rack`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZoneName(String);

impl ZoneName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ZoneName {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let problem = if value.is_empty() {
            "is empty"
        } else if !value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
            "may hold only letters, digits, dots, hyphens and underscores"
        } else {
            return Ok(Self(value.to_owned()));
        };
        Err(InvalidName { kind: "zone", value: value.to_owned(), problem })
    }
}

macro_rules! text_conversions {
    ($($name:ident),+) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(value: String) -> Result<Self, InvalidName> {
                value.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    )+};
}

text_conversions!(StoragePath, HostSelector, ZoneName);
