//! The LZ4 frame against one that Kafka's own class wrote; every codec against damage and lies.

use proptest::prelude::*;

use super::*;

/// What `Lz4BlockOutputStream` of kafka-clients 4.3.1 writes for the text below, flushed before its end: one
/// compressed block and one that is stored.
const BY_KAFKA: &[u8] =
    b"\x04\x22\x4d\x18\x60\x40\x82\x1b\x00\x00\x00\x6fklamm \x06\x00\x16\xf0\x00, said the toad\
                          \x03\x00\x00\x80xyz\x00\x00\x00\x00";
const TEXT: &[u8] = b"klamm klamm klamm klamm klamm klamm klamm klamm, said the toadxyz";
/// Magic, independent blocks, blocks of 64 KiB, checksum of the two.
const KAFKAS_HEADER: &[u8] = &[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];

fn any_folding() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::Gzip),
        Just(Compression::Snappy),
        Just(Compression::Lz4),
        Just(Compression::Zstd)
    ]
}

#[test]
fn the_lz4_frame_that_kafka_writes_is_read() {
    let plain = Compression::Lz4.unfold(Bytes::from_static(BY_KAFKA)).expect("readable");
    assert_eq!(plain, TEXT);
}

#[test]
fn the_lz4_frame_we_write_has_kafkas_header_and_end() {
    for plain in [TEXT.to_vec(), vec![7; 200_000]] {
        let folded = Compression::Lz4.fold(&plain).expect("foldable");
        assert_eq!(&folded[..KAFKAS_HEADER.len()], KAFKAS_HEADER);
        assert_eq!(folded[folded.len() - 4..], [0; 4]);
        assert_eq!(Compression::Lz4.unfold(folded.into()).expect("readable"), plain);
    }
}

#[test]
fn an_lz4_frame_with_a_wrong_header_checksum_is_refused() {
    let mut frame = BY_KAFKA.to_vec();
    frame[6] ^= 1;
    assert!(Compression::Lz4.unfold(frame.into()).is_err());
}

#[test]
fn no_codec_unfolds_a_batch_beyond_the_bound() {
    const BOUND: u64 = 1 << 20;
    let bound = vec![0; BOUND as usize];
    let beyond = vec![0; BOUND as usize + 1];
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let folded = compression.fold(&bound).expect("foldable");
        assert_eq!(compression.unfold_within(BOUND, folded.into()).expect("within"), bound);
        let folded = compression.fold(&beyond).expect("foldable");
        let refused = compression.unfold_within(BOUND, folded.into()).expect_err("too large");
        assert_eq!(refused.to_string(), "the batch unfolds to more than 1048576 bytes", "{compression:?}");
    }
}

proptest! {
    #[test]
    fn a_damaged_frame_is_never_a_panic(
        compression in any_folding(),
        plain in proptest::collection::vec(0u8..4, 0..300),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut folded = compression.fold(&plain).expect("foldable");
        for (place, byte) in damage {
            let place = place.index(folded.len());
            folded[place] = byte;
        }
        folded.truncate(cut.index(folded.len()) + 1);
        // Whatever it makes of it: it comes back, and with no more than a frame this small can say.
        if let Ok(plain) = compression.unfold(folded.into()) {
            prop_assert!(plain.len() < 1 << 20);
        }
    }

    #[test]
    fn linked_lz4_blocks_with_any_content_are_never_a_panic(
        garbage in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 1..8),
    ) {
        let info = FrameInfo::new().block_mode(BlockMode::Linked).block_size(BlockSize::Max64KB);
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(&[0]).expect("to memory");
        let mut frame = encoder.finish().expect("to memory");
        frame.truncate(KAFKAS_HEADER.len());
        for block in garbage {
            frame.extend((block.len() as u32).to_le_bytes());
            frame.extend(block);
        }
        drop(Compression::Lz4.unfold(frame.into()));
    }
}
