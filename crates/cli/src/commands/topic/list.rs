//! `klamm topic list`.

use klamm_kafka::{PartitionDescription, TopicDescription};
use serde::Serialize;

use crate::error::CliError;
use crate::invocation::Invocation;
use crate::kafka_session::{About, KafkaSession, PATIENCE};
use crate::output::{self, Field, Format, Keep, Table, Tone, print_json};

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    id: Option<String>,
    internal: bool,
    partitions: usize,
    replicas: usize,
    under_replicated: usize,
    without_leader: usize,
}

pub(super) async fn run(
    invocation: &Invocation,
    session: &KafkaSession,
    internal: bool,
) -> Result<(), CliError> {
    let topics = session.kafka.list_topics(PATIENCE).await;
    let topics = session.told("listing topics", About::Topics, topics).await?;
    let rows: Vec<Row> = topics.iter().filter(|topic| internal || !topic.internal).map(row).collect();
    match invocation.terminal.format {
        Format::Json => print_json(&rows),
        Format::Table if rows.is_empty() => {
            let make = format!("`{} topic create NAME`", invocation.command());
            invocation.terminal.tell(&format!("no topics; {make} makes one"));
            Ok(())
        }
        Format::Table => {
            output::print(&table(&rows).render(invocation.terminal.width, invocation.terminal.color))
        }
    }
}

fn row(topic: &TopicDescription) -> Row {
    let partitions = &topic.partitions;
    Row {
        name: topic.name.clone(),
        id: topic.id.map(|id| id.to_string()),
        internal: topic.internal,
        partitions: partitions.len(),
        replicas: partitions.iter().map(|partition| partition.replicas.len()).max().unwrap_or(0),
        under_replicated: partitions.iter().filter(|partition| is_behind(partition)).count(),
        without_leader: partitions.iter().filter(|partition| partition.leader.is_none()).count(),
    }
}

/// Whether a partition has fewer replicas in sync than it should have.
fn is_behind(partition: &PartitionDescription) -> bool {
    partition.in_sync.len() < partition.replicas.len()
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ("TOPIC", Keep::Always),
        ("PARTITIONS", Keep::Always),
        ("REPLICAS", Keep::Always),
        ("STATE", Keep::Always),
        ("ID", Keep::WithRoom(1)),
    ]);
    for row in rows {
        let state = match (row.under_replicated, row.without_leader) {
            (0, 0) => Field::toned("in sync", Tone::Good),
            (behind, 0) => Field::toned(format!("{behind} under-replicated"), Tone::Notice),
            (_, headless) => Field::toned(format!("{headless} without a leader"), Tone::Bad),
        };
        table.row([
            Field::plain(&row.name),
            Field::plain(row.partitions),
            Field::plain(row.replicas),
            state,
            Field::known(row.id.as_ref()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_in_trouble_says_which() {
        let partition = |index, leader, in_sync: &[i32]| PartitionDescription {
            index,
            leader,
            leader_epoch: 0,
            replicas: vec![1, 2, 3],
            in_sync: in_sync.to_vec(),
            offline: vec![],
            eligible_leaders: None,
            last_known_eligible: None,
        };
        let topic = |name: &str, partitions| TopicDescription {
            name: name.into(),
            id: None,
            internal: false,
            partitions,
        };
        let rows = [
            row(&topic("orders", vec![partition(0, Some(1), &[1, 2, 3]), partition(1, Some(2), &[1, 2, 3])])),
            row(&topic("behind", vec![partition(0, Some(1), &[1, 2]), partition(1, Some(2), &[1, 2, 3])])),
            row(&topic("headless", vec![partition(0, None, &[])])),
        ];
        insta::assert_snapshot!("topics", table(&rows).render(Some(80), false));
    }
}
