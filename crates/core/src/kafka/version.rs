//! Which Kafka, and what a node of it does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::InvalidName;

/// A release of Kafka: `4.3.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KafkaVersion {
    line: KafkaLine,
    patch: u16,
}

impl KafkaVersion {
    /// The line it belongs to: `4.3` of `4.3.1`.
    pub fn line(self) -> KafkaLine {
        self.line
    }

    /// The last number.
    pub fn patch(self) -> u16 {
        self.patch
    }
}

impl fmt::Display for KafkaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.line, self.patch))
    }
}

impl FromStr for KafkaVersion {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let [major, minor, patch] =
            numbers("Kafka version", value, "is not MAJOR.MINOR.PATCH, for example 4.3.1")?;
        Ok(Self { line: KafkaLine { major, minor }, patch })
    }
}

impl TryFrom<String> for KafkaVersion {
    type Error = InvalidName;
    fn try_from(value: String) -> Result<Self, InvalidName> {
        value.parse()
    }
}

impl From<KafkaVersion> for String {
    fn from(version: KafkaVersion) -> String {
        version.to_string()
    }
}

/// A minor line of Kafka: `4.3`. Properties, features and file formats are the same in all releases of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KafkaLine {
    major: u16,
    minor: u16,
}

impl KafkaLine {
    /// The line `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for KafkaLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.major, self.minor))
    }
}

impl FromStr for KafkaLine {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let [major, minor] = numbers("Kafka line", value, "is not MAJOR.MINOR, for example 4.3")?;
        Ok(Self { major, minor })
    }
}

fn numbers<const N: usize>(
    kind: &'static str,
    value: &str,
    problem: &'static str,
) -> Result<[u16; N], InvalidName> {
    let invalid = || InvalidName { kind, value: value.to_owned(), problem };
    let parts: Vec<u16> = value
        .split('.')
        .map(|part| part.parse().ok().filter(|number: &u16| number.to_string() == part))
        .collect::<Option<_>>()
        .ok_or_else(invalid)?;
    parts.try_into().map_err(|_| invalid())
}

/// What a node does: Kafka's `process.roles`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// Holds partitions and serves clients.
    Broker,
    /// Votes on the metadata log.
    Controller,
    /// Both in one process; for development, says Kafka's documentation.
    Combined,
}

impl NodeRole {
    /// Whether it votes, or can.
    pub fn is_controller(self) -> bool {
        match self {
            Self::Controller | Self::Combined => true,
            Self::Broker => false,
        }
    }

    /// Whether it holds partitions.
    pub fn is_broker(self) -> bool {
        match self {
            Self::Broker | Self::Combined => true,
            Self::Controller => false,
        }
    }

    /// The value of `process.roles`.
    pub fn process_roles(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Controller => "controller",
            Self::Combined => "broker,controller",
        }
    }
}

/// What a cluster is for; said in the spec, never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Many nodes on one small machine that sleeps and wakes: small heaps, combined nodes allowed.
    Laptop,
    /// Machines of their own.
    Production,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Laptop => "laptop",
            Self::Production => "production",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_back_and_order_by_number_and_not_by_text() {
        let version: KafkaVersion = "4.3.1".parse().unwrap();
        assert_eq!((version.line(), version.patch()), (KafkaLine::new(4, 3), 1));
        assert_eq!(version.to_string(), "4.3.1");
        assert!("4.10.0".parse::<KafkaVersion>().unwrap() > version);
        for bad in ["4.3", "4.3.1.0", "4.03.1", "v4.3.1", "4.3.1-rc0", "", "4..1"] {
            assert!(bad.parse::<KafkaVersion>().is_err(), "{bad}");
        }
    }
}
