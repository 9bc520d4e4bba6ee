//! Kafka's own error codes: their names, whether asking again can help, and the answer that carried one.

use std::fmt;

use thiserror::Error;

use crate::codec;

/// A Kafka error code. Zero never appears in one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// The server failed without saying how; also used here for an answer that lacks what it must hold.
    pub const UNKNOWN_SERVER_ERROR: Self = Self(-1);
    /// A fetch position that the partition does not hold (any more).
    pub const OFFSET_OUT_OF_RANGE: Self = Self(1);
    /// No such topic or partition, or the caller may not see it.
    pub const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    /// The partition has no leader at the moment.
    pub const LEADER_NOT_AVAILABLE: Self = Self(5);
    /// The node asked does not lead the partition (any more).
    pub const NOT_LEADER_OR_FOLLOWER: Self = Self(6);
    /// Not a name that a topic may have.
    pub const INVALID_TOPIC_EXCEPTION: Self = Self(17);
    /// Fewer replicas are in sync than `min.insync.replicas` asks for.
    pub const NOT_ENOUGH_REPLICAS: Self = Self(19);
    /// The principal has no ACL for the topic.
    pub const TOPIC_AUTHORIZATION_FAILED: Self = Self(29);
    /// The principal has no ACL for the cluster.
    pub const CLUSTER_AUTHORIZATION_FAILED: Self = Self(31);
    /// The request's version is not served.
    pub const UNSUPPORTED_VERSION: Self = Self(35);
    /// A topic of this name is there already.
    pub const TOPIC_ALREADY_EXISTS: Self = Self(36);
    /// The replication factor cannot be met by the brokers that are registered.
    pub const INVALID_REPLICATION_FACTOR: Self = Self(38);
    /// The controller asked is not the active one.
    pub const NOT_CONTROLLER: Self = Self(41);
    /// A config key or value that Kafka does not accept.
    pub const INVALID_CONFIG: Self = Self(40);
    /// A batch's sequence number skips one: something before it was not written.
    pub const OUT_OF_ORDER_SEQUENCE_NUMBER: Self = Self(45);
    /// The batch was written before: a retry whose first answer was lost.
    pub const DUPLICATE_SEQUENCE_NUMBER: Self = Self(46);
    /// A newer producer of the same id has taken over.
    pub const INVALID_PRODUCER_EPOCH: Self = Self(47);
    /// The broker does not know the producer id (any more).
    pub const UNKNOWN_PRODUCER_ID: Self = Self(59);
    /// The request carried an older leader epoch than the broker's.
    pub const FENCED_LEADER_EPOCH: Self = Self(74);
    /// The request carried a newer leader epoch than the broker's.
    pub const UNKNOWN_LEADER_EPOCH: Self = Self(75);
    /// The preferred replica leads already.
    pub const ELECTION_NOT_NEEDED: Self = Self(84);

    /// Kafka's name for it, such as `TOPIC_ALREADY_EXISTS`; `UNKNOWN(n)` for a code newer than this library.
    pub fn name(self) -> String {
        match codec::error_name(self.0) {
            Some(camel) => upper_snake(&camel),
            None => format!("UNKNOWN({})", self.0),
        }
    }

    /// Whether Kafka says that the same request may succeed later.
    pub fn is_retriable(self) -> bool {
        codec::error_is_retriable(self.0)
    }

    /// Whether it says that what we believe about leaders and controllers is out of date.
    pub(crate) fn means_stale_metadata(self) -> bool {
        matches!(
            self,
            Self::UNKNOWN_TOPIC_OR_PARTITION
                | Self::LEADER_NOT_AVAILABLE
                | Self::NOT_LEADER_OR_FOLLOWER
                | Self::NOT_CONTROLLER
                | Self::FENCED_LEADER_EPOCH
                | Self::UNKNOWN_LEADER_EPOCH
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

/// Kafka's answer that it did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("kafka answered {code}{}", .message.as_deref().map(|text| format!(": {text}")).unwrap_or_default())]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// Kafka's explanation, when it gave one.
    pub message: Option<String>,
}

impl Refusal {
    /// A refusal without explanation.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    /// The refusal in a reply's error code and message; nothing for code zero.
    pub(crate) fn from_code(code: i16, message: Option<String>) -> Option<Self> {
        (code != 0).then_some(Self { code: ErrorCode(code), message })
    }

    /// An answer that lacks what the protocol says it must hold.
    pub(crate) fn malformed(what: &str) -> Self {
        Self { code: ErrorCode::UNKNOWN_SERVER_ERROR, message: Some(what.to_owned()) }
    }

    /// Whether asking again can help.
    pub fn is_retriable(&self) -> bool {
        self.code.is_retriable()
    }
}

fn upper_snake(camel: &str) -> String {
    let mut name = String::with_capacity(camel.len() + 8);
    for (index, letter) in camel.chars().enumerate() {
        if index > 0 && letter.is_uppercase() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named_as_kafka_names_them() {
        assert_eq!(ErrorCode::TOPIC_ALREADY_EXISTS.name(), "TOPIC_ALREADY_EXISTS");
        assert_eq!(ErrorCode::NOT_LEADER_OR_FOLLOWER.name(), "NOT_LEADER_OR_FOLLOWER");
        assert_eq!(ErrorCode(17).name(), "INVALID_TOPIC_EXCEPTION");
        assert_eq!(ErrorCode(4242).name(), "UNKNOWN(4242)");
    }

    #[test]
    fn a_refusal_says_code_and_message_and_whether_to_ask_again() {
        let refusal = Refusal::from_code(19, Some("isr 1 < 2".into())).expect("not zero");
        assert_eq!(refusal.to_string(), "kafka answered NOT_ENOUGH_REPLICAS: isr 1 < 2");
        assert!(refusal.is_retriable());
        assert!(!Refusal::new(ErrorCode::TOPIC_ALREADY_EXISTS).is_retriable());
        assert_eq!(Refusal::from_code(0, None), None);
    }
}
