//! A node killed and started again under load, seen from a producer and a consumer that go on all the while.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use klamm_kafka::{
    Consumer, ConsumerOptions, Endpoint, OffsetAt, Producer, ProducerOptions, Record, StartAt, StopAt,
};

use crate::real_kafka::{PATIENCE, RealKafka, until};

pub(crate) async fn nothing_is_lost_or_doubled_by_a_kill(kafka: &mut RealKafka) {
    let brokers = kafka.cluster(Endpoint::Brokers);
    let starts = brokers.list_offsets("orders", OffsetAt::Latest, PATIENCE).await.expect("offsets");
    let writing = {
        let brokers = brokers.clone();
        tokio::spawn(async move {
            let mut producer = Producer::new(&brokers, ProducerOptions::default());
            let mut sent = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(20) && sent.len() < 20_000 {
                let values: Vec<String> =
                    (0..10).map(|index| format!("kill-{}", sent.len() + index)).collect();
                let records = values.iter().map(|value| Record {
                    key: Some(value.clone().into()),
                    value: Some(value.clone().into()),
                    ..Record::default()
                });
                producer.send("orders", records.collect(), Duration::from_secs(90)).await.expect("delivered");
                sent.extend(values);
            }
            sent
        })
    };
    let reading = {
        let (brokers, starts) = (brokers.clone(), starts.clone());
        tokio::spawn(async move {
            let range = (StartAt::Offsets(starts), StopAt::Never);
            let mut consumer =
                Consumer::open(&brokers, "orders", range, ConsumerOptions::default(), PATIENCE)
                    .await
                    .expect("opened");
            let mut seen = Vec::new();
            loop {
                let record = consumer.next().await.expect("outlives the kill").expect("never ends");
                let value = String::from_utf8(record.value.expect("a value").to_vec()).expect("text");
                if value == "end" {
                    return seen;
                }
                seen.push(value);
            }
        })
    };
    until("records flow", || async {
        let ends = brokers.list_offsets("orders", OffsetAt::Latest, PATIENCE).await.expect("offsets");
        (ends.values().sum::<i64>() > starts.values().sum::<i64>() + 200).then_some(())
    })
    .await;
    kafka.kill();
    kafka.launch().await;
    let mut sent = writing.await.expect("no panic");
    let mut producer = Producer::new(&brokers, ProducerOptions::default());
    // One partition may still hold earlier records when another one's end is read: all ends are awaited
    // by reading to the high watermark below.
    let range = (StartAt::Offsets(starts), StopAt::HighWatermark);
    let consumer = Consumer::open(&brokers, "orders", range, ConsumerOptions::default(), PATIENCE)
        .await
        .expect("opened");
    let stored: Vec<_> = consumer.into_stream().try_collect().await.expect("read to the end");
    let mut stored: Vec<String> = stored
        .into_iter()
        .map(|record| String::from_utf8(record.value.expect("a value").to_vec()).expect("text"))
        .collect();
    stored.sort();
    sent.sort();
    assert_eq!(stored, sent, "every record exactly once");
    let end = Record { value: Some("end".into()), ..Record::default() };
    producer.send("orders", vec![end], PATIENCE).await.expect("delivered");
    let seen = tokio::time::timeout(PATIENCE, reading).await.expect("the reader ends").expect("no panic");
    let distinct: BTreeSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "the reader saw nothing twice");
    eprintln!("killed and started under load: {} records, none lost, none doubled", sent.len());
}
