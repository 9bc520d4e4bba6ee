//! What a key of Kafka's own configuration is, on each line of Kafka: for `config` in a spec.

use klamm_core::kafka::KafkaLine;
use klamm_core::kafka::properties::{Default, PropertyKind, PropertyTable, UpdateMode, removed_key};

/// Explains a key of nodes or topics; none if no line knows it. `config.KEY` is the same key.
pub(super) fn explain(key: &str) -> Option<String> {
    let key = key.strip_prefix("config.").unwrap_or(key);
    let mut text = String::new();
    for (place, of) in
        [("nodes", of_node as fn(&PropertyTable, &str) -> Option<String>), ("topics", of_topic)]
    {
        let told: Vec<(KafkaLine, Option<String>)> = PropertyTable::lines()
            .map(|line| (line, PropertyTable::for_line(line).and_then(|it| of(it, key))))
            .collect();
        if told.iter().all(|(_, said)| said.is_none()) {
            continue;
        }
        text.push_str(&format!("{key}, a setting of Kafka's {place}\n"));
        for (lines, said) in grouped(&told) {
            match said {
                Some(said) => text.push_str(&format!("  Kafka {lines}\n{said}")),
                None => text.push_str(&format!("  Kafka {lines}\n    not known\n")),
            }
        }
        let gone = PropertyTable::lines().last().and_then(|newest| removed_key(newest, key));
        if let Some(gone) = gone.filter(|_| place == "nodes") {
            text.push_str(&format!("  removed in {}: {}\n", gone.since, gone.instead));
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Neighbours that say the same become one: `4.0 to 4.3`.
fn grouped(told: &[(KafkaLine, Option<String>)]) -> Vec<(String, Option<&str>)> {
    let same = told.chunk_by(|(_, before), (_, after)| before == after);
    same.filter_map(|lines| {
        let ((first, said), (last, _)) = (lines.first()?, lines.last()?);
        let lines = if first == last { first.to_string() } else { format!("{first} to {last}") };
        Some((lines, said.as_deref()))
    })
    .collect()
}

fn of_node(table: &PropertyTable, key: &str) -> Option<String> {
    let property = table.get(key)?;
    Some(describe(&property.kind, property.default, table.update_mode(key)?))
}

fn of_topic(table: &PropertyTable, key: &str) -> Option<String> {
    let property = table.topic(key)?;
    let mut text = describe(&property.kind, property.default, property.update);
    if let Some(broker_key) = property.broker_key {
        text.push_str(&format!("    without it: what the nodes' {broker_key} says\n"));
    }
    Some(text)
}

fn describe(kind: &PropertyKind, default: Default, update: UpdateMode) -> String {
    let one_of = |allowed: &[&str], otherwise: &str| {
        if allowed.is_empty() { otherwise.to_owned() } else { format!("one of {}", allowed.join(", ")) }
    };
    let value = match kind {
        PropertyKind::Boolean => "true or false".to_owned(),
        PropertyKind::Short { range } => format!("a whole number of 16 bits: {range}"),
        PropertyKind::Int { range } => format!("a whole number of 32 bits: {range}"),
        PropertyKind::Long { range } => format!("a whole number of 64 bits: {range}"),
        PropertyKind::Double { range } => format!("a number: {range}"),
        PropertyKind::String { allowed, any_case: _, not_empty: _ } => one_of(allowed, "text"),
        PropertyKind::List { allowed, distinct: _, not_empty: _ } if allowed.is_empty() => {
            "a list with commas".to_owned()
        }
        PropertyKind::List { allowed, distinct: _, not_empty: _ } => {
            format!("a list with commas of {}", allowed.join(", "))
        }
        PropertyKind::Password => "a secret".to_owned(),
        PropertyKind::Class => "the full name of a Java class".to_owned(),
    };
    let default = match default {
        Default::Required => "must be given".to_owned(),
        Default::Null => "not set".to_owned(),
        Default::Value("") => "empty".to_owned(),
        Default::Value(value) => value.to_owned(),
    };
    let change = match update {
        UpdateMode::ReadOnly => "restarts the nodes, one after the other",
        UpdateMode::PerNode => "acts at once, on each node by itself",
        UpdateMode::PerListener => "acts at once where it stands for one listener, else after a restart",
        UpdateMode::ClusterWide | UpdateMode::Topic => "acts at once",
    };
    format!("    value:    {value}\n    default:  {default}\n    a change: {change}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_what_it_is_on_each_line_of_kafka_and_what_became_of_it() {
        insta::assert_snapshot!(explain("config.num.network.threads").unwrap());
        insta::assert_snapshot!(explain("log.message.timestamp.difference.max.ms").unwrap());
        insta::assert_snapshot!(explain("advertised.listeners").unwrap());
        assert_eq!(explain("num.network.thread"), None);
    }
}
