//! Identities: names that people choose and ids that are allocated once and never reused.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a name or an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind} {value:?} {problem}")]
pub struct InvalidName {
    /// What the text should have been, for example `pool name`.
    pub kind: &'static str,
    /// The offending text.
    pub value: String,
    /// What is wrong with it, to be read after the value.
    pub problem: &'static str,
}

/// DNS labels: names become host names (`SLOT.CLUSTER.klamm`), so RFC 1123 rules them.
fn check_dns_label(kind: &'static str, value: &str, longest: usize) -> Result<(), InvalidName> {
    let problem = if value.is_empty() {
        "is empty"
    } else if value.len() > longest {
        "is too long for a part of a host name"
    } else if !value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        "may hold only lower-case letters, digits and hyphens"
    } else if value.starts_with('-') || value.ends_with('-') {
        "must begin and end with a letter or a digit"
    } else {
        return Ok(());
    };
    Err(InvalidName { kind, value: value.to_owned(), problem })
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(value: &str) -> Result<Self, InvalidName> {
                let check: fn(&'static str, &str) -> Result<(), InvalidName> = $check;
                check($kind, value)?;
                Ok(Self(value.to_owned()))
            }
        }

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
    };
}

text_id!(
    /// What a person calls a cluster; one cluster per spec.
    ClusterName, "cluster name", |kind, value| check_dns_label(kind, value, 40)
);
text_id!(
    /// A group of equal slots in a spec.
    PoolName, "pool name", |kind, value| check_dns_label(kind, value, 40)
);
text_id!(
    /// A user of a cluster; becomes the common name of the user's certificate and `User:NAME` in Kafka.
    UserName, "user name", |kind, value| {
        let problem = if value.is_empty() {
            "is empty"
        } else if value.len() > 64 {
            // X.520 bounds a common name at 64 characters.
            "is longer than the 64 characters of a common name"
        } else if !value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            "may hold only letters, digits, dots, hyphens and underscores"
        } else {
            return Ok(());
        };
        Err(InvalidName { kind, value: value.to_owned(), problem })
    }
);
text_id!(
    /// A listener as the spec writes it (`clients`); Kafka sees it in upper case (`CLIENTS`).
    ListenerName, "listener name", |kind, value| check_dns_label(kind, value, 40)
);
text_id!(
    /// The unguessable identity of an enrolled host.
    HostId, "host id", |kind, value| check_dns_label(kind, value, 63)
);

impl ListenerName {
    /// The name in `listeners` and in `listener.name.*` keys' upper-case form.
    pub fn kafka_name(&self) -> String {
        self.0.to_ascii_uppercase()
    }
}

/// A slot's name: pool and ordinal, `brokers-2`. Unique in its cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SlotName {
    pool: PoolName,
    ordinal: u16,
}

impl SlotName {
    /// Names the slot `ordinal` (from 0) of `pool`.
    pub fn new(pool: PoolName, ordinal: u16) -> Self {
        Self { pool, ordinal }
    }

    /// The pool it belongs to.
    pub fn pool(&self) -> &PoolName {
        &self.pool
    }

    /// Its place in the pool, from 0.
    pub fn ordinal(&self) -> u16 {
        self.ordinal
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.pool.0, self.ordinal))
    }
}

impl FromStr for SlotName {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let invalid = |problem| InvalidName { kind: "slot name", value: value.to_owned(), problem };
        let (pool, ordinal) = value.rsplit_once('-').ok_or_else(|| invalid("is not POOL-ORDINAL"))?;
        let number: u16 = ordinal.parse().map_err(|_| invalid("does not end with an ordinal"))?;
        if number.to_string() != ordinal {
            return Err(invalid("has an ordinal with leading zeros"));
        }
        Ok(Self { pool: pool.parse()?, ordinal: number })
    }
}

impl TryFrom<String> for SlotName {
    type Error = InvalidName;
    fn try_from(value: String) -> Result<Self, InvalidName> {
        value.parse()
    }
}

impl From<SlotName> for String {
    fn from(name: SlotName) -> String {
        name.to_string()
    }
}

/// Kafka's 16-byte ids as it writes them: URL-safe base64 without padding, 22 characters.
macro_rules! kafka_uuid {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// Makes an id of 16 random bytes; the leading bits are cleared as in `org.apache.kafka.common.Uuid`,
            /// so that it is a version 4 UUID and its text never begins with a hyphen.
            pub fn from_random(mut bytes: [u8; 16]) -> Self {
                bytes[0] &= 0x7f;
                bytes[6] = (bytes[6] & 0x0f) | 0x40;
                bytes[8] = (bytes[8] & 0x3f) | 0x80;
                Self(bytes)
            }

            /// The id's bytes, as Kafka's records hold them.
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(value: &str) -> Result<Self, InvalidName> {
                let invalid = |problem| InvalidName { kind: $kind, value: value.to_owned(), problem };
                let bytes = URL_SAFE_NO_PAD.decode(value).map_err(|_| invalid("is not URL-safe base64"))?;
                let bytes = bytes.try_into().map_err(|_| invalid("does not hold 16 bytes"))?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(value: String) -> Result<Self, InvalidName> {
                value.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

kafka_uuid!(
    /// Kafka's `cluster.id`, and Klamm's identity of a cluster everywhere.
    ClusterId,
    "cluster id"
);
kafka_uuid!(
    /// Kafka's `directory.id` of one data directory.
    DirectoryId,
    "directory id"
);

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(
    /// Kafka's `node.id`: from 1, ascending, one space for all roles, never reused.
    NodeId, u32
);
number_id!(
    /// Rises each time a server starts to act; commands of an older one are refused.
    Epoch, u64
);
number_id!(
    /// A target's place in the history of its cluster, from 1.
    TargetNumber, u64
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_name_reads_back_and_refuses_leading_zeros() {
        let slot: SlotName = "east-brokers-12".parse().unwrap();
        assert_eq!((slot.pool().as_str(), slot.ordinal()), ("east-brokers", 12));
        assert_eq!(slot.to_string(), "east-brokers-12");
        for bad in ["brokers", "brokers-", "brokers-01", "-1", "Brokers-1", "brokers-70000"] {
            assert!(bad.parse::<SlotName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_kafka_id_is_22_characters_and_never_begins_with_a_hyphen() {
        let id = ClusterId::from_random([0xff; 16]);
        assert_eq!(id.to_string().len(), 22);
        assert!(!id.to_string().starts_with('-'));
        assert_eq!(id.to_string().parse::<ClusterId>().unwrap(), id);
    }
}
