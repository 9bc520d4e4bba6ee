//! Kafka's own keys in a spec: known to this version, not Klamm's own, in the right layer, with a value that Kafka
//! takes. Times and sizes may carry units.

mod owned;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use klamm_core::kafka::KafkaLine;
use klamm_core::kafka::properties::{
    Property, PropertyKind, PropertyTable, Scope, ValueProblem, removed_key, split_listener_prefix,
};

use crate::document::NodeKind;
use crate::problem::Code;
use crate::read::{Place, Problems};

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// For every node.
    Cluster,
    /// For one pool.
    Pool,
    /// For one slot.
    Slot,
    /// For a topic.
    Topic,
}

/// What keys are checked against.
#[derive(Debug)]
pub(crate) struct Properties {
    pub(crate) line: KafkaLine,
    pub(crate) table: Option<&'static PropertyTable>,
    /// The listeners of the spec, for keys `listener.name.NAME.…`.
    pub(crate) listeners: BTreeSet<String>,
}

impl Properties {
    /// Reads a mapping of keys, reporting each that is wrong.
    pub(crate) fn read(
        &self,
        place: Option<&Place<'_>>,
        layer: Layer,
        problems: &mut Problems,
    ) -> BTreeMap<String, String> {
        let mut config = BTreeMap::new();
        for (key, place) in place.into_iter().flat_map(|place| place.entries()) {
            let Some(text) = property_text(&place, problems) else { continue };
            let property = match layer {
                Layer::Topic => self.topic_key(key, &place, problems),
                Layer::Cluster | Layer::Pool | Layer::Slot => self.node_key(key, layer, &place, problems),
            };
            if let Some(property) = property
                && let Some(value) = self.value(key, &text, property, &place, problems)
            {
                config.insert(key.to_owned(), value);
            }
        }
        config
    }

    fn node_key(
        &self,
        key: &str,
        layer: Layer,
        place: &Place<'_>,
        problems: &mut Problems,
    ) -> Option<&Property> {
        let table = self.table?;
        let spot = place.key_spot();
        if let Some(owned) = owned::owned_key(key) {
            let text = place.scalar().unwrap_or_default();
            let old_tls = ["SSLv", "TLSv1,", "TLSv1.1"].iter().any(|old| format!("{text},").contains(old));
            if key.contains("protocol") && old_tls {
                let message =
                    format!("`{key}` asks for TLS below 1.2, which is broken; Klamm speaks 1.2 and 1.3");
                problems.error(Code::TlsVersion, place.spot(), message, "leave it out");
            } else {
                let message = format!("`{key}` is Klamm's to write: {}", owned.why);
                let reported = problems.error(Code::OwnedProperty, spot, message, owned.instead);
                if names_a_secret(key) {
                    reported.hide(place.span());
                }
            }
            return None;
        }
        if let Some(prefixed) = split_listener_prefix(key)
            && !self.listeners.contains(prefixed.listener)
        {
            let message =
                format!("`{key}` is for the listener `{}`, which the spec does not have", prefixed.listener);
            let names: Vec<&str> = self.listeners.iter().map(String::as_str).collect();
            problems.error(Code::UnknownProperty, spot, message, format!("name one of {}", names.join(", ")));
            return None;
        }
        let Some(property) = table.get(key) else {
            self.unknown(key, place, table.suggest(key), problems);
            return None;
        };
        if property.scope == Scope::NodeDynamicOnly {
            let message =
                format!("`{key}` is set while a cluster runs and forgotten afterwards, never in a file");
            problems.error(
                Code::MisplacedProperty,
                spot,
                message,
                "leave it out; Klamm sets throttles when it moves data",
            );
            return None;
        }
        if key == "min.insync.replicas" && layer != Layer::Cluster {
            let message =
                "`min.insync.replicas` of single brokers depends on who leads, and newer Kafka drops it";
            let help = "write it in the cluster's `config` or in a topic's";
            problems.error(Code::MisplacedProperty, spot, message, help);
            return None;
        }
        if property.internal {
            let message = format!("`{key}` is internal to Kafka: not documented, and gone without notice");
            problems.warning(
                Code::RiskyProperty,
                spot,
                message,
                "leave it out unless Kafka's developers asked for it",
            );
        }
        Some(property)
    }

    fn topic_key(&self, key: &str, place: &Place<'_>, problems: &mut Problems) -> Option<&Property> {
        let table = self.table?;
        if key.ends_with(".replication.throttled.replicas") {
            let message = format!("`{key}` is set while data moves and must be cleared afterwards");
            let help = "leave it out; Klamm sets throttles when it moves data";
            problems.error(Code::MisplacedProperty, place.key_spot(), message, help);
            return None;
        }
        let property = table.topic(key);
        if property.is_none() {
            let of_brokers = table.topic_keys().find(|property| property.broker_key == Some(key));
            match of_brokers {
                Some(property) => {
                    let message = format!("`{key}` is a broker's key; a topic's is `{}`", property.key);
                    problems.error(
                        Code::MisplacedProperty,
                        place.key_spot(),
                        message,
                        format!("write `{}`", property.key),
                    );
                }
                None => self.unknown(key, place, table.suggest_topic(key), problems),
            }
        }
        property
    }

    fn unknown(&self, key: &str, place: &Place<'_>, meant: Option<&str>, problems: &mut Problems) {
        let line = self.line;
        if let Some(removed) = removed_key(line, key) {
            let message = format!("`{key}` was removed in Kafka {}; this cluster runs {line}", removed.since);
            problems.error(Code::RemovedProperty, place.key_spot(), message, removed.instead);
            return;
        }
        let topic_key = self.table.and_then(|table| table.topic(key)?.broker_key);
        if let Some(broker_key) = topic_key {
            let message =
                format!("`{key}` is a topic's key; for all topics of the brokers it is `{broker_key}`");
            let help = format!("write `{broker_key}`, or move it into a topic's `config`");
            problems.error(Code::MisplacedProperty, place.key_spot(), message, help);
            return;
        }
        let message = format!("Kafka {line} has no key `{key}`, and would start without a word about it");
        let lower = key.to_ascii_lowercase();
        let help = match meant {
            _ if lower != key && self.table.is_some_and(|table| table.get(&lower).is_some()) => {
                format!("write `{lower}`, in lower case")
            }
            Some(meant) => format!("write `{meant}`"),
            None => format!("look it up in the documentation of Kafka {line}, or leave it out"),
        };
        problems.error(Code::UnknownProperty, place.key_spot(), message, help);
    }

    fn value(
        &self,
        key: &str,
        text: &str,
        property: &Property,
        place: &Place<'_>,
        problems: &mut Problems,
    ) -> Option<String> {
        let by_provider = text.starts_with("${") && text.ends_with('}');
        if matches!(property.kind, PropertyKind::Password) && !by_provider {
            inline_secret(key, place, problems);
            return None;
        }
        let value = match units::to_kafka(key, text, &property.kind) {
            Ok(value) => value,
            Err(wanted) => {
                let message =
                    format!("`{key}` is counted in {wanted}, and `{text}` is no whole number of them");
                problems.error(Code::PropertyValue, place.spot(), message, format!("write whole {wanted}"));
                return None;
            }
        };
        let table = self.table?;
        let checked = match property.scope {
            Scope::Topic => table.check_topic_value(key, &value),
            Scope::Node | Scope::NodeDynamicOnly => table.check_value(key, &value),
        };
        match checked {
            Ok(()) => Some(value),
            Err(problem) => {
                let help = value_help(key, &problem, property);
                problems.error(Code::PropertyValue, place.spot(), format!("`{key}: {text}` {problem}"), help);
                None
            }
        }
    }
}

fn value_help(key: &str, problem: &ValueProblem, property: &Property) -> String {
    let default = match property.default {
        klamm_core::kafka::properties::Default::Value(value) if !value.is_empty() => {
            format!(" (Kafka's default is {value})")
        }
        klamm_core::kafka::properties::Default::Value(_)
        | klamm_core::kafka::properties::Default::Required
        | klamm_core::kafka::properties::Default::Null => String::new(),
    };
    match problem {
        ValueProblem::Type { expected } => {
            format!("write {expected}{}{default}", units::hint(key, &property.kind))
        }
        ValueProblem::Range { range } => format!("write {range}{default}"),
        ValueProblem::NotAllowed { allowed } => format!("write one of {}{default}", allowed.join(", ")),
        ValueProblem::Empty => format!("write a value, or leave the key out{default}"),
        ValueProblem::Duplicate { item } => format!("name {item} once"),
        ValueProblem::UnknownKey => "leave the key out".to_owned(),
    }
}

fn inline_secret(key: &str, place: &Place<'_>, problems: &mut Problems) {
    let mut spot = place.spot();
    spot.value = None;
    let message = format!("`{key}` holds a secret, and a spec is shown, stored and compared");
    let help = "keep it in a file of its own and write `${file:PATH:KEY}`";
    problems.error(Code::InlineSecret, spot, message, help).hide(place.span());
}

/// Whether the value of a key of that name is nobody's business.
fn names_a_secret(key: &str) -> bool {
    let plain = key.to_ascii_lowercase();
    let words = ["password", "secret", "passphrase", "private.key", "keystore.key", "jaas.config"];
    words.iter().any(|word| plain.ends_with(word))
}

/// Properties of programs beside Kafka: no table, but no secrets either.
pub(crate) fn read_free(place: Option<&Place<'_>>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut config = BTreeMap::new();
    for (key, place) in place.into_iter().flat_map(|place| place.entries()) {
        let Some(text) = property_text(&place, problems) else { continue };
        if names_a_secret(key) && !text.contains("${") {
            inline_secret(key, &place, problems);
            continue;
        }
        config.insert(key.to_owned(), units::by_name(key, &text));
    }
    config
}

/// The value of a key as text; a list is joined by commas.
fn property_text(place: &Place<'_>, problems: &mut Problems) -> Option<String> {
    match place.kind() {
        NodeKind::Scalar(text) => return Some(text.clone()),
        NodeKind::List(_) => {
            let items: Option<Vec<&str>> = place.items().map(|item| item.scalar()).collect();
            if let Some(items) = items {
                return Some(items.join(","));
            }
        }
        NodeKind::Null | NodeKind::Mapping(_) => {}
    }
    let key = place.key_spot().value.unwrap_or_default();
    let nested = matches!(place.kind(), NodeKind::Mapping(_));
    let (message, help) = if nested {
        (
            format!("`{key}` is a mapping; Kafka's keys are flat"),
            "write the whole key with its dots in one line",
        )
    } else {
        (format!("`{key}` has no value"), "write a value; to keep Kafka's default, leave the key out")
    };
    problems.error(Code::WrongType, place.key_spot(), message, help);
    None
}
