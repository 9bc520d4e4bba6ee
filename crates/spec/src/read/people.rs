//! Certificates, users and topics.

use std::collections::BTreeMap;

use klamm_core::model::UserName;
use klamm_core::model::cluster::{
    AccessRule, AclOperation, CertificatePolicy, InvalidAccessRule, ResourceKind, Topic, User, UserAuth,
};

use super::fleet::{mechanism, number};
use super::{Place, Problems, name_of, named};
use crate::problem::Code;
use crate::properties::{Layer, Properties};
use crate::quantity::duration;

/// The certificate policy.
pub(super) fn certificates(root: &Place<'_>, problems: &mut Problems) -> CertificatePolicy {
    let mut policy = CertificatePolicy::DEFAULT;
    let Some(place) = root.get("certificates") else { return policy };
    if let Some(lifetime) = place.get("lifetime").and_then(|lifetime| duration(lifetime.scalar()?)) {
        policy.lifetime = lifetime;
    }
    if let Some(renew_at) = place.get("renew-at") {
        let help = "write a fraction of the lifetime, for example 2/3";
        policy.renew_at = named(&renew_at, problems, help).unwrap_or(policy.renew_at);
    }
    policy
}

/// All users.
pub(super) fn users(root: &Place<'_>, problems: &mut Problems) -> BTreeMap<UserName, User> {
    let mut users = BTreeMap::new();
    for (key, place) in root.get("users").iter().flat_map(|users| users.entries().collect::<Vec<_>>()) {
        let help = "use letters, digits, dots, hyphens and underscores";
        let Some(name) = name_of::<UserName>(key, &place, problems, help) else { continue };
        let auth = place.get("auth").and_then(|auth| mechanism(auth.scalar()?));
        let rules: Vec<_> =
            place.get("allow").iter().flat_map(|rules| rules.items().collect::<Vec<_>>()).collect();
        let user = User {
            auth: auth.map_or(UserAuth::Mtls, UserAuth::Sasl),
            allow: rules.iter().filter_map(|rule| access_rule(rule, problems)).collect(),
        };
        users.insert(name, user);
    }
    users
}

fn access_rule(place: &Place<'_>, problems: &mut Problems) -> Option<AccessRule> {
    match place.scalar()?.parse() {
        Ok(rule) => Some(rule),
        Err(problem) => {
            let help = access_help(&problem);
            problems.error(Code::InvalidValue, place.spot(), problem.to_string(), help);
            None
        }
    }
}

fn access_help(problem: &InvalidAccessRule) -> String {
    let operations = || AclOperation::ALL.map(AclOperation::as_str);
    match problem {
        InvalidAccessRule::Empty | InvalidAccessRule::NoResource => {
            "write for example `read topic:orders group:billing-*`, or `all` for every right".to_owned()
        }
        InvalidAccessRule::UnknownOperation { part } => {
            let (distance, word) = operations()
                .into_iter()
                .map(|word| (strsim::osa_distance(word, &part.to_ascii_lowercase()), word))
                .min()
                .expect("there are operations");
            if distance * 2 < part.len() {
                format!("write `{word}`")
            } else {
                format!("write one of {}", operations().join(", "))
            }
        }
        InvalidAccessRule::UnknownResource { part } => {
            format!("write `topic:{part}`, `group:{part}`, `transactional-id:{part}` or `cluster`")
        }
        InvalidAccessRule::BadPattern { .. } => "write a name, or a beginning followed by `*`".to_owned(),
        InvalidAccessRule::NotApplicable { kind, .. } => {
            let words: Vec<&str> = kind.operations().iter().map(|operation| operation.as_str()).collect();
            let article = match kind {
                ResourceKind::Cluster => "the",
                ResourceKind::Topic | ResourceKind::Group | ResourceKind::TransactionalId => "a",
            };
            format!("for {article} {} there is {}", kind.as_str(), words.join(", "))
        }
    }
}

/// All topics.
pub(super) fn topics(
    root: &Place<'_>,
    properties: &Properties,
    brokers: usize,
    problems: &mut Problems,
) -> BTreeMap<String, Topic> {
    let usual = u16::try_from(brokers.clamp(1, 3)).expect("three at most");
    let mut topics: BTreeMap<String, Topic> = BTreeMap::new();
    let mut twins: BTreeMap<String, &str> = BTreeMap::new();
    for (name, place) in root.get("topics").iter().flat_map(|topics| topics.entries().collect::<Vec<_>>()) {
        if let Some((code, why)) = reason_against_name(name) {
            let help = "use letters, digits, dots, hyphens and underscores";
            problems.error(code, place.key_spot(), format!("{name:?} cannot be a topic: {why}"), help);
        }
        if let Some(twin) = twins.insert(name.replace('.', "_"), name) {
            let message =
                format!("Kafka's metrics cannot tell {name:?} from {twin:?}, so it refuses the second");
            problems.error(
                Code::InvalidValue,
                place.key_spot(),
                message,
                "use dots or underscores, not both",
            );
        }
        let topic = Topic {
            partitions: number(place.get("partitions").as_ref()).unwrap_or(1),
            replicas: number(place.get("replicas").as_ref()).unwrap_or(usual),
            config: properties.read(place.get("config").as_ref(), Layer::Topic, problems),
        };
        topics.insert(name.to_owned(), topic);
    }
    topics
}

/// Kafka's rules (`org.apache.kafka.common.internals.Topic`).
fn reason_against_name(name: &str) -> Option<(Code, &'static str)> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.starts_with("__") {
        Some((Code::ReservedName, "names with two underscores before them are Kafka's own"))
    } else if name.is_empty() || name == "." || name == ".." || !name.bytes().all(legal) {
        Some((Code::InvalidValue, "the name has a letter that Kafka refuses"))
    } else if name.len() > 249 {
        Some((Code::InvalidValue, "the name is longer than 249 characters"))
    } else {
        None
    }
}
