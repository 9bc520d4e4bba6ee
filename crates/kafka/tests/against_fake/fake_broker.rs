//! A broker made of the same codec: answers what a test tells it to, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{ApiVersionsResponse, BrokerId, MetadataResponse, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};
use klamm_kafka::{Address, Cluster, ConnectOptions, Endpoint, Transport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) api: i16,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    /// Without the length prefix.
    pub(crate) frame: Bytes,
}

/// What the broker does about a request.
pub(crate) enum Action {
    /// Sends these bytes, length prefix added.
    Answer(Bytes),
    /// Sends these bytes as they are.
    Raw(Vec<u8>),
    /// Never answers.
    Silence,
    /// Hangs up.
    Close,
}

pub(crate) struct FakeBroker {
    pub(crate) address: Address,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) const API_VERSIONS: i16 = 18;
pub(crate) const METADATA: i16 = 3;

impl FakeBroker {
    pub(crate) async fn start(act: impl Fn(&Asked, &Address) -> Action + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = Address::new("127.0.0.1", listener.local_addr().expect("bound").port());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (act, seen, own) = (Arc::new(act), Arc::clone(&asked), address.clone());
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (act, seen, own) = (Arc::clone(&act), Arc::clone(&seen), own.clone());
                tokio::spawn(async move { serve(socket, |asked| act(asked, &own), &seen).await });
            }
        });
        Self { address, asked, task }
    }

    /// What it was asked so far, version questions left out.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().expect("no test thread panicked with it");
        asked.iter().filter(|asked| asked.api != API_VERSIONS).cloned().collect()
    }

    pub(crate) fn cluster(&self, options: ConnectOptions) -> Cluster {
        Cluster::new(vec![self.address.clone()], Endpoint::Brokers, options)
    }
}

pub(crate) fn plain() -> ConnectOptions {
    ConnectOptions::new(Transport::Plain)
}

/// Serves one connection until either side has had enough.
pub(crate) async fn serve(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    act: impl Fn(&Asked) -> Action,
    seen: &Mutex<Vec<Asked>>,
) {
    while let Ok(length) = socket.read_u32().await {
        let mut frame = vec![0; length as usize];
        if socket.read_exact(&mut frame).await.is_err() {
            return;
        }
        let frame = Bytes::from(frame);
        let mut head = frame.clone();
        let asked =
            Asked { api: head.get_i16(), version: head.get_i16(), correlation: head.get_i32(), frame };
        seen.lock().expect("no test thread panicked with it").push(asked.clone());
        let bytes = match act(&asked) {
            Action::Answer(answer) => {
                let mut bytes = (answer.len() as u32).to_be_bytes().to_vec();
                bytes.extend(&answer);
                bytes
            }
            Action::Raw(bytes) => bytes,
            Action::Silence => continue,
            Action::Close => return,
        };
        if socket.write_all(&bytes).await.is_err() || socket.flush().await.is_err() {
            return;
        }
    }
}

/// A response to `asked`, header included.
pub(crate) fn answer<R: Encodable + HeaderVersion>(asked: &Asked, response: &R) -> Action {
    let mut bytes = BytesMut::new();
    ResponseHeader::default()
        .with_correlation_id(asked.correlation)
        .encode(&mut bytes, R::header_version(asked.version))
        .expect("a header");
    response.encode(&mut bytes, asked.version).expect("a response of this version");
    Action::Answer(bytes.freeze())
}

/// The versions of every API that exists, or exactly one version of one of them beside it.
pub(crate) fn versions(asked: &Asked, only: Option<(i16, i16)>) -> Action {
    let apis = (0..=100).map(|api| {
        let (min, max) = match only {
            Some((chosen, version)) if chosen == api => (version, version),
            _ => (0, 100),
        };
        ApiVersion::default().with_api_key(api).with_min_version(min).with_max_version(max)
    });
    answer(asked, &ApiVersionsResponse::default().with_api_keys(apis.collect()))
}

/// A refusal of the version asked, in the oldest layout.
pub(crate) fn unsupported_version(asked: &Asked, newest: i16) -> Action {
    let mut bytes = BytesMut::new();
    bytes.put_i32(asked.correlation);
    bytes.put_i16(35);
    bytes.put_i32(1);
    for number in [API_VERSIONS, 0, newest] {
        bytes.put_i16(number);
    }
    Action::Answer(bytes.freeze())
}

/// A cluster of one broker, number 1 at `address`, that leads the one partition of the topic `orders`.
pub(crate) fn metadata(asked: &Asked, address: &Address) -> Action {
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(1))
        .with_host(StrBytes::from_string(address.host.clone()))
        .with_port(address.port.into());
    let partition = MetadataResponsePartition::default()
        .with_leader_id(BrokerId(1))
        .with_replica_nodes(vec![BrokerId(1)])
        .with_isr_nodes(vec![BrokerId(1)]);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_static_str("orders"))))
        .with_partitions(vec![partition]);
    let response = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_controller_id(BrokerId(1))
        .with_topics(vec![topic]);
    answer(asked, &response)
}
