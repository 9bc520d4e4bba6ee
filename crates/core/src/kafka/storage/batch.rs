//! Kafka's record batches, format 2: what snapshots and logs are made of
//! (`org.apache.kafka.common.record.DefaultRecordBatch` and `DefaultRecord`).

use bytes::BufMut as _;

/// Attribute bit of a batch that holds control records.
const CONTROL: i16 = 0x20;
/// Bytes that the length field counts before those of the CRC: leader epoch, format, CRC.
const BEFORE_CHECKED: usize = 4 + 1 + 4;

/// One record: the key is absent in metadata records and present in control records.
pub(super) struct Record {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Vec<u8>,
}

impl Record {
    /// A control record of Raft or of a snapshot; the key is a version, always 0, and the type.
    pub(super) fn control(kind: ControlKind, value: Vec<u8>) -> Self {
        let mut key = Vec::with_capacity(4);
        key.put_i16(0);
        key.put_i16(kind as i16);
        Self { key: Some(key), value }
    }
}

/// The types of control records that a new directory needs (`ControlRecordType`).
#[derive(Clone, Copy)]
pub(super) enum ControlKind {
    SnapshotHeader = 3,
    SnapshotFooter = 4,
    KRaftVersion = 5,
    KRaftVoters = 6,
}

/// Batches one after the other; offsets rise by one with each record.
pub(super) struct BatchWriter {
    bytes: Vec<u8>,
    next_offset: i64,
    timestamp_ms: i64,
}

impl BatchWriter {
    /// Begins at offset 0; each batch gets the same time stamp.
    pub(super) fn new(timestamp_ms: i64) -> Self {
        Self { bytes: Vec::new(), next_offset: 0, timestamp_ms }
    }

    /// A batch of control records.
    pub(super) fn control_batch(&mut self, records: &[Record]) {
        self.batch(CONTROL, records);
    }

    /// A batch of ordinary records.
    pub(super) fn data_batch(&mut self, records: &[Record]) {
        self.batch(0, records);
    }

    /// Everything written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn batch(&mut self, attributes: i16, records: &[Record]) {
        let count = i32::try_from(records.len()).expect("a new directory has a handful of records");
        let mut checked = Vec::new(); // what the CRC covers: from the attributes to the end
        checked.put_i16(attributes);
        checked.put_i32(count - 1); // last offset, relative to the first
        checked.put_i64(self.timestamp_ms);
        checked.put_i64(self.timestamp_ms);
        checked.put_i64(-1); // no producer id
        checked.put_i16(-1); // no producer epoch
        checked.put_i32(-1); // no sequence
        checked.put_i32(count);
        for (place, record) in (0..).zip(records) {
            put_record(&mut checked, place, record);
        }
        let length = BEFORE_CHECKED + checked.len();
        self.bytes.put_i64(self.next_offset);
        self.bytes.put_i32(i32::try_from(length).expect("a batch of a new directory is a few hundred bytes"));
        self.bytes.put_i32(0); // leader epoch
        self.bytes.put_u8(2); // format
        self.bytes.put_u32(crc32c::crc32c(&checked));
        self.bytes.extend_from_slice(&checked);
        self.next_offset += i64::from(count);
    }
}

fn put_record(out: &mut Vec<u8>, place: i32, record: &Record) {
    let mut body = vec![0]; // attributes
    put_varint(&mut body, 0); // time, relative to the batch
    put_varint(&mut body, place);
    match &record.key {
        Some(key) => put_sized(&mut body, key),
        None => put_varint(&mut body, -1),
    }
    put_sized(&mut body, &record.value);
    put_varint(&mut body, 0); // no headers
    put_sized(out, &body);
}

fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, i32::try_from(bytes.len()).expect("a record of a new directory is a few hundred bytes"));
    out.extend_from_slice(bytes);
}

/// A zigzag varint, as records use them.
fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_unsigned_varint(out, ((value << 1) ^ (value >> 31)).cast_unsigned());
}

/// A plain varint, as flexible messages use them.
pub(super) fn put_unsigned_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A compact length: one more than the number, so that 0 can mean null.
pub(super) fn put_compact_length(out: &mut Vec<u8>, length: usize) {
    put_unsigned_varint(
        out,
        u32::try_from(length + 1).expect("a record of a new directory is a few hundred bytes"),
    );
}

/// A compact string of a flexible message.
pub(super) fn put_compact_string(out: &mut Vec<u8>, text: &str) {
    put_compact_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// The end of a flexible structure that has no tagged fields.
pub(super) fn put_no_tagged_fields(out: &mut Vec<u8>) {
    put_unsigned_varint(out, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_those_of_the_kafka_protocol() {
        for (value, expected) in
            [(0, vec![0]), (-1, vec![1]), (63, vec![0x7e]), (64, vec![0x80, 1]), (157, vec![0xba, 2])]
        {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, expected, "{value}");
        }
        let mut out = Vec::new();
        put_varint(&mut out, i32::MIN);
        assert_eq!(out, [0xff, 0xff, 0xff, 0xff, 0x0f]);
    }
}
