//! Transactions written by Kafka's own producer, in LZ4: what its own consumer makes of them, so does ours.

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use klamm_kafka::{
    Cluster, Consumer, ConsumerOptions, Endpoint, Isolation, NewTopic, OffsetAt, Producer, ProducerOptions,
    Record, StartAt, StopAt,
};

use crate::real_kafka::{PATIENCE, RealKafka};

const TOPIC: &str = "ledger";

/// Partition, offset and value.
type Seen = BTreeSet<(i32, i64, String)>;

pub(crate) async fn transactions_are_read_as_kafkas_consumer_reads_them(kafka: &RealKafka) {
    let brokers = kafka.cluster(Endpoint::Brokers);
    let topic = NewTopic { name: TOPIC.into(), partitions: Some(2), ..NewTopic::default() };
    brokers.create_topics(vec![topic], false, PATIENCE).await.expect("an answer")[0].1.clone().expect("made");
    let address = kafka.address(Endpoint::Brokers).to_string();
    let printed = kafka.run("Transactions.java", &[&address, TOPIC]);
    let theirs = |isolation: &str| -> Seen {
        let lines = printed.lines().filter_map(|line| line.strip_prefix(isolation)?.strip_prefix(' '));
        lines
            .map(|line| {
                let mut words = line.splitn(3, ' ');
                let mut word = || words.next().expect("three words");
                (word().parse().expect("a partition"), word().parse().expect("an offset"), word().to_owned())
            })
            .collect()
    };
    let committed = read(&brokers, Isolation::ReadCommitted).await;
    let everything = read(&brokers, Isolation::ReadUncommitted).await;
    assert_eq!((committed.len(), everything.len()), (3 * 4 * 20, 3 * 6 * 20 + 3 * 20));
    assert_eq!(committed, theirs("read_committed"), "{printed}");
    assert_eq!(everything, theirs("read_uncommitted"), "{printed}");
    assert!(committed.iter().all(|(_, _, value)| value.starts_with("kept") || value.starts_with("plain")));

    let stable = brokers.list_offsets(TOPIC, OffsetAt::LastStable, PATIENCE).await.expect("offsets");
    let latest = brokers.list_offsets(TOPIC, OffsetAt::Latest, PATIENCE).await.expect("offsets");
    assert!(stable[&0] < latest[&0] && stable[&1] < latest[&1], "{stable:?} {latest:?}");

    // Nobody waits for transactions where there are none.
    let record = Record { value: Some("last".into()), partition: Some(1), ..Record::default() };
    let mut producer = Producer::new(&brokers, ProducerOptions::default());
    let delivered = producer.send(TOPIC, vec![record], PATIENCE).await.expect("delivered")[0];
    let last = (1, delivered.offset.expect("a first attempt"), "last".to_owned());
    assert!(read(&brokers, Isolation::ReadUncommitted).await.contains(&last));
    assert!(!read(&brokers, Isolation::ReadCommitted).await.contains(&last));
}

async fn read(brokers: &Cluster, isolation: Isolation) -> Seen {
    let range = (StartAt::Earliest, StopAt::HighWatermark);
    // Small fetches, so that transactions are cut in the middle.
    let options = ConsumerOptions { isolation, partition_max_bytes: 1_000, ..ConsumerOptions::default() };
    let consumer = Consumer::open(brokers, TOPIC, range, options, PATIENCE).await.expect("opened");
    let records = consumer.into_stream().map_ok(|record| {
        let value = String::from_utf8(record.value.expect("a value").to_vec()).expect("text");
        (record.partition, record.offset, value)
    });
    records.try_collect().await.expect("read to the end")
}
