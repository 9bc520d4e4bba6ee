//! Connections, negotiation and repeated attempts, against a broker that misbehaves on demand.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::fake_broker::{
    API_VERSIONS, Action, FakeBroker, METADATA, answer, metadata, plain, unsupported_version, versions,
};
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use kafka_protocol::messages::{
    BrokerId, CreateAclsResponse, DescribeClusterResponse, DescribeQuorumResponse, InitProducerIdResponse,
    ListPartitionReassignmentsResponse, ProduceResponse, ProducerId, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use klamm_kafka::{
    Address, Cluster, ConnectError, ConnectOptions, Connection, Endpoint, ErrorCode, FrameError, NewTopic,
    OperationError, Producer, ProducerOptions, Reassignment, Record, RequestError, TopicPartition,
    TopicSelection,
};

const PATIENCE: Duration = Duration::from_secs(10);
const DESCRIBE_CLUSTER: i16 = 60;
const DESCRIBE_QUORUM: i16 = 55;
const CREATE_TOPICS: i16 = 19;
const CREATE_ACLS: i16 = 30;
const PRODUCE: i16 = 0;

fn request_error(failure: OperationError) -> RequestError {
    let OperationError::Request(failure) = failure else { unreachable!("{failure:?}") };
    failure
}

#[tokio::test]
async fn the_newest_version_that_both_know_is_spoken() {
    let broker = FakeBroker::start(|asked, address| match asked.api {
        API_VERSIONS => versions(asked, Some((METADATA, 10))),
        _ => metadata(asked, address),
    })
    .await;
    let topics = broker.cluster(plain()).list_topics(PATIENCE).await.expect("an answer");
    assert_eq!(topics[0].name, "orders");
    assert_eq!(topics[0].partitions[0].leader, Some(1));
    assert_eq!(broker.asked()[0].version, 10);
}

#[tokio::test]
async fn a_listener_that_does_not_know_our_version_question_is_asked_in_its_own() {
    let broker = FakeBroker::start(|asked, address| match (asked.api, asked.version) {
        (API_VERSIONS, 4) => unsupported_version(asked, 3),
        (API_VERSIONS, _) => versions(asked, None),
        _ => metadata(asked, address),
    })
    .await;
    let topics = broker.cluster(plain()).list_topics(PATIENCE).await.expect("an answer");
    assert_eq!(topics.len(), 1);
}

#[tokio::test]
async fn an_api_without_common_version_is_named_with_the_versions_wanted() {
    let broker = FakeBroker::start(|asked, _| versions(asked, Some((METADATA, 4)))).await;
    let failure = broker.cluster(plain()).list_topics(PATIENCE).await.expect_err("no version");
    assert_eq!(
        failure.to_string(),
        format!("{} does not serve Metadata in a version between 9 and 13", broker.address)
    );
    assert!(!failure.is_retriable());
}

#[tokio::test]
async fn an_oversize_frame_is_refused_before_it_is_read() {
    let broker = FakeBroker::start(|asked, _| match asked.api {
        API_VERSIONS => versions(asked, None),
        _ => Action::Raw(vec![0x7f, 0xff, 0xff, 0xff, 1, 2, 3]),
    })
    .await;
    let options = ConnectOptions { max_frame: 1 << 20, ..plain() };
    let failure = request_error(broker.cluster(options).list_topics(PATIENCE).await.expect_err("too large"));
    let RequestError::Lost { source: Some(reason), .. } = failure else { panic!("{failure:?}") };
    assert!(matches!(*reason, FrameError::TooLarge { limit, .. } if limit == 1 << 20), "{reason}");
}

#[tokio::test]
async fn an_answer_to_another_request_ends_the_connection() {
    let broker = FakeBroker::start(|asked, _| match asked.api {
        API_VERSIONS => versions(asked, None),
        _ => Action::Raw([[0, 0, 0, 4], [0, 0, 0x27, 0x0f]].concat()),
    })
    .await;
    let failure = request_error(broker.cluster(plain()).list_topics(PATIENCE).await.expect_err("wrong id"));
    let reason = failure.source().expect("the reason").to_string();
    assert_eq!(reason, "an answer to request 1 was due, but it names 9999");
}

#[tokio::test]
async fn a_hostile_array_length_is_an_error_not_an_abort() {
    let broker = FakeBroker::start(|asked, _| match asked.api {
        API_VERSIONS => versions(asked, None),
        _ => {
            let mut bytes = asked.correlation.to_be_bytes().to_vec();
            bytes.extend([0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x07]);
            Action::Answer(bytes.into())
        }
    })
    .await;
    let failure = request_error(broker.cluster(plain()).list_topics(PATIENCE).await.expect_err("hostile"));
    assert!(matches!(failure, RequestError::Decode { .. }), "{failure:?}");
}

#[tokio::test]
async fn a_silent_broker_is_given_up_after_the_request_time_out() {
    let broker = FakeBroker::start(|asked, _| match asked.api {
        API_VERSIONS => versions(asked, None),
        _ => Action::Silence,
    })
    .await;
    let options = ConnectOptions { request_timeout: Duration::from_millis(50), ..plain() };
    let begun = Instant::now();
    let failure =
        broker.cluster(options).list_topics(Duration::from_millis(300)).await.expect_err("nobody answers");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(failure.to_string(), "Metadata did not succeed within 300ms");
    let last = failure.source().expect("the last attempt").to_string();
    assert_eq!(last, format!("{} did not answer Metadata within 50ms", broker.address));
    assert!(broker.asked().len() > 1, "a time-out is worth another attempt");
}

#[tokio::test]
async fn a_listener_that_accepts_and_says_nothing_fails_the_connection() {
    let broker = FakeBroker::start(|_, _| Action::Silence).await;
    let options = ConnectOptions { request_timeout: Duration::from_millis(50), ..plain() };
    let failure = Connection::open(&broker.address, &options).await.expect_err("no versions");
    assert!(matches!(failure, ConnectError::Negotiate { .. }) && failure.is_retriable(), "{failure:?}");
}

#[tokio::test]
async fn an_abandoned_request_leaves_the_connection_usable() {
    let broker = FakeBroker::start(|asked, address| match asked.api {
        API_VERSIONS => versions(asked, None),
        _ => metadata(asked, address),
    })
    .await;
    let cluster = broker.cluster(plain());
    cluster.list_topics(PATIENCE).await.expect("an answer");
    for _ in 0..20 {
        // Polled once, then dropped: the answer comes all the same and must not be taken for another's.
        let request = cluster.list_topics(PATIENCE);
        tokio::select! {
            biased;
            _ = request => {}
            () = std::future::ready(()) => {}
        }
    }
    assert_eq!(cluster.list_topics(PATIENCE).await.expect("an answer").len(), 1);
}

#[tokio::test]
async fn pipelined_requests_each_get_their_own_answer() {
    let broker = FakeBroker::start(|asked, address| match asked.api {
        API_VERSIONS => versions(asked, None),
        METADATA => metadata(asked, address),
        _ => {
            answer(asked, &DescribeClusterResponse::default().with_cluster_id(StrBytes::from_static_str("c")))
        }
    })
    .await;
    let cluster = broker.cluster(plain());
    let both = (0..50).map(|_| {
        let cluster = cluster.clone();
        async move { (cluster.list_topics(PATIENCE).await, cluster.describe_cluster(PATIENCE).await) }
    });
    for (topics, description) in futures_util::future::join_all(both).await {
        assert_eq!(topics.expect("topics").len(), 1);
        assert_eq!(description.expect("a description").cluster_id, "c");
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_unless_that_could_do_harm() {
    let failures = AtomicUsize::new(0);
    let broker = FakeBroker::start(move |asked, address| match asked.api {
        API_VERSIONS => versions(asked, None),
        METADATA if failures.fetch_add(1, Ordering::Relaxed) > 0 => metadata(asked, address),
        _ => Action::Close,
    })
    .await;
    let cluster = broker.cluster(plain());
    assert_eq!(cluster.list_topics(PATIENCE).await.expect("the second attempt").len(), 1);

    let topic = NewTopic { name: "orders".into(), ..NewTopic::default() };
    let failure = cluster.create_topics(vec![topic], false, PATIENCE).await.expect_err("the answer was lost");
    assert!(request_error(failure).may_have_happened());
    assert_eq!(broker.asked().iter().filter(|asked| asked.api == CREATE_TOPICS).count(), 1);
}

#[tokio::test]
async fn calls_for_the_controller_follow_it_when_it_moves() {
    let describe = |leader: i32, addresses: Vec<Address>| {
        let nodes = (1..).zip(addresses).map(|(id, address)| {
            DescribeClusterBroker::default()
                .with_broker_id(BrokerId(id))
                .with_host(StrBytes::from_string(address.host))
                .with_port(address.port.into())
        });
        DescribeClusterResponse::default()
            .with_controller_id(BrokerId(leader))
            .with_brokers(nodes.collect())
            .with_endpoint_type(2)
    };
    let active = FakeBroker::start(|asked, _| match asked.api {
        API_VERSIONS => versions(asked, None),
        _ => answer(asked, &CreateAclsResponse::default()),
    })
    .await;
    let lookups = AtomicUsize::new(0);
    let other = active.address.clone();
    let standby = FakeBroker::start(move |asked, own| match asked.api {
        API_VERSIONS => versions(asked, None),
        DESCRIBE_CLUSTER => {
            // At first it still takes itself for the controller.
            let leader = if lookups.fetch_add(1, Ordering::Relaxed) == 0 { 1 } else { 2 };
            answer(asked, &describe(leader, vec![own.clone(), other.clone()]))
        }
        DESCRIBE_QUORUM => answer(asked, &DescribeQuorumResponse::default().with_error_code(41)),
        _ => Action::Close,
    })
    .await;
    let cluster = Cluster::new(vec![standby.address.clone()], Endpoint::Controllers, plain());
    let failure =
        cluster.describe_quorum(Duration::from_millis(500)).await.expect_err("not answered by the fake");
    assert!(failure.source().is_some() || failure.refusal().is_some(), "{failure:?}");
    assert_eq!(standby.asked().iter().filter(|asked| asked.api == DESCRIBE_QUORUM).count(), 1);
    assert!(cluster.create_acls(Vec::new(), PATIENCE).await.expect("the active one answers").is_empty());
    assert!(active.asked().iter().any(|asked| asked.api == CREATE_ACLS));
}

#[tokio::test]
async fn reassignments_are_listed_by_partition_and_a_refusal_is_told() {
    let refusals = AtomicUsize::new(0);
    let broker = FakeBroker::start(move |asked, _| match asked.api {
        API_VERSIONS => versions(asked, None),
        // Asked at the wrong moment at first, and refused for good at last.
        _ => match refusals.fetch_add(1, Ordering::Relaxed) {
            0 => answer(asked, &ListPartitionReassignmentsResponse::default().with_error_code(41)),
            1 => {
                let partition = |index| {
                    OngoingPartitionReassignment::default()
                        .with_partition_index(index)
                        .with_replicas(vec![BrokerId(1), BrokerId(2), BrokerId(3)])
                        .with_adding_replicas(vec![BrokerId(3)])
                        .with_removing_replicas(vec![BrokerId(1)])
                };
                let topic = OngoingTopicReassignment::default()
                    .with_name(TopicName(StrBytes::from_static_str("orders")))
                    .with_partitions(vec![partition(5), partition(2)]);
                answer(asked, &ListPartitionReassignmentsResponse::default().with_topics(vec![topic]))
            }
            _ => answer(asked, &ListPartitionReassignmentsResponse::default().with_error_code(31)),
        },
    })
    .await;
    let cluster = broker.cluster(plain());
    let listed = cluster.list_reassignments(PATIENCE).await.expect("the second attempt");
    let moving = |partition| Reassignment {
        place: TopicPartition::new("orders", partition),
        replicas: vec![1, 2, 3],
        adding: vec![3],
        removing: vec![1],
    };
    assert_eq!(listed, [moving(2), moving(5)]);
    let failure = cluster.list_reassignments(PATIENCE).await.expect_err("not allowed");
    assert_eq!(failure.refusal().map(|refusal| refusal.code), Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
}

#[tokio::test]
async fn a_batch_whose_acknowledgement_was_lost_is_repeated_byte_for_byte() {
    let attempts = AtomicUsize::new(0);
    let broker = FakeBroker::start(move |asked, address| match asked.api {
        API_VERSIONS => versions(asked, None),
        METADATA => metadata(asked, address),
        PRODUCE if attempts.fetch_add(1, Ordering::Relaxed) == 0 => Action::Close,
        PRODUCE => {
            use kafka_protocol::messages::produce_response::{
                PartitionProduceResponse, TopicProduceResponse,
            };
            let partition = PartitionProduceResponse::default().with_index(0).with_base_offset(41);
            let topic = TopicProduceResponse::default().with_partition_responses(vec![partition]);
            answer(asked, &ProduceResponse::default().with_responses(vec![topic]))
        }
        _ => answer(asked, &InitProducerIdResponse::default().with_producer_id(ProducerId(9))),
    })
    .await;
    let mut producer = Producer::new(&broker.cluster(plain()), ProducerOptions::default());
    let record = Record { value: Some("v".into()), ..Record::default() };
    let delivered =
        producer.send("orders", vec![record.clone(), record], PATIENCE).await.expect("the second attempt");
    assert_eq!(delivered.iter().map(|delivery| delivery.offset).collect::<Vec<_>>(), [Some(41), Some(42)]);
    let sent: Vec<_> = broker.asked().into_iter().filter(|asked| asked.api == PRODUCE).collect();
    assert_eq!(sent.len(), 2);
    // All but the correlation id and the time-out, which counts down: the batch is the frame's end.
    let batch = |frame: &[u8]| frame[frame.len() - 80..].to_vec();
    assert_eq!(batch(&sent[0].frame), batch(&sent[1].frame));
}

#[tokio::test]
async fn nobody_listening_is_worth_waiting_for_and_a_typed_failure_in_the_end() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        Address::new("127.0.0.1", listener.local_addr().expect("bound").port())
    };
    let cluster = Cluster::new(vec![gone.clone()], Endpoint::Brokers, plain());
    let failure = cluster
        .describe_topics(TopicSelection::one("orders"), Duration::from_millis(200))
        .await
        .expect_err("nobody listens");
    let last = failure.source().expect("the last attempt");
    assert_eq!(last.to_string(), format!("could not connect to {gone}"));
    assert_eq!(failure.refusal().map(|refusal| refusal.code), None::<ErrorCode>);
}

#[tokio::test]
async fn a_host_that_accepts_and_stays_silent_does_not_hold_up_the_others() {
    let silent = FakeBroker::start(|_, _| Action::Silence).await;
    let broker = FakeBroker::start(|asked, address| match asked.api {
        API_VERSIONS => versions(asked, None),
        _ => metadata(asked, address),
    })
    .await;
    let bootstrap = vec![silent.address.clone(), broker.address.clone()];
    let cluster = Cluster::new(bootstrap, Endpoint::Brokers, plain());
    let begun = Instant::now();
    assert_eq!(cluster.list_topics(PATIENCE).await.expect("the second answers").len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5));
}
