//! Keys that hold for one listener: `listener.name.NAME.KEY` and `listener.name.NAME.MECHANISM.KEY`.

use super::{Property, Scope};

/// A key with a listener's prefix, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixedKey<'a> {
    /// The listener's name; Kafka wants it in lower case here.
    pub listener: &'a str,
    /// The SASL mechanism in lower case, if the key is for one.
    pub mechanism: Option<&'a str>,
    /// The key without its prefix.
    pub key: &'a str,
}

/// SASL mechanisms of Kafka, as they stand in a prefix.
const MECHANISMS: [&str; 5] = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer", "gssapi"];

/// The keys besides `ssl.*` and `sasl.*` that Kafka reads with a listener's prefix: `SocketServer` for limits and
/// threads, `ChannelBuilders` for principals, the SASL server for re-authentication.
const WITH_PREFIX: [&str; 5] = [
    "connections.max.reauth.ms",
    "max.connection.creation.rate",
    "max.connections",
    "num.network.threads",
    "principal.builder.class",
];

/// Takes a key with a listener's prefix apart; `None` for a key without.
pub fn split_listener_prefix(key: &str) -> Option<PrefixedKey<'_>> {
    let (listener, rest) = key.strip_prefix("listener.name.")?.split_once('.')?;
    let mechanism = rest.split_once('.').filter(|(first, _)| MECHANISMS.contains(first));
    let (mechanism, key) = match mechanism {
        Some((mechanism, key)) => (Some(mechanism), key),
        None => (None, rest),
    };
    let lower = !listener.is_empty() && !listener.bytes().any(|byte| byte.is_ascii_uppercase());
    lower.then_some(PrefixedKey { listener, mechanism, key })
}

impl PrefixedKey<'_> {
    /// Whether Kafka reads this property with this prefix; with any other it is ignored without a word.
    pub(super) fn allows(&self, property: &Property) -> bool {
        // These are the clients' side: they belong to the node, not to a listener.
        let of_clients = matches!(
            property.key,
            "sasl.mechanism.inter.broker.protocol" | "sasl.mechanism.controller.protocol"
        );
        let sasl = property.key.starts_with("sasl.") && !of_clients;
        let fits = match self.mechanism {
            Some(_) => sasl || property.key == "connections.max.reauth.ms",
            None => sasl || property.key.starts_with("ssl.") || WITH_PREFIX.contains(&property.key),
        };
        fits && property.scope == Scope::Node
    }
}
