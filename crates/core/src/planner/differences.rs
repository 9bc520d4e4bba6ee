//! What differs between a slot as it is and as it shall be: what needs a start and what acts at once, in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::keep::option_name;
use super::made::SERVER_PROPERTIES;
use crate::kafka::live::{Effect, default_of, effect, is_secret};
use crate::kafka::{KafkaLine, NodeRole};
use crate::model::inventory::BrokerSetting;
use crate::model::target::SlotTarget;

/// How many changes a reason names before it only counts them.
const NAMED: usize = 6;

/// The name of the change that is none: somebody wants a restart.
const ASKED: &str = "restart";

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    /// The key, the option's name, or the file.
    pub(super) name: String,
    /// In words.
    text: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What differs, by when it acts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Only when the process starts.
    pub(super) at_start: Vec<Change>,
    /// At once, or never: the file is only there for the next start.
    pub(super) without_start: Vec<Change>,
}

/// A node on which settings act.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    /// Its Kafka.
    pub(super) line: KafkaLine,
    /// What it does.
    pub(super) role: NodeRole,
    /// What it says of its settings, if it was asked.
    pub(super) seen: Option<&'a BTreeMap<String, BrokerSetting>>,
}

/// Compares settings; those whose value may be taken back only by a start need one.
pub(super) fn of_settings(
    node: &Node<'_>,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Differences {
    let mut differences = Differences::default();
    let mut add = |key: &String, from: Option<&String>, to: Option<&String>| {
        let change = Change { name: key.clone(), text: in_words(node.line, key, from, to) };
        if needs_start(node, key, to) {
            differences.at_start.push(change);
        } else {
            differences.without_start.push(change);
        }
    };
    for (key, from) in before {
        let to = after.get(key);
        if to != Some(from) {
            add(key, Some(from), to);
        }
    }
    for (key, to) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        add(key, None, Some(to));
    }
    differences.at_start.sort();
    differences.without_start.sort();
    differences
}

fn needs_start(node: &Node<'_>, key: &str, to: Option<&String>) -> bool {
    match effect(node.line, node.role, key) {
        Effect::AtStart => true,
        Effect::Nowhere => false,
        Effect::Live(_) => match to {
            // A config provider is asked by the node itself.
            Some(value) => value.contains("${"),
            None if default_of(node.line, key).is_some() => false,
            // Kafka has no value for "not set": it can be had live only by a node that started without.
            None => node.seen.is_none_or(|settings| {
                settings.get(key).is_some_and(|setting| setting.started_with.is_some())
            }),
        },
    }
}

fn in_words(line: KafkaLine, key: &str, from: Option<&String>, to: Option<&String>) -> String {
    if is_secret(line, key) {
        return format!("{key} changed");
    }
    let say = |value: Option<&String>| value.map_or_else(|| "not set".to_owned(), Clone::clone);
    format!("{key}: {} → {}", say(from), say(to))
}

/// Compares all that is only read at the start besides the settings.
pub(super) fn of_launch(before: &SlotTarget, after: &SlotTarget) -> Vec<Change> {
    let mut changes = of_options(&before.process.jvm_options, &after.process.jvm_options);
    let mut add = |name: &str, text: String| changes.push(Change { name: name.to_owned(), text });
    let paths: BTreeSet<&String> = before.files.keys().chain(after.files.keys()).collect();
    for path in paths.into_iter().filter(|path| *path != SERVER_PROPERTIES) {
        if before.files.get(path) != after.files.get(path) {
            add(path, format!("{path} changed"));
        }
    }
    let (old, new) = (&before.process, &after.process);
    if old.kafka != new.kafka {
        add("Kafka", format!("Kafka {} → {}", old.kafka, new.kafka));
    } else if old.lock != new.lock {
        add("Kafka's jars", "Kafka's jars changed".to_owned());
    }
    if old.jar != new.jar {
        add("Klamm's jar", "Klamm's jar changed".to_owned());
    }
    if old.java != new.java {
        let list = |versions: &[u32]| versions.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        add("Java", format!("Java {} → {}", list(&old.java), list(&new.java)));
    }
    if old.generation != new.generation {
        add(ASKED, "asked for".to_owned());
    }
    if old.main_class != new.main_class || old.arguments != new.arguments {
        add("arguments", "Kafka's arguments changed".to_owned());
    }
    changes
}

fn of_options(before: &[String], after: &[String]) -> Vec<Change> {
    let gone = before.iter().filter(|option| !after.contains(option));
    let mut gone: BTreeMap<String, &String> = gone.map(|option| (option_name(option), option)).collect();
    let mut changes = Vec::new();
    for option in after.iter().filter(|option| !before.contains(option)) {
        let name = option_name(option);
        let old = gone.remove(&name);
        changes.push(option_change(name, old, Some(option)));
    }
    changes.extend(gone.into_iter().map(|(name, old)| option_change(name, Some(old), None)));
    changes
}

fn option_change(name: String, from: Option<&String>, to: Option<&String>) -> Change {
    let lower = name.to_ascii_lowercase();
    let secret = ["password", "secret", "token", "credential"].iter().any(|word| lower.contains(word));
    let text = match (from, to) {
        _ if secret => format!("{name} changed"),
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (None, Some(to)) => format!("with {to}"),
        (Some(from), None) => format!("without {from}"),
        (None, None) => name.clone(),
    };
    Change { name, text }
}

/// Why a process is stopped and started.
pub(super) fn reason_to_restart(at_start: &[Change]) -> String {
    let (asked, read): (Vec<Change>, Vec<Change>) =
        at_start.iter().cloned().partition(|change| change.name == ASKED);
    let asked = asked.first().map(ToString::to_string);
    let read = (!read.is_empty()).then(|| format!("read only at start: {}", list(&read)));
    asked.into_iter().chain(read).collect::<Vec<_>>().join("; ")
}

/// The whole of it for a reason: each change, or the first few and how many more.
pub(super) fn list(changes: &[Change]) -> String {
    let named: Vec<String> = changes.iter().take(NAMED).map(ToString::to_string).collect();
    let more = changes.len().saturating_sub(NAMED);
    let named = named.join(", ");
    if more == 0 { named } else { format!("{named}, and {more} more") }
}

/// What differs between two launches as far as it is known: of files that cannot be read that they differ.
pub(super) fn of_unknown(before: &SlotTarget, after: &SlotTarget) -> Vec<Change> {
    let differs = before.files.get(SERVER_PROPERTIES) != after.files.get(SERVER_PROPERTIES);
    let text = format!("{SERVER_PROPERTIES} changed");
    differs.then(|| Change { name: SERVER_PROPERTIES.to_owned(), text }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn broker(seen: Option<&BTreeMap<String, BrokerSetting>>) -> Node<'_> {
        Node { line: KafkaLine::new(4, 3), role: NodeRole::Broker, seen }
    }

    #[test]
    fn reasons_name_keys_and_values_and_no_secret() {
        let before = settings(&[("num.partitions", "1"), ("ssl.key.password", "geheim")]);
        let after =
            settings(&[("num.partitions", "3"), ("ssl.key.password", "anders"), ("broker.rack", "a")]);
        let differences = of_settings(&broker(None), &before, &after);
        assert_eq!(
            list(&differences.at_start),
            "broker.rack: not set → a, num.partitions: 1 → 3, ssl.key.password changed"
        );
        let options = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let changes = of_options(
            &options(&["-Xmx1g", "-XX:+UseG1GC", "-Dx.password=a"]),
            &options(&["-Xmx2g", "-XX:+UseZGC", "-Dx.password=b", "-Dy=1"]),
        );
        assert_eq!(
            list(&changes),
            "-Xmx1g → -Xmx2g, -XX:+UseG1GC → -XX:+UseZGC, -Dx.password changed, with -Dy=1"
        );
    }

    #[test]
    fn a_key_that_is_removed_and_has_no_default_needs_a_start_unless_the_process_began_without_it() {
        let before = settings(&[("log.retention.ms", "5"), ("num.io.threads", "3")]);
        let unseen = of_settings(&broker(None), &before, &BTreeMap::new());
        assert_eq!(list(&unseen.at_start), "log.retention.ms: 5 → not set");
        assert_eq!(list(&unseen.without_start), "num.io.threads: 3 → not set");
        let seen = BTreeMap::from([("log.retention.ms".to_owned(), BrokerSetting::default())]);
        let differences = of_settings(&broker(Some(&seen)), &before, &BTreeMap::new());
        assert_eq!(differences.at_start, []);
    }
}
