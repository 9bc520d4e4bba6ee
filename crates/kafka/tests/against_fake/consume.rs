//! Consumers, against a broker whose topic grows and whose transactions fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataResponse,
    ProducerId, RequestHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use klamm_kafka::{Address, Consumer, ConsumerOptions, Isolation, StartAt, StopAt};

use crate::fake_broker::{API_VERSIONS, Action, Asked, FakeBroker, METADATA, answer, plain, versions};

const PATIENCE: Duration = Duration::from_secs(10);
const FETCH: i16 = 1;
const LIST_OFFSETS: i16 = 2;

fn orders() -> TopicName {
    TopicName(StrBytes::from_static_str("orders"))
}

/// The topic with `count` partitions, all led by the one broker.
fn partitioned(asked: &Asked, address: &Address, count: i32) -> Action {
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(1))
        .with_host(StrBytes::from_string(address.host.clone()))
        .with_port(address.port.into());
    let partitions = (0..count).map(|index| {
        MetadataResponsePartition::default().with_partition_index(index).with_leader_id(BrokerId(1))
    });
    let topic =
        MetadataResponseTopic::default().with_name(Some(orders())).with_partitions(partitions.collect());
    let response = MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic]);
    answer(asked, &response)
}

fn request<R: Decodable>(asked: &Asked) -> R {
    let mut frame = asked.frame.clone();
    RequestHeader::decode(&mut frame, 2).expect("a header");
    R::decode(&mut frame, asked.version).expect("a request")
}

/// The offset of the one partition asked for: by time and isolation level.
fn offsets(asked: &Asked, offset: impl Fn(i64, i8) -> i64) -> Action {
    let ListOffsetsRequest { topics, isolation_level, .. } = request(asked);
    let partitions = topics[0].partitions.iter().map(|partition| {
        ListOffsetsPartitionResponse::default()
            .with_partition_index(partition.partition_index)
            .with_offset(offset(partition.timestamp, isolation_level))
    });
    let topic = ListOffsetsTopicResponse::default().with_name(orders()).with_partitions(partitions.collect());
    answer(asked, &ListOffsetsResponse::default().with_topics(vec![topic]))
}

/// The same for every partition asked for.
fn fetched(asked: &Asked, data: impl Fn(&FetchRequest, i32, i64) -> PartitionData) -> Action {
    let request: FetchRequest = request(asked);
    let partitions = request.topics[0].partitions.iter().map(|partition| {
        data(&request, partition.partition, partition.fetch_offset).with_partition_index(partition.partition)
    });
    let topic = FetchableTopicResponse::default().with_topic(orders()).with_partitions(partitions.collect());
    answer(asked, &FetchResponse::default().with_responses(vec![topic]))
}

/// One batch of one record, by a producer within a transaction.
fn batch(offset: i64, producer_id: i64, value: &'static str) -> Bytes {
    let record = Record {
        transactional: true,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id,
        producer_epoch: 0,
        sequence: 0,
        timestamp_type: TimestampType::Creation,
        offset,
        timestamp: 0,
        key: None,
        value: Some(value.into()),
        headers: [].into_iter().collect(),
    };
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, [&record], &options).expect("encodable");
    bytes.freeze()
}

#[tokio::test]
async fn aborted_and_open_transactions_are_hidden_from_whoever_wants_committed_records_only() {
    let broker = FakeBroker::start(|asked, address| match asked.api {
        API_VERSIONS => versions(asked, None),
        METADATA => partitioned(asked, address, 1),
        // The newest record is at 2; it belongs to an open transaction.
        LIST_OFFSETS => offsets(asked, |time, isolation| match (time, isolation) {
            (-2, _) => 0,
            (_, 1) => 2,
            _ => 3,
        }),
        FETCH => fetched(asked, |request, _, _| {
            let mut log = [batch(0, 7, "aborted"), batch(1, 8, "committed")].concat();
            let aborted = AbortedTransaction::default().with_producer_id(ProducerId(7)).with_first_offset(0);
            if request.isolation_level == 0 {
                log.extend(batch(2, 9, "open"));
            }
            let told = (request.isolation_level == 1).then(|| vec![aborted]);
            PartitionData::default().with_records(Some(log.into())).with_aborted_transactions(told)
        }),
        _ => Action::Close,
    })
    .await;
    for (isolation, expected) in [
        (Isolation::ReadCommitted, vec!["committed"]),
        (Isolation::ReadUncommitted, vec!["aborted", "committed", "open"]),
    ] {
        let options = ConsumerOptions { isolation, ..ConsumerOptions::default() };
        let range = (StartAt::Earliest, StopAt::HighWatermark);
        let consumer = Consumer::open(&broker.cluster(plain()), "orders", range, options, PATIENCE).await;
        let reading = consumer.expect("opened").into_stream().try_collect();
        let read: Vec<_> = tokio::time::timeout(PATIENCE, reading).await.expect("an end").expect("read");
        let values: Vec<Bytes> = read.into_iter().filter_map(|record| record.value).collect();
        assert_eq!(values, expected);
    }
}

#[tokio::test]
async fn a_partition_added_to_the_topic_is_read_from_its_beginning() {
    let looks = AtomicUsize::new(0);
    let broker = FakeBroker::start(move |asked, address| match asked.api {
        API_VERSIONS => versions(asked, None),
        METADATA => {
            partitioned(asked, address, if looks.fetch_add(1, Ordering::Relaxed) < 4 { 1 } else { 2 })
        }
        LIST_OFFSETS => offsets(asked, |_, _| 40),
        FETCH => fetched(asked, |_, partition, position| {
            let records = match (partition, position) {
                (1, 0) => batch(0, 7, "first"),
                (_, _) => Bytes::new(),
            };
            PartitionData::default().with_records(Some(records))
        }),
        _ => Action::Close,
    })
    .await;
    let options = ConsumerOptions { metadata_age: Duration::from_millis(5), ..ConsumerOptions::default() };
    let range = (StartAt::Latest, StopAt::Never);
    let consumer = Consumer::open(&broker.cluster(plain()), "orders", range, options, PATIENCE).await;
    let mut consumer = consumer.expect("opened");
    let record = tokio::time::timeout(PATIENCE, consumer.next()).await.expect("in time").expect("read");
    let record = record.expect("never ends");
    assert_eq!((record.partition, record.offset), (1, 0));
    assert_eq!(consumer.positions().into_iter().collect::<Vec<_>>(), [(0, 40), (1, 1)]);
}
