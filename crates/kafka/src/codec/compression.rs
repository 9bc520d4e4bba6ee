//! Compression of record batches, both ways, with a bound on what a batch may unfold to.

use std::io::{Read, Write};

use bytes::Bytes;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::CodecError;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// DEFLATE with a gzip frame.
    Gzip,
    /// Snappy in the framing of Java's library, which every Kafka client expects.
    Snappy,
    /// LZ4 in its frame format.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// No batch unfolds to more than this: sixteen times the largest request a broker takes by default
/// (`socket.request.max.bytes`, 100 MiB) would already be a hostile batch; one gigabyte is refused.
const MAX_UNFOLDED: u64 = 1 << 30;

/// What Java's library writes before the blocks: magic, version 1, compatible with version 1.
const SNAPPY_MAGIC: &[u8; 16] = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01";
const SNAPPY_BLOCK: usize = 32 * 1024;

impl Compression {
    /// The number in a batch's attributes.
    pub(super) fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    pub(super) fn from_code(code: i16) -> Result<Self, CodecError> {
        match code {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            other => Err(CodecError::new(format_args!("compression {other} is not known"))),
        }
    }

    pub(super) fn fold(self, plain: &[u8]) -> Result<Vec<u8>, CodecError> {
        match self {
            Self::None => Ok(plain.to_vec()),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(plain).and_then(|()| encoder.finish()).map_err(CodecError::new)
            }
            Self::Snappy => fold_snappy(plain),
            Self::Lz4 => fold_lz4(plain),
            Self::Zstd => zstd::stream::encode_all(plain, 0).map_err(CodecError::new),
        }
    }

    pub(super) fn unfold(self, folded: Bytes) -> Result<Bytes, CodecError> {
        self.unfold_within(MAX_UNFOLDED, folded)
    }

    fn unfold_within(self, bound: u64, folded: Bytes) -> Result<Bytes, CodecError> {
        match self {
            Self::None => Ok(folded),
            Self::Gzip => read_within(bound, flate2::read::MultiGzDecoder::new(&folded[..])),
            Self::Snappy => unfold_snappy(bound, &folded),
            Self::Lz4 => read_within(bound, FrameDecoder::new(&folded[..])),
            Self::Zstd => {
                read_within(bound, zstd::stream::read::Decoder::new(&folded[..]).map_err(CodecError::new)?)
            }
        }
    }
}

fn read_within(bound: u64, reader: impl Read) -> Result<Bytes, CodecError> {
    let mut plain = Vec::new();
    reader.take(bound + 1).read_to_end(&mut plain).map_err(CodecError::new)?;
    if plain.len() as u64 > bound {
        return Err(too_large(bound));
    }
    Ok(plain.into())
}

fn too_large(bound: u64) -> CodecError {
    CodecError::new(format_args!("the batch unfolds to more than {bound} bytes"))
}

/// The frame that Kafka's own `Lz4BlockOutputStream` writes: independent blocks, which older brokers insist
/// on, of 64 KiB, without checksums but the header's. Since batches of format 2 that one covers what the
/// frame format says (KIP-57); the wrong one belongs to format 0 alone.
fn fold_lz4(plain: &[u8]) -> Result<Vec<u8>, CodecError> {
    let frame = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(plain).map_err(CodecError::new)?;
    encoder.finish().map_err(CodecError::new)
}

fn fold_snappy(plain: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut folded = SNAPPY_MAGIC.to_vec();
    for block in plain.chunks(SNAPPY_BLOCK) {
        let block = snap::raw::Encoder::new().compress_vec(block).map_err(CodecError::new)?;
        folded.extend((block.len() as u32).to_be_bytes());
        folded.extend(block);
    }
    Ok(folded)
}

fn unfold_snappy(bound: u64, folded: &[u8]) -> Result<Bytes, CodecError> {
    let mut plain = Vec::new();
    let mut rest = match folded.strip_prefix(SNAPPY_MAGIC) {
        Some(blocks) => blocks,
        // Some clients write one bare block.
        None => {
            unfold_snappy_block(bound, folded, &mut plain)?;
            return Ok(plain.into());
        }
    };
    while let Some((length, tail)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let block = tail
            .get(..length)
            .ok_or_else(|| CodecError::new(format_args!("a snappy block of {length} bytes is cut short")))?;
        unfold_snappy_block(bound, block, &mut plain)?;
        rest = &tail[length..];
    }
    Ok(plain.into())
}

fn unfold_snappy_block(bound: u64, block: &[u8], plain: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = plain.len();
    let length = snap::raw::decompress_len(block).map_err(CodecError::new)?;
    // Snappy's best case is about 1:21; a block that claims much more lies about its length.
    if length > block.len().saturating_mul(64).saturating_add(64) || (start + length) as u64 > bound {
        return Err(too_large(bound));
    }
    plain.resize(start + length, 0);
    snap::raw::Decoder::new().decompress(block, &mut plain[start..]).map_err(CodecError::new)?;
    Ok(())
}

#[cfg(test)]
mod tests;
