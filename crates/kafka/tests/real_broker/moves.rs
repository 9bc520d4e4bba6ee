//! A reassignment that cannot finish: to a broker that registers and is never heard of again.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::broker_registration_request::{Feature, Listener};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, BrokerRegistrationRequest, RequestHeader, ResponseHeader,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use klamm_kafka::{Address, Endpoint, Reassignment, TopicPartition};

use crate::real_kafka::{CLUSTER_ID, PATIENCE, RealKafka, until};

pub(crate) async fn a_reassignment_is_listed_until_it_is_called_off(kafka: &RealKafka) {
    let brokers = kafka.cluster(Endpoint::Brokers);
    let controllers = kafka.cluster(Endpoint::Controllers);
    for cluster in [&brokers, &controllers] {
        assert_eq!(cluster.list_reassignments(PATIENCE).await.expect("an answer"), []);
    }
    let controller = kafka.address(Endpoint::Controllers);
    register_a_ghost(&controller, brokers.features(PATIENCE).await.expect("features"));
    move_orders(&controller, Some(vec![BrokerId(2), BrokerId(1)]));
    let listed = Reassignment {
        place: TopicPartition::new("orders", 2),
        replicas: vec![2, 1],
        adding: vec![2],
        removing: Vec::new(),
    };
    for cluster in [&brokers, &controllers] {
        assert_eq!(
            cluster.list_reassignments(PATIENCE).await.expect("an answer"),
            std::slice::from_ref(&listed)
        );
    }
    move_orders(&controller, None);
    until("the reassignment is called off", || async {
        brokers.list_reassignments(PATIENCE).await.expect("an answer").is_empty().then_some(())
    })
    .await;
}

/// Broker 2: fenced, since it sends no heartbeat.
fn register_a_ghost(controller: &Address, features: klamm_kafka::Features) {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let features = features.supported.iter().map(|(name, levels)| {
        Feature::default()
            .with_name(text(name))
            .with_min_supported_version(levels.min)
            .with_max_supported_version(levels.max)
    });
    let listener = Listener::default().with_name(text("PLAIN")).with_host(text("127.0.0.1")).with_port(1);
    let registration = BrokerRegistrationRequest::default()
        .with_broker_id(BrokerId(2))
        .with_cluster_id(text(CLUSTER_ID))
        .with_listeners(vec![listener])
        .with_features(features.collect())
        .with_incarnation_id("7e6d1c5a-0000-4000-8000-000000000007".parse().expect("an id"))
        .with_log_dirs(vec!["7e6d1c5a-0000-4000-8000-000000000008".parse().expect("an id")])
        .with_previous_broker_epoch(-1);
    let answer = ask(controller, 4, &registration);
    assert_eq!(answer.error_code, 0, "{answer:?}");
}

/// Replicas for `orders-2`; none calls off what is under way.
fn move_orders(controller: &Address, replicas: Option<Vec<BrokerId>>) {
    let partition = ReassignablePartition::default().with_partition_index(2).with_replicas(replicas);
    let topic = ReassignableTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("orders")))
        .with_partitions(vec![partition]);
    let request =
        AlterPartitionReassignmentsRequest::default().with_timeout_ms(10_000).with_topics(vec![topic]);
    let answer = ask(controller, 0, &request);
    assert_eq!(answer.error_code, 0, "{answer:?}");
    assert_eq!(answer.responses[0].partitions[0].error_code, 0, "{answer:?}");
}

/// A request that this crate has no call for.
fn ask<R: Request + HeaderVersion>(address: &Address, version: i16, request: &R) -> R::Response {
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .encode(&mut frame, R::header_version(version))
        .expect("a header");
    request.encode(&mut frame, version).expect("a request of this version");
    let length = frame.len() as u32 - 4;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    let mut socket = TcpStream::connect((address.host.as_str(), address.port)).expect("listening");
    socket.set_read_timeout(Some(PATIENCE)).expect("a duration");
    socket.write_all(&frame).expect("taken");
    let mut length = [0; 4];
    socket.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut answer).expect("an answer");
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, R::Response::header_version(version)).expect("a header");
    R::Response::decode(&mut answer, version).expect("an answer of this version")
}
