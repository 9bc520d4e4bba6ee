//! Batches against themselves, against the library's own reader and writer, and against damage.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kafka_protocol::records::{self as library, RecordBatchDecoder, RecordBatchEncoder};
use proptest::prelude::*;

use super::*;

fn any_record() -> impl Strategy<Value = PlainRecord> {
    let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from));
    let header = ("[a-z]{1,8}", bytes());
    (0..i64::from(u32::MAX), bytes(), bytes(), proptest::collection::vec(header, 0..3)).prop_map(
        |(timestamp, key, value, mut headers)| {
            headers.dedup_by(|a, b| a.0 == b.0);
            PlainRecord { timestamp, key, value, headers }
        },
    )
}

fn any_compression() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::None),
        Just(Compression::Gzip),
        Just(Compression::Snappy),
        Just(Compression::Lz4),
        Just(Compression::Zstd)
    ]
}

/// The library's own LZ4 is C and not built in; Kafka itself reads ours in the tests against a real node.
fn any_compression_of_the_library() -> impl Strategy<Value = Compression> {
    any_compression().prop_filter("the library has no lz4", |compression| *compression != Compression::Lz4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(
        records in proptest::collection::vec(any_record(), 1..30),
        compression in any_compression(),
    ) {
        let batch = encode(&records, Author::NOBODY, compression).expect("encodable");
        let stretch = decode(batch, Vec::new()).expect("decodable");
        prop_assert_eq!(stretch.next_offset, Some(records.len() as i64));
        for (index, (stored, record)) in stretch.records.iter().zip(&records).enumerate() {
            prop_assert_eq!(stored.offset, index as i64);
            prop_assert_eq!(&stored.record, record);
        }
        prop_assert_eq!(stretch.records.len(), records.len());
    }

    #[test]
    fn the_library_reads_what_we_write(
        records in proptest::collection::vec(any_record(), 1..10),
        compression in any_compression_of_the_library(),
    ) {
        let author = Author { producer_id: 7, epoch: 3, first_sequence: 40 };
        let mut batch = encode(&records, author, compression).expect("encodable");
        let read = RecordBatchDecoder::decode(&mut batch).expect("the library accepts it").records;
        prop_assert_eq!(read.len(), records.len());
        for (index, (theirs, ours)) in read.iter().zip(&records).enumerate() {
            prop_assert_eq!((theirs.producer_id, theirs.producer_epoch), (7, 3));
            prop_assert_eq!(theirs.sequence, 40 + index as i32);
            prop_assert_eq!(theirs.timestamp, ours.timestamp);
            prop_assert_eq!((&theirs.key, &theirs.value), (&ours.key, &ours.value));
        }
    }

    #[test]
    fn damage_is_an_error_never_a_panic(
        records in proptest::collection::vec(any_record(), 1..4),
        position in any::<proptest::sample::Index>(),
        flip in 1u8..,
    ) {
        let mut batch = encode(&records, Author::NOBODY, Compression::None).expect("encodable").to_vec();
        let position = position.index(batch.len());
        batch[position] ^= flip;
        let read = decode(batch.into(), Vec::new());
        // Base offset, length and leader epoch are outside the checksum; all else is caught.
        prop_assert!(position < CHECKSUMMED - 5 || read.is_err());
    }

    #[test]
    fn garbled_records_are_an_error_never_a_panic(garbage in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut bytes = Bytes::from(garbage);
        while read_record(&mut bytes, 0, 0).is_some() {}
    }
}

fn of_library(offset: i64, value: &'static str) -> library::Record {
    library::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 5,
        producer_id: 1,
        producer_epoch: 1,
        sequence: 0,
        timestamp_type: library::TimestampType::Creation,
        offset,
        timestamp: 99,
        key: None,
        value: Some(Bytes::from_static(value.as_bytes())),
        headers: [("h".to_owned().into(), None)].into_iter().collect(),
    }
}

fn by_library(record: &library::Record, compression: library::Compression) -> Bytes {
    let mut batch = BytesMut::new();
    let options = library::RecordEncodeOptions { version: 2, compression };
    RecordBatchEncoder::encode(&mut batch, [record], &options).expect("encodable");
    batch.freeze()
}

#[test]
fn the_librarys_batches_are_read() {
    let batch = by_library(&of_library(17, "value"), library::Compression::Zstd);
    let stretch = decode(batch, Vec::new()).expect("decodable");
    assert_eq!(stretch.next_offset, Some(18));
    let stored = &stretch.records[0];
    assert_eq!((stored.offset, stored.record.timestamp), (17, 99));
    assert_eq!(stored.record.headers, [("h".to_owned(), None)]);
}

/// What a producer does next in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Plain,
    Transactional,
    Commit,
    Abort,
}

fn any_log() -> impl Strategy<Value = Vec<(i64, Deed)>> {
    let deed = prop_oneof![
        1 => Just(Deed::Plain),
        4 => Just(Deed::Transactional),
        1 => Just(Deed::Commit),
        1 => Just(Deed::Abort)
    ];
    proptest::collection::vec((0..3i64, deed), 1..40)
}

fn batch_of(offset: i64, producer_id: i64, deed: Deed) -> Bytes {
    let control = matches!(deed, Deed::Commit | Deed::Abort);
    let record = library::Record {
        producer_id,
        control,
        transactional: deed != Deed::Plain,
        // A marker's key: its version, and what it says.
        key: control.then(|| Bytes::copy_from_slice(&[0, 0, 0, u8::from(deed == Deed::Commit)])),
        ..of_library(offset, "value")
    };
    by_library(&record, library::Compression::None)
}

proptest! {
    #[test]
    fn exactly_the_records_of_aborted_transactions_are_left_out(
        log in any_log(),
        from in any::<proptest::sample::Index>(),
    ) {
        let from = from.index(log.len());
        // What a broker knows: where each transaction began, and which were aborted how far.
        let mut open: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let (mut aborted, mut dropped) = (Vec::new(), BTreeSet::new());
        for (offset, (producer_id, deed)) in (0..).zip(&log) {
            match deed {
                Deed::Plain => {}
                Deed::Transactional => open.entry(*producer_id).or_default().push(offset),
                Deed::Commit => drop(open.remove(producer_id)),
                Deed::Abort => {
                    let records = open.remove(producer_id).unwrap_or_default();
                    // Ended before the fetch begins: the broker leaves it out of the list.
                    if let Some(first_offset) = records.first().filter(|_| offset >= from as i64) {
                        aborted.push(Aborted { producer_id: *producer_id, first_offset: *first_offset });
                    }
                    dropped.extend(records);
                }
            }
        }
        // The list's order is the order in which transactions ended, not that in which they began.
        let last_stable = open.values().flatten().min().map_or(log.len(), |offset| *offset as usize);
        let (mut fetched, mut expected) = (BytesMut::new(), Vec::new());
        for (offset, (producer_id, deed)) in log.iter().enumerate().take(last_stable).skip(from) {
            fetched.extend_from_slice(&batch_of(offset as i64, *producer_id, *deed));
            let kept = matches!(deed, Deed::Plain | Deed::Transactional);
            if kept && !dropped.contains(&(offset as i64)) {
                expected.push(offset as i64);
            }
        }
        let stretch = decode(fetched.freeze(), aborted).expect("decodable");
        let offsets: Vec<i64> = stretch.records.iter().map(|stored| stored.offset).collect();
        prop_assert_eq!(offsets, expected);
        prop_assert_eq!(stretch.next_offset, (from < last_stable).then_some(last_stable as i64));
    }
}

#[test]
fn without_a_list_only_markers_are_left_out() {
    let log = [Deed::Transactional, Deed::Abort, Deed::Plain, Deed::Transactional, Deed::Commit];
    let mut batches = BytesMut::new();
    for (offset, deed) in (0..).zip(log) {
        batches.extend_from_slice(&batch_of(offset, 1, deed));
    }
    let stretch = decode(batches.freeze(), Vec::new()).expect("decodable");
    assert_eq!(stretch.records.iter().map(|stored| stored.offset).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(stretch.next_offset, Some(5));
}

#[test]
fn a_batch_cut_short_is_left_for_the_next_fetch() {
    let record = PlainRecord { value: Some(Bytes::from_static(b"value")), ..PlainRecord::default() };
    let whole = encode(std::slice::from_ref(&record), Author::NOBODY, Compression::None).expect("encodable");
    let mut two = whole.to_vec();
    two.extend(&whole[..whole.len() - 1]);
    assert_eq!(decode(two.into(), Vec::new()).expect("decodable").records.len(), 1);
}

#[test]
fn a_claim_of_two_thousand_million_headers_reserves_nothing() {
    let mut body = BytesMut::new();
    body.put_i8(0);
    for value in [0, 0, -1, -1, i64::from(i32::MAX)] {
        put_varint(&mut body, value);
    }
    let mut record = BytesMut::new();
    put_varint(&mut record, body.len() as i64);
    record.extend_from_slice(&body);
    assert!(read_record(&mut record.freeze(), 0, 0).is_none());
}

#[test]
fn the_size_bound_is_never_below_the_size() {
    let record = PlainRecord {
        timestamp: i64::MAX / 2,
        key: Some(Bytes::from(vec![1; 5_000])),
        value: Some(Bytes::from(vec![2; 70_000])),
        headers: vec![("name".into(), Some(Bytes::from(vec![3; 300])))],
    };
    let one = encode(std::slice::from_ref(&record), Author::NOBODY, Compression::None).expect("encodable");
    assert!(HEADER + size_bound(&record) >= one.len());
}
