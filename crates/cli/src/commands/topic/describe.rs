//! `klamm topic describe`.

use std::collections::BTreeMap;

use klamm_kafka::{
    ConfigEntry, ConfigResource, ConfigSource, PartitionDescription, TopicDescription, TopicSelection,
};
use serde::Serialize;

use super::only_answer;
use crate::error::CliError;
use crate::invocation::Invocation;
use crate::kafka_session::{About, KafkaSession, PATIENCE};
use crate::output::{self, Field, Format, Keep, Table, Tone, count, print_json};

#[derive(Debug, Serialize)]
struct Topic {
    name: String,
    id: Option<String>,
    internal: bool,
    /// What was set on the topic itself; none where the user may not see it.
    config: Option<BTreeMap<String, Option<String>>>,
    partitions: Vec<Partition>,
}

#[derive(Debug, Serialize)]
struct Partition {
    partition: i32,
    leader: Option<i32>,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
    offline: Vec<i32>,
    /// None where the broker does not tell.
    eligible_leaders: Option<Vec<i32>>,
}

pub(super) async fn run(invocation: &Invocation, session: &KafkaSession, name: &str) -> Result<(), CliError> {
    let doing = format!("describing topic {name}");
    let resource = ConfigResource::Topic(name.to_owned());
    let (described, configs) = tokio::join!(
        session.kafka.describe_topics(TopicSelection::one(name), PATIENCE),
        session.kafka.describe_configs(vec![resource], PATIENCE)
    );
    let described = session.told(&doing, About::Topic(name), described).await?;
    let described = session.told(&doing, About::Topic(name), only_answer(described)).await?;
    // The right to describe a topic does not include its settings.
    let configs = configs.ok().and_then(|configs| only_answer(configs).ok());
    let topic = topic(described, configs);
    match invocation.terminal.format {
        Format::Json => print_json(&topic),
        Format::Table => output::print(&render(&topic, invocation.terminal.width, invocation.terminal.color)),
    }
}

fn topic(described: TopicDescription, configs: Option<Vec<ConfigEntry>>) -> Topic {
    let set_here = |entries: Vec<ConfigEntry>| {
        let set = entries.into_iter().filter(|entry| entry.source == ConfigSource::Topic);
        set.map(|entry| (entry.name, entry.value)).collect()
    };
    let TopicDescription { name, id, internal, partitions } = described;
    Topic {
        name,
        id: id.map(|id| id.to_string()),
        internal,
        config: configs.map(set_here),
        partitions: partitions.into_iter().map(partition).collect(),
    }
}

fn partition(described: PartitionDescription) -> Partition {
    let PartitionDescription {
        index,
        leader,
        leader_epoch: _,
        replicas,
        in_sync,
        offline,
        eligible_leaders,
        last_known_eligible: _,
    } = described;
    Partition { partition: index, leader, replicas, in_sync, offline, eligible_leaders }
}

fn render(topic: &Topic, width: Option<usize>, color: bool) -> String {
    let partitions = count(topic.partitions.len(), "partition");
    let mut text = format!("topic {}, id {}, {partitions}\n", topic.name, topic.id.as_deref().unwrap_or("?"));
    match &topic.config {
        None => text.push_str("settings: ?\n"),
        Some(config) => {
            for (key, value) in config {
                text.push_str(&format!("{key}={}\n", value.as_deref().unwrap_or("?")));
            }
        }
    }
    let mut table = Table::new(&[
        ("PARTITION", Keep::Always),
        ("LEADER", Keep::Always),
        ("REPLICAS", Keep::Always),
        ("IN SYNC", Keep::Always),
        ("STATE", Keep::Always),
    ]);
    for partition in &topic.partitions {
        table.row([
            Field::plain(partition.partition),
            Field::known(partition.leader),
            Field::plain(nodes(&partition.replicas)),
            Field::plain(nodes(&partition.in_sync)),
            state(partition),
        ]);
    }
    text.push('\n');
    text + &table.render(width, color)
}

fn state(partition: &Partition) -> Field {
    if partition.leader.is_none() {
        Field::toned("no leader", Tone::Bad)
    } else if !partition.offline.is_empty() {
        Field::toned(format!("offline on {}", nodes(&partition.offline)), Tone::Bad)
    } else if partition.in_sync.len() < partition.replicas.len() {
        Field::toned("under-replicated", Tone::Notice)
    } else {
        Field::toned("in sync", Tone::Good)
    }
}

fn nodes(nodes: &[i32]) -> String {
    if nodes.is_empty() {
        return "-".to_owned();
    }
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
