//! Listeners: where programs connect, how they prove who they are, and under which names nodes are known.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::super::{ClusterName, InvalidName, NodeId, SlotName};

/// A listener for programs. It always speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Base port: the port of each slot, or the first of a range where slots share a host.
    pub port: u16,
    /// How clients prove who they are.
    pub auth: ListenerAuth,
    /// The address to bind; otherwise the host's choice (loopback on a laptop, all addresses elsewhere).
    pub bind: Option<IpAddr>,
    /// The host name to advertise; otherwise the slot's own name.
    pub advertised: Option<NameTemplate>,
}

/// How clients of a listener prove who they are: one way per listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerAuth {
    /// By a certificate of the user authority.
    Mtls,
    /// By one of these SASL mechanisms, over TLS; never empty.
    Sasl(BTreeSet<SaslMechanism>),
}

/// A SASL mechanism that sends no password over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SaslMechanism {
    /// RFC 7677.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// The same with SHA-512: what to choose.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

impl SaslMechanism {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::ScramSha256, Self::ScramSha512];

    /// As the spec writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScramSha256 => "scram-sha-256",
            Self::ScramSha512 => "scram-sha-512",
        }
    }

    /// As `sasl.enabled.mechanisms` writes it.
    pub fn kafka_name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Base ports of the two listeners that only nodes use. Both are trusted for the node authority alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePorts {
    /// Replication between brokers.
    pub internal: u16,
    /// The Raft quorum.
    pub controller: u16,
}

impl NodePorts {
    /// Clients take 9092 and up, where everybody looks for Kafka; the inner two stand far enough away that a
    /// hundred slots on one host do not meet, and below the ephemeral range of Linux (32768).
    pub const DEFAULT: Self = Self { internal: 19092, controller: 29092 };
}

/// A host name with placeholders: `{slot}.kafka.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NameTemplate {
    text: String,
}

/// What a [`NameTemplate`] may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placeholder {
    /// `brokers-2`.
    Slot,
    /// `brokers`.
    Pool,
    /// `2`.
    Ordinal,
    /// The node id.
    NodeId,
    /// The cluster's name.
    Cluster,
    /// The name of the host that holds the claim; it changes when the slot moves.
    Host,
}

impl Placeholder {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Slot, Self::Pool, Self::Ordinal, Self::NodeId, Self::Cluster, Self::Host];

    /// The word between the braces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::Pool => "pool",
            Self::Ordinal => "ordinal",
            Self::NodeId => "node-id",
            Self::Cluster => "cluster",
            Self::Host => "host",
        }
    }
}

/// The values of one slot for a [`NameTemplate`].
#[derive(Debug, Clone, Copy)]
pub struct TemplateValues<'a> {
    /// The slot.
    pub slot: &'a SlotName,
    /// Its node id.
    pub node_id: NodeId,
    /// Its cluster.
    pub cluster: &'a ClusterName,
    /// The name of its host.
    pub host: &'a str,
}

impl TemplateValues<'_> {
    fn get(&self, placeholder: Placeholder) -> String {
        match placeholder {
            Placeholder::Slot => self.slot.to_string(),
            Placeholder::Pool => self.slot.pool().to_string(),
            Placeholder::Ordinal => self.slot.ordinal().to_string(),
            Placeholder::NodeId => self.node_id.to_string(),
            Placeholder::Cluster => self.cluster.to_string(),
            Placeholder::Host => self.host.to_owned(),
        }
    }
}

impl NameTemplate {
    /// The template as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether every slot gets a name of its own, whatever host it is on.
    pub fn tells_slots_apart(&self) -> bool {
        let asks = |placeholder: Placeholder| self.text.contains(&format!("{{{}}}", placeholder.as_str()));
        asks(Placeholder::Slot)
            || asks(Placeholder::NodeId)
            || asks(Placeholder::Host)
            || (asks(Placeholder::Pool) && asks(Placeholder::Ordinal))
    }

    /// The host name for one slot.
    pub fn fill(&self, values: &TemplateValues<'_>) -> String {
        Placeholder::ALL.iter().fold(self.text.clone(), |text, placeholder| {
            text.replace(&format!("{{{}}}", placeholder.as_str()), &values.get(*placeholder))
        })
    }
}

impl FromStr for NameTemplate {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let invalid = |problem| InvalidName { kind: "name template", value: value.to_owned(), problem };
        // Filled with letters, a good template is a host name.
        let bare = Placeholder::ALL.iter().fold(value.to_owned(), |text, placeholder| {
            text.replace(&format!("{{{}}}", placeholder.as_str()), "x")
        });
        if bare.contains(['{', '}']) {
            return Err(invalid(
                "has an unknown placeholder; use {slot}, {pool}, {ordinal}, {node-id}, {cluster} or {host}",
            ));
        }
        if bare.contains(':') {
            return Err(invalid("names a port or a scheme; write the host name only"));
        }
        let good_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if bare.len() > 253 || !bare.split('.').all(good_label) {
            return Err(invalid("is not a host name"));
        }
        Ok(Self { text: value.to_owned() })
    }
}

impl TryFrom<String> for NameTemplate {
    type Error = InvalidName;
    fn try_from(value: String) -> Result<Self, InvalidName> {
        value.parse()
    }
}

impl From<NameTemplate> for String {
    fn from(template: NameTemplate) -> String {
        template.text
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
