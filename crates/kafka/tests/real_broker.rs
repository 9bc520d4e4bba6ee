//! Every operation against a real Kafka node, then produce and fetch through a kill -9 of it.
//!
//! `KLAMM_KAFKA_LIBS` names a folder with Kafka's jars; without it the tests say so and do nothing.

#[path = "real_broker/kill.rs"]
mod kill;
#[path = "real_broker/moves.rs"]
mod moves;
#[path = "real_broker/real_kafka.rs"]
mod real_kafka;
#[path = "real_broker/transactions.rs"]
mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use klamm_kafka::{
    Acl, AclFilter, AclOperation, AclPermission, Cluster, Compression, ConfigChange, ConfigEdit,
    ConfigResource, ConfigSource, ConnectOptions, Connection, ConsumeError, Consumer, ConsumerOptions,
    Election, Endpoint, ErrorCode, NewTopic, PatternType, ProduceError, Producer, ProducerOptions, Record,
    ResourceType, StartAt, StopAt, TopicPartition, TopicSelection, Transport, probe,
};
use real_kafka::{Authority, CLUSTER_ID, PATIENCE, RealKafka, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_works_against_a_real_node() {
    let Some(mut kafka) = RealKafka::start().await else { return };
    let brokers = kafka.cluster(Endpoint::Brokers);
    let controllers = kafka.cluster(Endpoint::Controllers);

    the_cluster_and_its_quorum_are_described(&brokers, &controllers).await;
    topics_are_made_described_and_deleted(&brokers, &controllers).await;
    configs_are_read_and_changed(&brokers, &controllers).await;
    acls_are_made_found_and_removed(&brokers).await;
    acls_are_made_found_and_removed(&controllers).await;
    let dirs = brokers.describe_log_dirs(1, PATIENCE).await.expect("log dirs");
    assert_eq!(dirs[0].path, kafka.data().to_string_lossy());
    assert!(dirs[0].failure.is_none(), "{:?}", dirs[0]);
    // Java knows no size where the mount table does not show the file system, as in a chroot.
    assert!(dirs[0].usable_bytes.is_none_or(|bytes| bytes > 0), "{:?}", dirs[0]);
    assert!(dirs[0].replicas.iter().any(|replica| replica.place == TopicPartition::new("orders", 2)));
    leaders_are_elected(&brokers).await;
    records_come_back_as_they_went(&brokers).await;
    wrong_wishes_are_refused_by_name(&brokers).await;
    transactions::transactions_are_read_as_kafkas_consumer_reads_them(&kafka).await;
    kill::nothing_is_lost_or_doubled_by_a_kill(&mut kafka).await;
    mutual_tls_is_spoken_and_foreign_certificates_are_refused(&kafka).await;
    moves::a_reassignment_is_listed_until_it_is_called_off(&kafka).await;
    report_latency(&kafka).await;
}

async fn the_cluster_and_its_quorum_are_described(brokers: &Cluster, controllers: &Cluster) {
    for cluster in [brokers, controllers] {
        let description = cluster.describe_cluster(PATIENCE).await.expect("a description");
        assert_eq!(description.cluster_id, CLUSTER_ID);
        assert_eq!(description.controller, Some(1));
        assert_eq!(description.nodes.iter().map(|node| node.id).collect::<Vec<_>>(), [1]);

        let quorum = cluster.describe_quorum(PATIENCE).await.expect("a quorum");
        assert_eq!(quorum.leader, Some(1));
        assert!(quorum.high_watermark.is_some_and(|offset| offset > 0));
        assert!(quorum.voters[0].directory.is_some() && quorum.voters[0].last_caught_up_ms.is_some());
        assert_eq!(quorum.nodes[0].listeners[0].name, "CONTROLLER");

        let features = cluster.features(PATIENCE).await.expect("features");
        assert!(features.finalized["metadata.version"].max >= 25, "{features:?}");
        assert_eq!(features.finalized["kraft.version"].max, 1);
        assert!(
            features.epoch.is_some() && features.supported.contains_key("eligible.leader.replicas.version")
        );
    }
    let node = brokers.describe_cluster(PATIENCE).await.expect("a description").nodes.remove(0);
    assert_eq!((node.rack.as_deref(), node.fenced), (Some("zone-a"), false));
}

async fn topics_are_made_described_and_deleted(brokers: &Cluster, controllers: &Cluster) {
    let orders = NewTopic {
        name: "orders".into(),
        partitions: Some(3),
        replication_factor: Some(1),
        config: BTreeMap::from([("retention.ms".into(), "604800000".into())]),
    };
    let checked = brokers.create_topics(vec![orders.clone()], true, PATIENCE).await.expect("an answer");
    assert!(checked[0].1.is_ok());
    assert!(brokers.list_topics(PATIENCE).await.expect("topics").is_empty(), "only validated");
    let made = brokers.create_topics(vec![orders.clone()], false, PATIENCE).await.expect("an answer");
    let created = made[0].1.clone().expect("created");
    assert_eq!((created.partitions, created.replication_factor), (Some(3), Some(1)));
    let again = brokers.create_topics(vec![orders], false, PATIENCE).await.expect("an answer");
    let refusal = again[0].1.clone().expect_err("there already");
    assert_eq!(refusal.code, ErrorCode::TOPIC_ALREADY_EXISTS);
    assert_eq!(refusal.to_string(), "kafka answered TOPIC_ALREADY_EXISTS: Topic 'orders' already exists.");

    let defaults = NewTopic { name: "by-default".into(), ..NewTopic::default() };
    let made = controllers.create_topics(vec![defaults], false, PATIENCE).await.expect("an answer");
    assert_eq!(made[0].1.clone().expect("created").partitions, Some(1));

    let selection = TopicSelection::Named(vec!["orders".into(), "no-such".into()]);
    let described = until("both topics are known", || async {
        let described = brokers.describe_topics(selection.clone(), PATIENCE).await.expect("an answer");
        (described.len() == 2 && described[1].1.is_ok()).then_some(described)
    })
    .await;
    assert_eq!(described[0].1.clone().expect_err("none").code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let orders = described[1].1.clone().expect("described");
    assert_eq!(orders.id, created.id);
    assert_eq!(orders.partitions.iter().map(|partition| partition.index).collect::<Vec<_>>(), [0, 1, 2]);
    for partition in &orders.partitions {
        assert_eq!(
            (partition.leader, &partition.replicas, &partition.in_sync),
            (Some(1), &vec![1], &vec![1])
        );
        assert!(partition.offline.is_empty() && partition.eligible_leaders == Some(Vec::new()));
    }
    until("all topics are described", || async {
        let all = brokers.describe_topics(TopicSelection::All, PATIENCE).await.expect("an answer");
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        (names == ["by-default", "orders"]).then_some(())
    })
    .await;

    let deleted =
        brokers.delete_topics(vec!["by-default".into(), "gone".into()], PATIENCE).await.expect("an answer");
    let deleted: BTreeMap<_, _> = deleted.into_iter().collect();
    assert!(deleted["by-default"].is_ok());
    assert_eq!(deleted["gone"].clone().expect_err("none").code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    until("the deletion is seen", || async {
        let topics = brokers.list_topics(PATIENCE).await.expect("topics");
        (topics.len() == 1 && topics[0].partitions.len() == 3).then_some(())
    })
    .await;
}

async fn configs_are_read_and_changed(brokers: &Cluster, controllers: &Cluster) {
    let value = |cluster: Cluster, resource: ConfigResource, name: &'static str| async move {
        let described = cluster.describe_configs(vec![resource], PATIENCE).await.expect("an answer");
        let entries = described.into_iter().next().expect("one resource").1.expect("described");
        entries.into_iter().find(|entry| entry.name == name)
    };
    let retention = value(brokers.clone(), ConfigResource::Topic("orders".into()), "retention.ms").await;
    let retention = retention.expect("a topic config");
    assert_eq!((retention.value.as_deref(), retention.source), (Some("604800000"), ConfigSource::Topic));
    let node_id =
        value(brokers.clone(), ConfigResource::Broker(1), "node.id").await.expect("a static config");
    assert!(node_id.read_only && !node_id.sensitive);
    assert_eq!((node_id.value.as_deref(), node_id.source), (Some("1"), ConfigSource::File));

    let changes = vec![
        ConfigChange {
            resource: ConfigResource::Topic("orders".into()),
            edits: vec![ConfigEdit::delete("retention.ms"), ConfigEdit::set("cleanup.policy", "compact")],
        },
        ConfigChange {
            resource: ConfigResource::Broker(1),
            edits: vec![ConfigEdit::set("log.cleaner.threads", "2")],
        },
        ConfigChange {
            resource: ConfigResource::ClusterDefault,
            edits: vec![ConfigEdit::set("message.max.bytes", "2000000")],
        },
    ];
    for cluster in [brokers, controllers] {
        let altered = cluster.alter_configs(changes.clone(), false, PATIENCE).await.expect("an answer");
        assert_eq!(altered.len(), 3);
        assert!(altered.iter().all(|(_, result)| result.is_ok()), "{altered:?}");
    }
    until("the changes are in force", || async {
        let threads = value(brokers.clone(), ConfigResource::Broker(1), "log.cleaner.threads").await?;
        let bytes = value(brokers.clone(), ConfigResource::ClusterDefault, "message.max.bytes").await?;
        let policy = value(brokers.clone(), ConfigResource::Topic("orders".into()), "cleanup.policy").await?;
        let seen = (threads.source, bytes.source, policy.value.as_deref());
        (seen == (ConfigSource::Broker, ConfigSource::ClusterDefault, Some("compact"))).then_some(())
    })
    .await;
    let back = ConfigChange {
        resource: ConfigResource::Topic("orders".into()),
        edits: vec![ConfigEdit::delete("cleanup.policy")],
    };
    brokers.alter_configs(vec![back], false, PATIENCE).await.expect("an answer")[0].1.clone().expect("back");
    let bad = ConfigChange {
        resource: ConfigResource::Topic("orders".into()),
        edits: vec![ConfigEdit::set("no.such.key", "1")],
    };
    let refused = brokers.alter_configs(vec![bad], true, PATIENCE).await.expect("an answer");
    assert_eq!(refused[0].1.clone().expect_err("unknown key").code, ErrorCode::INVALID_CONFIG);
}

async fn acls_are_made_found_and_removed(cluster: &Cluster) {
    let acl = |principal: &str, operation, pattern| Acl {
        resource: ResourceType::Topic,
        name: "orders".into(),
        pattern,
        principal: principal.into(),
        host: "*".into(),
        operation,
        permission: AclPermission::Allow,
    };
    let alice = acl("User:alice", AclOperation::Read, PatternType::Literal);
    let bob = acl("User:bob", AclOperation::Write, PatternType::Prefixed);
    let made = cluster.create_acls(vec![alice.clone(), bob.clone()], PATIENCE).await.expect("an answer");
    assert!(made.len() == 2 && made.iter().all(Result::is_ok), "{made:?}");
    let alices = AclFilter { principal: Some("User:alice".into()), ..AclFilter::default() };
    until("both are found", || async {
        let all = cluster.describe_acls(AclFilter::default(), PATIENCE).await.expect("acls");
        (all == [alice.clone(), bob.clone()]).then_some(())
    })
    .await;
    let hers = cluster.describe_acls(alices.clone(), PATIENCE).await.expect("acls");
    assert_eq!(hers, std::slice::from_ref(&alice));
    let removed =
        cluster.delete_acls(vec![alices, AclFilter::from(&bob)], PATIENCE).await.expect("an answer");
    assert_eq!(removed, [Ok(vec![alice]), Ok(vec![bob])]);
    until("none is left", || async {
        cluster.describe_acls(AclFilter::default(), PATIENCE).await.expect("acls").is_empty().then_some(())
    })
    .await;
}

async fn leaders_are_elected(brokers: &Cluster) {
    let places = vec![TopicPartition::new("orders", 0), TopicPartition::new("orders", 1)];
    let elected =
        brokers.elect_leaders(Election::Preferred, Some(places), PATIENCE).await.expect("an answer");
    assert_eq!(elected.len(), 2);
    for (_, result) in elected {
        assert_eq!(result.expect_err("one node leads all").code, ErrorCode::ELECTION_NOT_NEEDED);
    }
}

async fn records_come_back_as_they_went(brokers: &Cluster) {
    let mut sent = BTreeSet::new();
    let every =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for compression in every {
        let options = ProducerOptions { compression, max_batch_bytes: 4_000 };
        let mut producer = Producer::new(brokers, options);
        for round in 0..3 {
            let values: Vec<String> =
                (0..200).map(|index| format!("{compression:?}-{round}-{index}")).collect();
            let records = values.iter().enumerate().map(|(index, value)| Record {
                key: (index % 2 == 0).then(|| value.clone().into()),
                value: Some(value.clone().into()),
                headers: vec![("round".into(), Some(round.to_string().into())), ("empty".into(), None)],
                timestamp_ms: Some(1_700_000_000_000 + index as i64),
                ..Record::default()
            });
            let delivered = producer.send("orders", records.collect(), PATIENCE).await.expect("delivered");
            assert_eq!(delivered.len(), 200);
            for (value, delivery) in values.into_iter().zip(delivered) {
                let offset = delivery.offset.expect("a first attempt has one");
                assert!(sent.insert((delivery.partition, offset, value)));
            }
        }
    }
    let range = (StartAt::Earliest, StopAt::HighWatermark);
    let consumer = Consumer::open(brokers, "orders", range.clone(), ConsumerOptions::default(), PATIENCE)
        .await
        .expect("opened");
    let consumed: Vec<_> = consumer.into_stream().try_collect().await.expect("read to the end");
    assert_eq!(consumed.len(), sent.len());
    let mut last = BTreeMap::new();
    let mut received = BTreeSet::new();
    for record in consumed {
        assert_eq!(last.insert(record.partition, record.offset).map_or(0, |last| last + 1), record.offset);
        assert_eq!(record.headers.len(), 2);
        assert!((1_700_000_000_000..1_700_000_000_200).contains(&record.timestamp_ms));
        let value = String::from_utf8(record.value.expect("a value").to_vec()).expect("text");
        received.insert((record.partition, record.offset, value));
    }
    assert_eq!(received, sent);

    // Started behind the newest record: only what comes later, and it comes without a poll in between.
    let latest = (StartAt::Latest, StopAt::Never);
    let mut consumer = Consumer::open(brokers, "orders", latest, ConsumerOptions::default(), PATIENCE)
        .await
        .expect("opened");
    let later = Record { value: Some("later".into()), partition: Some(2), ..Record::default() };
    let mut producer = Producer::new(brokers, ProducerOptions::default());
    let (delivered, record) = tokio::join!(producer.send("orders", vec![later], PATIENCE), consumer.next());
    let record = record.expect("read").expect("never ends");
    assert_eq!(Some(record.offset), delivered.expect("delivered")[0].offset);
    assert_eq!(consumer.positions()[&2], record.offset + 1);

    // A position in the middle of a batch gives the rest of the batch only.
    let from = (StartAt::Offsets(BTreeMap::from([(0, 5)])), StopAt::HighWatermark);
    let mut consumer =
        Consumer::open(brokers, "orders", from, ConsumerOptions::default(), PATIENCE).await.expect("opened");
    assert_eq!(consumer.next().await.expect("read").expect("not the end").offset, 5);
}

async fn wrong_wishes_are_refused_by_name(brokers: &Cluster) {
    let mut producer = Producer::new(brokers, ProducerOptions::default());
    let nowhere = Record { partition: Some(9), ..Record::default() };
    let failure = producer.send("orders", vec![nowhere], PATIENCE).await.expect_err("no such partition");
    assert_eq!(failure.to_string(), "topic orders has no partition 9, only 0 to 2");
    let failure = producer
        .send("no-such", vec![Record::default()], Duration::from_millis(500))
        .await
        .expect_err("no such topic");
    assert!(matches!(failure, ProduceError::Topic { .. }), "{failure:?}");

    let huge = Record { value: Some(vec![0; 3_000_000].into()), partition: Some(0), ..Record::default() };
    let fits = Record { value: Some("fits".into()), partition: Some(1), ..Record::default() };
    let failure = producer.send("orders", vec![huge, fits.clone()], PATIENCE).await.expect_err("too large");
    let ProduceError::NotDelivered { undelivered, delivered, .. } = failure else {
        unreachable!("{failure:?}")
    };
    assert_eq!((undelivered, delivered[0], delivered[1].is_some()), (1, None, true));
    // What was in doubt is behind it: the next batch is numbered anew and accepted.
    producer.send("orders", vec![fits], PATIENCE).await.expect("delivered");

    let beyond = (StartAt::Offsets(BTreeMap::from([(0, 1_000_000)])), StopAt::Never);
    let mut consumer = Consumer::open(brokers, "orders", beyond, ConsumerOptions::default(), PATIENCE)
        .await
        .expect("opened");
    let failure = consumer.next().await.expect_err("out of range");
    let ConsumeError::Partition { source, .. } = failure else { unreachable!("{failure:?}") };
    assert_eq!(source.code, ErrorCode::OFFSET_OUT_OF_RANGE);
}

async fn mutual_tls_is_spoken_and_foreign_certificates_are_refused(kafka: &RealKafka) {
    let (address, trusted) = (kafka.tls_address(), kafka.tls_client(None));
    let facts = probe(&address, &trusted, PATIENCE).await.expect("a handshake");
    assert_eq!((facts.chain.len(), facts.protocol.as_str()), (1, "TLSv1_3"));
    let options = ConnectOptions::new(Transport::Tls(trusted));
    let cluster = Cluster::new(vec![address.clone()], Endpoint::Brokers, options);
    let value = Record { value: Some("over TLS".into()), ..Record::default() };
    let mut producer = Producer::new(&cluster, ProducerOptions::default());
    producer.send("orders", vec![value], PATIENCE).await.expect("delivered");

    let foreign = kafka.tls_client(Some(&Authority::new()));
    let begun = Instant::now();
    let refused = Connection::open(&address, &ConnectOptions::new(Transport::Tls(foreign))).await;
    let failure = refused.expect_err("a foreign certificate");
    assert!(begun.elapsed() < Duration::from_secs(5), "{failure:?}");
    eprintln!("a foreign certificate: {failure:?}");
    assert!(!failure.is_retriable(), "{failure:?}");
}

/// Figures for whoever runs this by hand; nothing depends on them.
async fn report_latency(kafka: &RealKafka) {
    let mut first = Vec::new();
    let mut further = Vec::new();
    let mut encrypted = Vec::new();
    let options = ConnectOptions::new(Transport::Tls(kafka.tls_client(None)));
    for _ in 0..50 {
        let cluster = Cluster::new(vec![kafka.tls_address()], Endpoint::Brokers, options.clone());
        let begun = Instant::now();
        cluster.list_topics(PATIENCE).await.expect("topics");
        encrypted.push(begun.elapsed());
        let cluster = kafka.cluster(Endpoint::Brokers);
        let begun = Instant::now();
        cluster.list_topics(PATIENCE).await.expect("topics");
        first.push(begun.elapsed());
        let begun = Instant::now();
        cluster.list_topics(PATIENCE).await.expect("topics");
        further.push(begun.elapsed());
    }
    first.sort();
    further.sort();
    encrypted.sort();
    eprintln!(
        "connect over mutual TLS and list topics: median {:?}, worst {:?}",
        encrypted[25], encrypted[49]
    );
    eprintln!(
        "connect and list topics: median {:?}, worst {:?}; list again: median {:?}",
        first[25], first[49], further[25]
    );
}
