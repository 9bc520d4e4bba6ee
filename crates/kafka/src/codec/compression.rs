//! Compression of record batches, both ways, with a bound on what a batch may unfold to.

use std::io::{Read, Write};

use bytes::Bytes;

use super::CodecError;

/// How the records of a batch are compressed. LZ4 is read and written by nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// DEFLATE with a gzip frame.
    Gzip,
    /// Snappy in the framing of Java's library, which every Kafka client expects.
    Snappy,
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
            Self::Zstd => 4,
        }
    }

    pub(super) fn from_code(code: i16) -> Result<Self, CodecError> {
        match code {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Err(CodecError::new("the batch is compressed with lz4, which is not supported")),
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
            Self::Zstd => zstd::stream::encode_all(plain, 0).map_err(CodecError::new),
        }
    }

    pub(super) fn unfold(self, folded: Bytes) -> Result<Bytes, CodecError> {
        match self {
            Self::None => Ok(folded),
            Self::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(&folded[..])),
            Self::Snappy => unfold_snappy(&folded),
            Self::Zstd => {
                read_bounded(zstd::stream::read::Decoder::new(&folded[..]).map_err(CodecError::new)?)
            }
        }
    }
}

fn read_bounded(reader: impl Read) -> Result<Bytes, CodecError> {
    let mut plain = Vec::new();
    reader.take(MAX_UNFOLDED + 1).read_to_end(&mut plain).map_err(CodecError::new)?;
    if plain.len() as u64 > MAX_UNFOLDED {
        return Err(too_large());
    }
    Ok(plain.into())
}

fn too_large() -> CodecError {
    CodecError::new(format_args!("the batch unfolds to more than {MAX_UNFOLDED} bytes"))
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

fn unfold_snappy(folded: &[u8]) -> Result<Bytes, CodecError> {
    let mut plain = Vec::new();
    let mut rest = match folded.strip_prefix(SNAPPY_MAGIC) {
        Some(blocks) => blocks,
        // Some clients write one bare block.
        None => {
            unfold_snappy_block(folded, &mut plain)?;
            return Ok(plain.into());
        }
    };
    while let Some((length, tail)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let block = tail
            .get(..length)
            .ok_or_else(|| CodecError::new(format_args!("a snappy block of {length} bytes is cut short")))?;
        unfold_snappy_block(block, &mut plain)?;
        rest = &tail[length..];
    }
    Ok(plain.into())
}

fn unfold_snappy_block(block: &[u8], plain: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = plain.len();
    let length = snap::raw::decompress_len(block).map_err(CodecError::new)?;
    // Snappy's best case is about 1:21; a block that claims much more lies about its length.
    if length > block.len().saturating_mul(64).saturating_add(64) || (start + length) as u64 > MAX_UNFOLDED {
        return Err(too_large());
    }
    plain.resize(start + length, 0);
    snap::raw::Decoder::new().decompress(block, &mut plain[start..]).map_err(CodecError::new)?;
    Ok(())
}
