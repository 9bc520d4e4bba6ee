//! klamm-kafka speaks Kafka's protocol: connections over tokio and rustls, administration, produce and
//! fetch.
//!
//! It is a library for Klamm's server and command line, for health checks and the canary: it must never
//! start a JVM, never read a file or the environment, and never decode an answer of unbounded length.
//! Certificates come from the resolver and verifier inside the given [`rustls::ClientConfig`], so that a
//! renewed one is used by the next connection.
//!
//! Start with [`Cluster`], which does everything administrative; [`Producer`] and [`Consumer`] are made
//! from one; [`probe`] looks at a listener's certificate. The generated messages are behind one private
//! module, `codec`.

mod address;
mod admin;
mod cluster;
mod codec;
mod connection;
mod consume;
mod deadline;
mod kafka_id;
mod probe;
mod produce;
mod refusal;
mod transport;

pub use address::{Address, AddressError};
pub use admin::{
    Acl, AclFilter, AclOperation, AclPermission, ClusterDescription, ConfigChange, ConfigEdit, ConfigEntry,
    ConfigOperation, ConfigResource, ConfigSource, ConfigSynonym, CreatedTopic, Election, FeatureLevels,
    Features, LogDir, LogDirReplica, NewTopic, NodeDescription, PartitionDescription, PatternType,
    QuorumDescription, QuorumListener, QuorumNode, QuorumReplica, Reassignment, ResourceType,
    TopicDescription, TopicPartition, TopicSelection,
};
pub use cluster::{Cluster, Endpoint, OperationError};
pub use codec::{CLIENT_ID, CodecError, Compression};
pub use connection::{ConnectOptions, Connection, FrameError, RequestError};
pub use consume::{
    ConsumeError, ConsumedRecord, Consumer, ConsumerOptions, Isolation, OffsetAt, StartAt, StopAt,
};
pub use deadline::Deadline;
pub use kafka_id::{KafkaId, KafkaIdError};
pub use probe::{HandshakeFacts, probe};
pub use produce::{Delivery, ProduceError, Producer, ProducerOptions, Record};
pub use refusal::{ErrorCode, Refusal};
pub use transport::{ConnectError, Transport};
