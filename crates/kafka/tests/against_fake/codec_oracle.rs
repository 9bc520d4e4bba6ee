//! Our requests against Kafka's own Java classes: every API we call, in every version we may speak, is
//! parsed by kafka-clients and written again by it; the bytes must be the same.
//!
//! `KLAMM_KAFKA_LIBS` names a folder with Kafka's jars; without it the test says so and does nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::fake_broker::{API_VERSIONS, Action, FakeBroker, METADATA, answer, metadata, plain, versions};
use kafka_protocol::messages::{ApiKey, InitProducerIdResponse, ProducerId};
use klamm_kafka::{
    Acl, AclFilter, AclOperation, AclPermission, Compression, ConfigChange, ConfigEdit, ConfigResource,
    Consumer, ConsumerOptions, Election, Isolation, NewTopic, OffsetAt, PatternType, Producer,
    ProducerOptions, Record, ResourceType, StartAt, StopAt, TopicPartition, TopicSelection,
};

/// Long enough for a loopback answer; every call ends in a failure, as the broker hangs up.
const PATIENCE: Duration = Duration::from_millis(40);

/// Only the ones that [`provoke`] knows.
const APIS: [ApiKey; 19] = [
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::InitProducerId,
    ApiKey::DescribeAcls,
    ApiKey::CreateAcls,
    ApiKey::DeleteAcls,
    ApiKey::DescribeConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::ElectLeaders,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::DescribeQuorum,
    ApiKey::ListPartitionReassignments,
    ApiKey::DescribeCluster,
    ApiKey::DescribeTopicPartitions,
];

/// Runs the operation that sends `api`; its outcome does not matter.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is the library's; most of it is never called")]
async fn provoke(api: ApiKey, broker: &FakeBroker) {
    let cluster = broker.cluster(plain());
    let topic = || TopicSelection::one("orders");
    let acl = Acl {
        resource: ResourceType::Topic,
        name: "orders-".into(),
        pattern: PatternType::Prefixed,
        principal: "User:alice".into(),
        host: "*".into(),
        operation: AclOperation::Read,
        permission: AclPermission::Allow,
    };
    let resources = [ConfigResource::Topic("orders".into()), ConfigResource::ClusterDefault];
    match api {
        ApiKey::Produce | ApiKey::InitProducerId => {
            let options = ProducerOptions { compression: Compression::Lz4, ..ProducerOptions::default() };
            let record = Record {
                key: Some("k".into()),
                value: Some("v".into()),
                headers: vec![("h".into(), None)],
                ..Record::default()
            };
            drop(
                Producer::new(&cluster, options).send("orders", vec![record.clone(), record], PATIENCE).await,
            );
        }
        ApiKey::Fetch => {
            let range = (StartAt::Offsets(BTreeMap::from([(0, 42)])), StopAt::Never);
            let options = ConsumerOptions {
                isolation: Isolation::ReadCommitted,
                patience: PATIENCE,
                ..ConsumerOptions::default()
            };
            if let Ok(mut consumer) = Consumer::open(&cluster, "orders", range, options, PATIENCE).await {
                drop(consumer.next().await);
            }
        }
        ApiKey::ListOffsets => drop(cluster.list_offsets("orders", OffsetAt::LastStable, PATIENCE).await),
        ApiKey::Metadata => drop(cluster.list_topics(PATIENCE).await),
        ApiKey::CreateTopics => {
            let config = BTreeMap::from([("retention.ms".to_owned(), "1".to_owned())]);
            let new = NewTopic { name: "n".into(), partitions: Some(3), config, ..NewTopic::default() };
            drop(cluster.create_topics(vec![new], true, PATIENCE).await);
        }
        ApiKey::DeleteTopics => drop(cluster.delete_topics(vec!["a".into(), "b".into()], PATIENCE).await),
        ApiKey::DescribeAcls => drop(cluster.describe_acls(AclFilter::default(), PATIENCE).await),
        ApiKey::CreateAcls => drop(cluster.create_acls(vec![acl], PATIENCE).await),
        ApiKey::DeleteAcls => drop(cluster.delete_acls(vec![AclFilter::from(&acl)], PATIENCE).await),
        ApiKey::DescribeConfigs => drop(cluster.describe_configs(resources.to_vec(), PATIENCE).await),
        ApiKey::IncrementalAlterConfigs => {
            let edits = vec![ConfigEdit::set("a", "1"), ConfigEdit::delete("b")];
            let changes = resources
                .iter()
                .map(|resource| ConfigChange { resource: resource.clone(), edits: edits.clone() });
            drop(cluster.alter_configs(changes.collect(), true, PATIENCE).await);
        }
        ApiKey::DescribeLogDirs => drop(cluster.describe_log_dirs(1, PATIENCE).await),
        ApiKey::ElectLeaders => {
            let partitions = vec![TopicPartition::new("orders", 0), TopicPartition::new("orders", 2)];
            drop(cluster.elect_leaders(Election::Preferred, Some(partitions), PATIENCE).await);
        }
        ApiKey::DescribeQuorum => drop(cluster.describe_quorum(PATIENCE).await),
        ApiKey::ListPartitionReassignments => drop(cluster.list_reassignments(PATIENCE).await),
        ApiKey::DescribeCluster => drop(cluster.describe_cluster(PATIENCE).await),
        ApiKey::DescribeTopicPartitions => drop(cluster.describe_topics(topic(), PATIENCE).await),
        ApiKey::ApiVersions => drop(cluster.features(PATIENCE).await),
        other => unreachable!("{other:?} is not called by this library"),
    }
}

/// The first request of this API and version that our client sends, without its length.
async fn recorded(api: ApiKey, version: i16) -> Option<Vec<u8>> {
    let key = api as i16;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let broker = FakeBroker::start(move |asked, address| {
        if asked.api == key && asked.version == version {
            drop(sender.send(asked.frame.to_vec()));
        }
        match asked.api {
            // The version question itself is recorded as the connection's first request.
            API_VERSIONS => versions(asked, Some((key, version))),
            _ if asked.api == key => Action::Close,
            METADATA => metadata(asked, address),
            22 => answer(asked, &InitProducerIdResponse::default().with_producer_id(ProducerId(7))),
            _ => Action::Close,
        }
    })
    .await;
    provoke(api, &broker).await;
    receiver.try_recv().ok()
}

#[tokio::test]
async fn every_request_is_written_as_kafkas_own_classes_write_it() {
    let Some(libs) = std::env::var_os("KLAMM_KAFKA_LIBS") else {
        eprintln!("skipped: KLAMM_KAFKA_LIBS names no folder with Kafka's jars");
        return;
    };
    let mut vectors = String::new();
    let mut covered: BTreeMap<i16, BTreeSet<i16>> = BTreeMap::new();
    for api in APIS {
        for version in 0..=20 {
            if let Some(frame) = recorded(api, version).await {
                covered.entry(api as i16).or_default().insert(version);
                for byte in frame {
                    write!(vectors, "{byte:02x}").expect("to memory");
                }
                vectors.push('\n');
            }
        }
    }
    assert_eq!(covered.len(), APIS.len(), "an API was never asked: {covered:?}");
    let count = covered.values().map(BTreeSet::len).sum::<usize>();

    let folder = tempfile::tempdir().expect("a folder");
    let vectors_file = folder.path().join("vectors");
    std::fs::write(&vectors_file, vectors).expect("written");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/against_fake/Reencode.java");
    let class_path = format!("{}/*:{}", libs.to_string_lossy(), folder.path().display());
    run(Command::new("javac").args(["-cp", &class_path, "-d"]).arg(folder.path()).arg(source));
    let output = run(Command::new("java").args(["-cp", &class_path, "Reencode"]).arg(vectors_file));
    eprintln!("{covered:?}\n{output}");
    assert!(output.contains(&format!("identical {count} different 0")), "{output}");
    // As of kafka-protocol 0.18: fewer would mean that versions are no longer provoked.
    assert!(count >= 40, "only {count} encodings were compared");
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("a JDK on the path");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}
