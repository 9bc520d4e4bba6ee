//! Kafka's 128-bit ids (topics, directories, clusters) and their text form.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// 16 bytes in base64 without padding.
const TEXT_LENGTH: usize = 22;

/// A topic's or a directory's id. Printed as Kafka prints it: URL-safe base64 without padding, 22 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KafkaId(pub [u8; 16]);

/// A text that is not 22 characters of URL-safe base64.
#[derive(Debug, Error)]
#[error("{text:?} is not a Kafka id: 22 characters of URL-safe base64 are expected")]
pub struct KafkaIdError {
    text: String,
}

impl KafkaId {
    /// Whether this is the all-zero id, which Kafka uses for "none".
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl fmt::Display for KafkaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        let mut text = String::with_capacity(TEXT_LENGTH);
        for position in 0..TEXT_LENGTH {
            // The last character carries two bits and four of padding.
            let six = if position < 21 { bits >> (128 - 6 * (position + 1)) } else { bits << 4 };
            text.push(char::from(ALPHABET[(six & 0x3f) as usize]));
        }
        f.pad(&text)
    }
}

impl FromStr for KafkaId {
    type Err = KafkaIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || KafkaIdError { text: text.to_owned() };
        if text.len() != TEXT_LENGTH {
            return Err(refused());
        }
        let mut bits = 0u128;
        for (position, byte) in text.bytes().enumerate() {
            let six = ALPHABET.iter().position(|known| *known == byte).ok_or_else(refused)? as u128;
            if position < 21 {
                bits = bits << 6 | six;
            } else if six & 0xf != 0 {
                return Err(refused());
            } else {
                bits = bits << 2 | six >> 4;
            }
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_kafka_writes_it() {
        // org.apache.kafka.common.Uuid: METADATA_TOPIC_ID = new Uuid(0, 1).
        let mut one = [0; 16];
        one[15] = 1;
        assert_eq!(KafkaId(one).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(KafkaId([0xff; 16]).to_string(), "_____________________w");
    }

    #[test]
    fn every_id_reads_back() {
        for seed in 0..=255u8 {
            let id =
                KafkaId(std::array::from_fn(|index| seed.wrapping_mul(31).wrapping_add((index * 77) as u8)));
            assert_eq!(id.to_string().parse::<KafkaId>().expect("own text"), id);
        }
        assert!("short".parse::<KafkaId>().is_err());
        assert!("AAAAAAAAAAAAAAAAAAAAA!".parse::<KafkaId>().is_err());
        assert!("AAAAAAAAAAAAAAAAAAAAAB".parse::<KafkaId>().is_err());
    }
}
