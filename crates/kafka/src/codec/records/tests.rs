//! Batches against themselves, against the library's own reader and writer, and against damage.

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
        let stretch = decode(batch).expect("decodable");
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
        let read = decode(batch.into());
        // Base offset, length and leader epoch are outside the checksum; all else is caught.
        prop_assert!(position < CHECKSUMMED - 5 || read.is_err());
    }

    #[test]
    fn garbled_records_are_an_error_never_a_panic(garbage in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut bytes = Bytes::from(garbage);
        while read_record(&mut bytes, 0, 0).is_some() {}
    }
}

#[test]
fn the_librarys_batches_are_read() {
    let record = library::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 5,
        producer_id: 1,
        producer_epoch: 1,
        sequence: 0,
        timestamp_type: library::TimestampType::Creation,
        offset: 17,
        timestamp: 99,
        key: None,
        value: Some(Bytes::from_static(b"value")),
        headers: [("h".to_owned().into(), None)].into_iter().collect(),
    };
    let mut batch = BytesMut::new();
    let options = library::RecordEncodeOptions { version: 2, compression: library::Compression::Zstd };
    RecordBatchEncoder::encode(&mut batch, [&record], &options).expect("encodable");
    let stretch = decode(batch.freeze()).expect("decodable");
    assert_eq!(stretch.next_offset, Some(18));
    let stored = &stretch.records[0];
    assert_eq!((stored.offset, stored.record.timestamp), (17, 99));
    assert_eq!(stored.record.headers, [("h".to_owned(), None)]);
}

#[test]
fn a_batch_cut_short_is_left_for_the_next_fetch() {
    let record = PlainRecord { value: Some(Bytes::from_static(b"value")), ..PlainRecord::default() };
    let whole = encode(std::slice::from_ref(&record), Author::NOBODY, Compression::None).expect("encodable");
    let mut two = whole.to_vec();
    two.extend(&whole[..whole.len() - 1]);
    assert_eq!(decode(two.into()).expect("decodable").records.len(), 1);
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
