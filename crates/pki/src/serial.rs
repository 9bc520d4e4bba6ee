//! Serial numbers of certificates.

use std::fmt;

/// A certificate's serial number: positive, sixteen bytes, 126 of its bits random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; 16]);

impl Serial {
    /// Makes a serial number of sixteen bytes of a cryptographic random source.
    ///
    /// The sign bit is cleared, as RFC 5280 asks for a positive integer, and the next bit is set, so that every
    /// serial number has the same length and no tool drops leading zeros from one.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[0] = (bytes[0] & 0x7f) | 0x40;
        Self(bytes)
    }

    /// The integer, big endian.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_serial_is_positive_and_sixteen_bytes_long() {
        assert_eq!(Serial::from_random([0; 16]).to_string(), "40000000000000000000000000000000");
        assert_eq!(Serial::from_random([0xff; 16]).to_string(), "7fffffffffffffffffffffffffffffff");
    }
}
