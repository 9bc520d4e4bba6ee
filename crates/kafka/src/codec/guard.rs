//! A read buffer that refuses lengths its frame cannot hold, before anything is reserved for them.

use std::ops::Range;

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::buf::ByteBuf;

/// Tag numbers are varints too and may be larger than what follows them; this much is always let through.
const SLACK: usize = 1024;
/// Groups of seven bits in the library's varints.
const GROUPS: u32 = 5;

/// A frame being decoded.
///
/// The library reads a varint byte by byte and then reserves memory for that many elements. The bytes of
/// the run read last are followed here, and a value above what remains of the frame ends the reading.
/// A boolean is read in the same way and could be crafted to look like a varint's first byte; therefore
/// the value of the last five bytes counts, which is at least that of any shorter, real varint among them.
///
/// What remains possible is a reservation of the frame's length times an element's size (some 200 bytes),
/// never touched; the bound on frames keeps that within what an allocator hands out.
pub(crate) struct Guarded {
    frame: Bytes,
    run: u64,
    groups: u32,
}

impl Guarded {
    pub(crate) fn new(frame: Bytes) -> Self {
        Self { frame, run: 0, groups: 0 }
    }
}

impl Buf for Guarded {
    fn remaining(&self) -> usize {
        self.frame.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.frame.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.groups = 0;
        self.frame.advance(count);
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        self.groups = 0;
        self.frame.copy_to_bytes(length)
    }

    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let byte = self.frame.try_get_u8()?;
        if self.groups == 0 {
            self.run = 0;
        } else if self.groups == GROUPS {
            self.run >>= 7;
            self.groups -= 1;
        }
        self.run |= u64::from(byte & 0x7f) << (7 * self.groups);
        self.groups = if byte & 0x80 == 0 { 0 } else { self.groups + 1 };
        let available = self.frame.remaining();
        if self.run > (available + SLACK) as u64 {
            return Err(TryGetError {
                requested: usize::try_from(self.run).unwrap_or(usize::MAX),
                available,
            });
        }
        Ok(byte)
    }
}

impl ByteBuf for Guarded {
    fn peek_bytes(&mut self, range: Range<usize>) -> Bytes {
        self.frame.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.groups = 0;
        self.frame.split_to(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::MetadataResponse;
    use kafka_protocol::protocol::Decodable;

    #[test]
    fn a_hostile_array_length_is_an_error_not_an_abort() {
        // Throttle time, then a broker array of two thousand million elements.
        let mut frame = vec![0, 0, 0, 0];
        frame.extend([0xff, 0xff, 0xff, 0xff, 0x07]);
        frame.extend([0; 64]);
        assert!(MetadataResponse::decode(&mut Guarded::new(frame.into()), 12).is_err());
    }

    #[test]
    fn a_boolean_crafted_as_a_first_varint_byte_hides_nothing() {
        let mut frame = Guarded::new(Bytes::from_static(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x0f, 0, 0]));
        let refused_at = (0..6).find(|_| frame.try_get_u8().is_err());
        assert_eq!(refused_at, Some(5));
    }

    #[test]
    fn lengths_that_fit_pass() {
        let mut bytes = vec![0xff, 0x4e]; // 10111
        bytes.resize(2 + 10_110, 7);
        let mut frame = Guarded::new(bytes.into());
        assert_eq!((frame.try_get_u8().ok(), frame.try_get_u8().ok()), (Some(0xff), Some(0x4e)));
        assert_eq!(frame.remaining(), 10_110);
    }
}
