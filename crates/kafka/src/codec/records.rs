//! Record batches (format 2), written and read here because the library's reader reserves memory for
//! whatever header count a record claims, and records are written by any client of a topic.

mod aborted;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::CodecError;
use super::compression::Compression;
use aborted::AbortedNow;

pub(crate) use aborted::Aborted;

/// Bytes of a batch before its records.
const HEADER: usize = 61;
/// Bytes before those that the batch's length field counts.
const BEFORE_LENGTH: usize = 12;
/// Where the checksummed part starts.
const CHECKSUMMED: usize = 21;
const FORMAT: i8 = 2;
const CONTROL: i16 = 1 << 5;
const TRANSACTIONAL: i16 = 1 << 4;
const LOG_APPEND_TIME: i16 = 1 << 3;
const COMPRESSION: i16 = 0x7;

/// A record as it goes into a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PlainRecord {
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<(String, Option<Bytes>)>,
}

/// Who writes a batch: what lets a broker drop a batch it has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    pub(crate) first_sequence: i32,
}

impl Author {
    /// A batch that a broker cannot tell from its copy.
    pub(crate) const NOBODY: Self = Self { producer_id: -1, epoch: -1, first_sequence: -1 };
}

/// A batch of at least one record.
pub(crate) fn encode(
    records: &[PlainRecord],
    author: Author,
    compression: Compression,
) -> Result<Bytes, CodecError> {
    let first_timestamp = records.first().map_or(-1, |record| record.timestamp);
    let max_timestamp = records.iter().map(|record| record.timestamp).max().unwrap_or(-1);
    let count = i32::try_from(records.len()).map_err(CodecError::new)?;
    let mut plain = BytesMut::new();
    for (delta, record) in (0..).zip(records) {
        put_record(&mut plain, record, record.timestamp.wrapping_sub(first_timestamp), delta);
    }
    let body = compression.fold(&plain)?;

    let mut batch = BytesMut::with_capacity(HEADER + body.len());
    batch.put_i64(0); // the broker sets the base offset
    batch.put_i32(i32::try_from(HEADER - BEFORE_LENGTH + body.len()).map_err(CodecError::new)?);
    batch.put_i32(-1); // and the leader epoch
    batch.put_i8(FORMAT);
    batch.put_u32(0); // checksum, below
    batch.put_i16(compression.code());
    batch.put_i32(count - 1);
    batch.put_i64(first_timestamp);
    batch.put_i64(max_timestamp);
    batch.put_i64(author.producer_id);
    batch.put_i16(author.epoch);
    batch.put_i32(author.first_sequence);
    batch.put_i32(count);
    batch.extend_from_slice(&body);
    let checksum = crc32c::crc32c(&batch[CHECKSUMMED..]);
    batch[CHECKSUMMED - 4..CHECKSUMMED].copy_from_slice(&checksum.to_be_bytes());
    Ok(batch.freeze())
}

/// The most a record can take up in a batch, beside its key, value and headers.
const RECORD_OVERHEAD: usize = 36;

/// An upper bound of what `record` adds to an uncompressed batch.
pub(crate) fn size_bound(record: &PlainRecord) -> usize {
    let part = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let headers: usize = record.headers.iter().map(|(name, value)| 10 + name.len() + part(value)).sum();
    RECORD_OVERHEAD + part(&record.key) + part(&record.value) + headers
}

/// A record as it came out of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRecord {
    pub(crate) offset: i64,
    pub(crate) record: PlainRecord,
}

/// What a fetched stretch of a partition holds.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// Records in order; markers of transactions and what was aborted are left out.
    pub(crate) records: Vec<StoredRecord>,
    /// The offset after the last whole batch; nothing when there was none.
    pub(crate) next_offset: Option<i64>,
}

/// Reads every whole batch; the last one may be cut short by the fetch's limit and is then left out. So are
/// records of the `aborted` transactions.
pub(crate) fn decode(mut batches: Bytes, aborted: Vec<Aborted>) -> Result<Stretch, CodecError> {
    let mut stretch = Stretch::default();
    let mut aborted = AbortedNow::new(aborted);
    while batches.len() >= HEADER {
        let length = (&batches[8..]).get_i32();
        let whole = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_add(BEFORE_LENGTH))
            .filter(|whole| *whole >= HEADER)
            .ok_or_else(|| CodecError::new(format_args!("a batch claims a length of {length}")))?;
        if whole > batches.len() {
            break;
        }
        read_batch(batches.split_to(whole), &mut aborted, &mut stretch)?;
    }
    Ok(stretch)
}

fn read_batch(mut batch: Bytes, aborted: &mut AbortedNow, stretch: &mut Stretch) -> Result<(), CodecError> {
    let base_offset = batch.get_i64();
    batch.advance(8); // length and leader epoch
    let format = batch.get_i8();
    if format != FORMAT {
        return Err(CodecError::new(format_args!("batch at offset {base_offset} has format {format}")));
    }
    let checksum = batch.get_u32();
    if checksum != crc32c::crc32c(&batch) {
        return Err(CodecError::new(format_args!("batch at offset {base_offset} fails its checksum")));
    }
    let attributes = batch.get_i16();
    let last_delta = batch.get_i32();
    let base_timestamp = batch.get_i64();
    let max_timestamp = batch.get_i64();
    let producer_id = batch.get_i64();
    batch.advance(6); // epoch and sequence
    let count = batch.get_i32();
    let last_offset = base_offset + i64::from(last_delta);
    stretch.next_offset = Some(last_offset + 1);
    aborted.advance(last_offset);
    if attributes & CONTROL != 0 {
        aborted.end(producer_id);
        return Ok(());
    }
    if attributes & TRANSACTIONAL != 0 && aborted.covers(producer_id) {
        return Ok(());
    }
    let mut plain = Compression::from_code(attributes & COMPRESSION)?.unfold(batch)?;
    for _ in 0..count {
        let mut stored = read_record(&mut plain, base_offset, base_timestamp)
            .ok_or_else(|| CodecError::new(format_args!("a record after offset {base_offset} is garbled")))?;
        if attributes & LOG_APPEND_TIME != 0 {
            stored.record.timestamp = max_timestamp;
        }
        stretch.records.push(stored);
    }
    Ok(())
}

fn read_record(batch: &mut Bytes, base_offset: i64, base_timestamp: i64) -> Option<StoredRecord> {
    let size = usize::try_from(varint(batch)?).ok()?;
    let mut rest = take(batch, size)?;
    take(&mut rest, 1)?; // attributes: none are defined
    let timestamp = base_timestamp.wrapping_add(varint(&mut rest)?);
    let offset = base_offset.wrapping_add(varint(&mut rest)?);
    let key = nullable(&mut rest)?;
    let value = nullable(&mut rest)?;
    let mut headers = Vec::new();
    let count = usize::try_from(varint(&mut rest)?).ok()?;
    for _ in 0..count {
        let name = nullable(&mut rest)??;
        headers.push((String::from_utf8_lossy(&name).into_owned(), nullable(&mut rest)?));
    }
    Some(StoredRecord { offset, record: PlainRecord { timestamp, key, value, headers } })
}

fn nullable(bytes: &mut Bytes) -> Option<Option<Bytes>> {
    match varint(bytes)? {
        -1 => Some(None),
        length => Some(Some(take(bytes, usize::try_from(length).ok()?)?)),
    }
}

fn take(bytes: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

fn varint(bytes: &mut Bytes) -> Option<i64> {
    let mut value = 0u64;
    for group in 0..10 {
        let byte = bytes.try_get_u8().ok()?;
        value |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

fn put_record(batch: &mut BytesMut, record: &PlainRecord, timestamp_delta: i64, offset_delta: i64) {
    let mut body = BytesMut::new();
    body.put_i8(0);
    put_varint(&mut body, timestamp_delta);
    put_varint(&mut body, offset_delta);
    put_nullable(&mut body, record.key.as_deref());
    put_nullable(&mut body, record.value.as_deref());
    put_varint(&mut body, record.headers.len() as i64);
    for (name, value) in &record.headers {
        put_nullable(&mut body, Some(name.as_bytes()));
        put_nullable(&mut body, value.as_deref());
    }
    put_varint(batch, body.len() as i64);
    batch.extend_from_slice(&body);
}

fn put_nullable(out: &mut BytesMut, bytes: Option<&[u8]>) {
    put_varint(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn put_varint(out: &mut BytesMut, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.put_u8(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.put_u8(zigzag as u8);
}

#[cfg(test)]
mod tests;
