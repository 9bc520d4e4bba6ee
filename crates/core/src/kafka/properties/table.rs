//! Reads the generated tables, one row a key: scope, key, type, default (`!` required, `~` null), check,
//! importance, update mode, public or internal, the broker's key for a topic's.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::LazyLock;

use super::{
    Default, Importance, Property, PropertyKind, Range, Scope, UpdateMode, ValueProblem, check,
    split_listener_prefix,
};
use crate::kafka::KafkaLine;

/// All keys of one line of Kafka.
#[derive(Debug)]
pub struct PropertyTable {
    line: KafkaLine,
    node: BTreeMap<&'static str, Property>,
    topic: BTreeMap<&'static str, Property>,
}

macro_rules! tables {
    ($(($major:literal, $minor:literal)),* $(,)?) => {
        static TABLES: LazyLock<BTreeMap<KafkaLine, PropertyTable>> = LazyLock::new(|| {
            [$((
                KafkaLine::new($major, $minor),
                include_str!(concat!("../../../data/kafka-properties-", $major, ".", $minor, ".tsv")),
            )),*]
            .into_iter()
            .map(|(line, text)| (line, PropertyTable::read(line, text)))
            .collect()
        });
    };
}
tables![(3, 9), (4, 0), (4, 1), (4, 2), (4, 3)];

impl PropertyTable {
    /// The table of a line; `None` if Klamm does not know it.
    pub fn for_line(line: KafkaLine) -> Option<&'static Self> {
        TABLES.get(&line)
    }

    /// The lines there are tables of, oldest first.
    pub fn lines() -> impl Iterator<Item = KafkaLine> {
        TABLES.keys().copied()
    }

    /// The line this table is of.
    pub fn line(&self) -> KafkaLine {
        self.line
    }

    /// A node's key, with or without a listener prefix (see [`split_listener_prefix`]), or one that is dynamic
    /// only; the property of a prefixed key is the one without the prefix.
    pub fn get(&self, key: &str) -> Option<&Property> {
        match split_listener_prefix(key) {
            Some(prefixed) => self.node.get(prefixed.key).filter(|property| prefixed.allows(property)),
            None => self.node.get(key),
        }
    }

    /// A topic's key.
    pub fn topic(&self, key: &str) -> Option<&Property> {
        self.topic.get(key)
    }

    /// All keys of nodes, in order.
    pub fn node_keys(&self) -> impl Iterator<Item = &Property> {
        self.node.values()
    }

    /// All keys of topics, in order.
    pub fn topic_keys(&self) -> impl Iterator<Item = &Property> {
        self.topic.values()
    }

    /// When a change of this very key acts: certificates act at once with a listener prefix and after a restart
    /// without.
    pub fn update_mode(&self, key: &str) -> Option<UpdateMode> {
        let property = self.get(key)?;
        Some(match (property.update, split_listener_prefix(key).is_some()) {
            (UpdateMode::PerListener, false) => UpdateMode::ReadOnly,
            // With a prefix nothing can be set as a default of all nodes (`DynamicBrokerConfig.validateConfigs`).
            (UpdateMode::PerListener | UpdateMode::ClusterWide, true) => UpdateMode::PerNode,
            (mode, _) => mode,
        })
    }

    /// Checks a node's key and value as Kafka does when it starts. A value `${provider:path:key}` is taken at
    /// run time and passes.
    pub fn check_value(&self, key: &str, value: &str) -> Result<(), ValueProblem> {
        check::check(self.get(key).ok_or(ValueProblem::UnknownKey)?, value)
    }

    /// Checks a topic's key and value.
    pub fn check_topic_value(&self, key: &str, value: &str) -> Result<(), ValueProblem> {
        check::check(self.topic(key).ok_or(ValueProblem::UnknownKey)?, value)
    }

    /// The node's key that was probably meant: at most a quarter of its letters off.
    pub fn suggest(&self, key: &str) -> Option<&'static str> {
        closest(key, self.node.values())
    }

    /// The topic's key that was probably meant.
    pub fn suggest_topic(&self, key: &str) -> Option<&'static str> {
        closest(key, self.topic.values())
    }

    fn read(line: KafkaLine, text: &'static str) -> Self {
        let mut table = Self { line, node: BTreeMap::new(), topic: BTreeMap::new() };
        for row in text.lines().filter(|row| !row.starts_with('#')) {
            let property = property(row).expect("the generated tables are read whole by a test");
            let keys = match property.scope {
                Scope::Node | Scope::NodeDynamicOnly => &mut table.node,
                Scope::Topic => &mut table.topic,
            };
            keys.insert(property.key, property);
        }
        table
    }
}

fn closest<'a>(key: &str, properties: impl Iterator<Item = &'a Property>) -> Option<&'static str> {
    properties
        .filter(|property| !property.internal)
        .map(|property| (strsim::osa_distance(key, property.key), property.key))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(4))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

/// `None` if the row is not one of a table.
fn property(row: &'static str) -> Option<Property> {
    let cells: Vec<&'static str> = row.split('\t').collect();
    let [scope, key, kind, default, checked, importance, update, visibility, broker_key] = cells[..] else {
        return None;
    };
    Some(Property {
        key,
        scope: match scope {
            "broker" => Scope::Node,
            "broker-dynamic" => Scope::NodeDynamicOnly,
            "topic" => Scope::Topic,
            _ => return None,
        },
        kind: property_kind(kind, checked)?,
        default: match default {
            "!" => Default::Required,
            "~" => Default::Null,
            value => Default::Value(value),
        },
        importance: match importance {
            "low" => Importance::Low,
            "medium" => Importance::Medium,
            "high" => Importance::High,
            _ => return None,
        },
        update: match update {
            "read-only" => UpdateMode::ReadOnly,
            "per-broker" => UpdateMode::PerNode,
            "per-listener" => UpdateMode::PerListener,
            "cluster-wide" => UpdateMode::ClusterWide,
            "topic" => UpdateMode::Topic,
            _ => return None,
        },
        internal: visibility == "internal",
        broker_key: Some(broker_key).filter(|key| !key.is_empty()),
    })
}

fn property_kind(kind: &str, checked: &'static str) -> Option<PropertyKind> {
    let (check, rest) = checked.split_once(' ').unwrap_or((checked, ""));
    let allowed = |check: bool| if check { rest.split('|').collect() } else { Vec::new() };
    Some(match kind {
        "boolean" => PropertyKind::Boolean,
        "short" => PropertyKind::Short { range: range(check, rest)? },
        "int" => PropertyKind::Int { range: range(check, rest)? },
        "long" => PropertyKind::Long { range: range(check, rest)? },
        "double" => PropertyKind::Double { range: range(check, rest)? },
        "string" => PropertyKind::String {
            allowed: allowed(matches!(check, "of" | "of-any-case")),
            any_case: check == "of-any-case",
            not_empty: check == "not-empty",
        },
        "list" => {
            let (flags, values) = checked.split_once(" of ").unwrap_or((checked, ""));
            PropertyKind::List {
                allowed: values.split('|').filter(|value| !value.is_empty()).collect(),
                distinct: flags.split(' ').any(|flag| flag == "distinct"),
                not_empty: flags.split(' ').any(|flag| flag == "not-empty"),
            }
        }
        "password" => PropertyKind::Password,
        "class" => PropertyKind::Class,
        _ => return None,
    })
}

/// The bounds of a number; a check that is not a plain range (`text …`) leaves the type's.
fn range<T: FromStr>(check: &str, rest: &str) -> Option<Range<T>> {
    if check != "range" {
        return Some(Range { least: None, most: None });
    }
    let (least, most) = rest.split_once(' ')?;
    let bound = |text: &str| match text {
        "-" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some(Range { least: bound(least)?, most: bound(most)? })
}
