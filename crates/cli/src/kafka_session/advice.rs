//! What Kafka's answers mean for a person: which failure it is, and what helps against it.

use klamm_core::kafka::properties::PropertyTable;
use klamm_core::model::UserName;
use klamm_kafka::{ConsumeError, ErrorCode, NewTopic, OperationError, ProduceError, Refusal};
use thiserror::Error;

/// Why something that was asked of Kafka did not happen.
#[derive(Debug, Error)]
pub(crate) enum KafkaTrouble {
    #[error(transparent)]
    NoAnswer(Box<OperationError>),
    #[error(transparent)]
    Refused(Refusal),
    #[error(transparent)]
    Produce(Box<ProduceError>),
    #[error(transparent)]
    Consume(Box<ConsumeError>),
}

impl From<OperationError> for KafkaTrouble {
    fn from(source: OperationError) -> Self {
        Self::NoAnswer(Box::new(source))
    }
}

impl From<Refusal> for KafkaTrouble {
    fn from(source: Refusal) -> Self {
        Self::Refused(source)
    }
}

impl From<ProduceError> for KafkaTrouble {
    fn from(source: ProduceError) -> Self {
        Self::Produce(Box::new(source))
    }
}

impl From<ConsumeError> for KafkaTrouble {
    fn from(source: ConsumeError) -> Self {
        Self::Consume(Box::new(source))
    }
}

impl KafkaTrouble {
    /// Its code in the index of errors.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoAnswer(_) => "klamm/kafka/no-answer",
            Self::Refused(_) => "klamm/kafka/refused",
            Self::Produce(_) => "klamm/kafka/produce",
            Self::Consume(_) => "klamm/kafka/consume",
        }
    }

    /// What became of what was asked.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Refused(_) => "was refused by kafka",
            Self::NoAnswer(_) | Self::Produce(_) | Self::Consume(_) => "failed",
        }
    }

    /// Whether the topic is not there, or hidden from who asks.
    pub(crate) fn is_unknown_topic(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// Kafka's answer, where there is one.
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NoAnswer(error) => error.refusal(),
            Self::Refused(refusal) => Some(refusal),
            Self::Produce(error) => match &**error {
                ProduceError::Topic { source, .. } => Some(source),
                ProduceError::Prepare { source, .. } => source.refusal(),
                ProduceError::NotDelivered { source, .. } => source.as_deref()?.refusal(),
                ProduceError::NoSuchPartition { .. } | ProduceError::Encode { .. } => None,
            },
            Self::Consume(error) => match &**error {
                ConsumeError::Topic { source, .. } | ConsumeError::Partition { source, .. } => Some(source),
                ConsumeError::Operation { source, .. } => source.refusal(),
                ConsumeError::Decode { .. } => None,
            },
        }
    }
}

/// What Kafka was asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    /// All topics there are.
    Topics,
    /// One of them.
    Topic(&'a str),
    /// One that is to be made.
    NewTopic(&'a NewTopic),
}

/// Who asks, and how `klamm` was called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) user: &'a UserName,
    pub(super) command: &'a str,
}

/// What helps; `similar` is a topic that may have been meant.
pub(super) fn advice(
    Asker { user, command }: Asker<'_>,
    about: About<'_>,
    trouble: &KafkaTrouble,
    similar: Option<&str>,
) -> String {
    if let KafkaTrouble::Produce(error) = trouble
        && let ProduceError::NoSuchPartition { partitions, .. } = **error
    {
        return match partitions {
            0 | 1 => "leave `--partition` out; then the key decides".to_owned(),
            more => {
                format!("say `--partition` with 0 to {}, or leave it out; then the key decides", more - 1)
            }
        };
    }
    match (trouble.refusal().map(|refusal| refusal.code), about) {
        (Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), About::Topic(name)) => {
            let meant = similar.map(|similar| format!("is {similar} meant? ")).unwrap_or_default();
            format!(
                "{meant}`{command} topic list` shows the topics that user {user} may see, `{command} topic create {name}` makes this one"
            )
        }
        (Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED), _) => {
            format!(
                "give user {user} access in the spec, such as {}, then `{command} up`",
                access_example(user)
            )
        }
        (Some(ErrorCode::TOPIC_ALREADY_EXISTS), About::NewTopic(topic)) => {
            format!("`{command} topic describe {}` shows it", topic.name)
        }
        (Some(ErrorCode::INVALID_TOPIC_EXCEPTION), _) => {
            "a topic's name is 1 to 249 letters, digits, dots, underscores and hyphens".to_owned()
        }
        (Some(ErrorCode::INVALID_REPLICATION_FACTOR), _) => {
            format!("no more replicas than brokers; `{command} status` lists them")
        }
        (Some(ErrorCode::INVALID_CONFIG), About::NewTopic(topic)) => config_advice(topic),
        (Some(ErrorCode::NOT_ENOUGH_REPLICAS), _) => {
            format!("too few replicas are in sync; `{command} status` shows which node is missing")
        }
        (_, _) => format!("look at `{command} status`, then at `{command} logs NODE`"),
    }
}

/// What is wrong with a new topic's settings, by the newest Kafka that this `klamm` knows.
fn config_advice(topic: &NewTopic) -> String {
    let newest = PropertyTable::lines().last().and_then(PropertyTable::for_line);
    let all = "https://kafka.apache.org/documentation/#topicconfigs lists all settings of topics";
    let Some(table) = newest else { return all.to_owned() };
    let unknown = topic.config.keys().find(|key| table.topic(key).is_none());
    if let Some(key) = unknown {
        return match table.suggest_topic(key) {
            Some(meant) => format!("there is no setting {key} of topics; is {meant} meant?"),
            None => format!("there is no setting {key} of topics; {all}"),
        };
    }
    let wrong = topic.config.iter().find_map(|(key, value)| {
        let problem = table.check_topic_value(key, value).err()?;
        Some(format!("{key}={value} {problem}"))
    });
    wrong.unwrap_or_else(|| all.to_owned())
}

/// The name that was probably meant: at most a quarter of its letters off.
pub(super) fn closest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.map(|candidate| (strsim::osa_distance(name, candidate), candidate));
    let near = near.filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(4));
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// A line for the spec that gives a user something to do.
pub(crate) fn access_example(user: &UserName) -> String {
    format!("`users: {{ {user}: {{ allow: [\"read,write topic:orders\", \"read group:{user}-*\"] }} }}`")
}

#[cfg(test)]
mod tests;
