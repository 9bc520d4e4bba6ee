//! The two snapshots of a new cluster: the finalised features, and the voters its quorum begins with.

use bytes::BufMut as _;

use super::batch::{
    BatchWriter, ControlKind, Record, put_compact_length, put_compact_string, put_no_tagged_fields,
    put_unsigned_varint,
};
use super::features::FeatureLevel;
use crate::model::{DirectoryId, NodeId};

/// The version of the quorum protocol with voters in the log; 0 would be a static quorum.
const DYNAMIC_QUORUM: i16 = 1;
/// `FeatureLevelRecord` among the metadata records (`MetadataRecordType`).
const FEATURE_LEVEL_RECORD: u32 = 12;
/// The version of the frame around each metadata record (`AbstractApiMessageSerde`).
const RECORD_FRAME: u32 = 1;

/// A controller of the first quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// Its node id.
    pub id: NodeId,
    /// The id of its metadata directory.
    pub directory_id: DirectoryId,
    /// Where the others reach it; Kafka uses the first of its own `controller.listener.names`.
    pub endpoints: Vec<VoterEndpoint>,
}

/// One address of a voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterEndpoint {
    /// The listener as Kafka writes it, in upper case.
    pub listener: String,
    /// A host name or an address; an IPv6 address without brackets.
    pub host: String,
    /// A TCP port.
    pub port: u16,
}

/// `bootstrap.checkpoint`: the features a new cluster finalises when its first controller becomes active, in the
/// order given (Kafka: `metadata.version`, then the others by name).
pub fn bootstrap_checkpoint(features: &[FeatureLevel], timestamp_ms: i64) -> Vec<u8> {
    let mut writer = BatchWriter::new(timestamp_ms);
    // Kafka's tool writes 0 here and the time in the other snapshot.
    writer.control_batch(&[Record::control(ControlKind::SnapshotHeader, snapshot_header(0))]);
    let records: Vec<Record> =
        features.iter().map(|feature| Record { key: None, value: feature_level(feature) }).collect();
    writer.data_batch(&records);
    writer.control_batch(&[Record::control(ControlKind::SnapshotFooter, snapshot_footer())]);
    writer.into_bytes()
}

/// [`super::INITIAL_QUORUM_CHECKPOINT`]: the same bytes belong on every controller of the new cluster.
pub fn initial_quorum_checkpoint(voters: &[Voter], timestamp_ms: i64) -> Vec<u8> {
    let mut writer = BatchWriter::new(timestamp_ms);
    writer.control_batch(&[
        Record::control(ControlKind::SnapshotHeader, snapshot_header(timestamp_ms)),
        Record::control(ControlKind::KRaftVersion, kraft_version()),
        Record::control(ControlKind::KRaftVoters, kraft_voters(voters)),
    ]);
    writer.control_batch(&[Record::control(ControlKind::SnapshotFooter, snapshot_footer())]);
    writer.into_bytes()
}

fn snapshot_header(last_contained_log_timestamp_ms: i64) -> Vec<u8> {
    let mut value = Vec::new();
    value.put_i16(0); // version
    value.put_i64(last_contained_log_timestamp_ms);
    put_no_tagged_fields(&mut value);
    value
}

fn snapshot_footer() -> Vec<u8> {
    let mut value = Vec::new();
    value.put_i16(0); // version
    put_no_tagged_fields(&mut value);
    value
}

fn kraft_version() -> Vec<u8> {
    let mut value = Vec::new();
    value.put_i16(0); // version
    value.put_i16(DYNAMIC_QUORUM);
    put_no_tagged_fields(&mut value);
    value
}

fn kraft_voters(voters: &[Voter]) -> Vec<u8> {
    let mut value = Vec::new();
    value.put_i16(0); // version
    put_compact_length(&mut value, voters.len());
    for Voter { id, directory_id, endpoints } in voters {
        value.put_u32(id.0);
        value.extend_from_slice(directory_id.as_bytes());
        put_compact_length(&mut value, endpoints.len());
        for VoterEndpoint { listener, host, port } in endpoints {
            put_compact_string(&mut value, listener);
            put_compact_string(&mut value, host);
            value.put_u16(*port);
            put_no_tagged_fields(&mut value);
        }
        // The range of kraft.version the voter supports: from static to dynamic.
        value.put_i16(0);
        value.put_i16(DYNAMIC_QUORUM);
        put_no_tagged_fields(&mut value); // of that range
        put_no_tagged_fields(&mut value); // of the voter
    }
    put_no_tagged_fields(&mut value);
    value
}

fn feature_level(feature: &FeatureLevel) -> Vec<u8> {
    let mut value = Vec::new();
    put_unsigned_varint(&mut value, RECORD_FRAME);
    put_unsigned_varint(&mut value, FEATURE_LEVEL_RECORD);
    put_unsigned_varint(&mut value, 0); // version of the record
    put_compact_string(&mut value, feature.name);
    value.put_i16(feature.level);
    put_no_tagged_fields(&mut value);
    value
}
