//! The codec's own rules: flexible versions only, hand-read fallback, every call encodable.

use super::calls::metadata::Metadata;
use super::calls::versions::ApiVersions;
use super::*;
use crate::admin::TopicSelection;

#[test]
fn only_versions_with_varint_lengths_are_spoken() {
    assert_eq!(own_versions::<Metadata>(), (3, 9, 13));
    assert_eq!(own_versions::<ApiVersions>(), (18, 3, 4));
}

#[test]
fn a_request_starts_with_its_length_key_version_id_and_client() {
    let call = Metadata { topics: TopicSelection::Named(Vec::new()) };
    let frame = encode(&call, 12, 7).expect("encodable");
    assert_eq!(frame[..4], (frame.len() as u32 - 4).to_be_bytes());
    assert_eq!(frame[4..14], [0, 3, 0, 12, 0, 0, 0, 7, 0, 5]);
    assert_eq!(&frame[14..19], b"klamm");
}

#[test]
fn the_oldest_layout_of_an_unsupported_version_is_read() {
    let frame = [0, 0, 0, 1, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3];
    let ranges = unsupported_api_versions(&frame).expect("code 35");
    assert_eq!(ranges, Ranges::from([(18, (0, 3))]));
    assert_eq!(unsupported_api_versions(&[0, 0, 0, 1, 0, 0]), None);
    assert_eq!(unsupported_api_versions(&[0, 0]), None);
}

#[test]
fn a_claimed_count_of_versions_reserves_nothing() {
    let frame = [0, 0, 0, 1, 0, 35, 0x7f, 0xff, 0xff, 0xff, 0, 18];
    assert_eq!(unsupported_api_versions(&frame), Some(Ranges::new()));
}
