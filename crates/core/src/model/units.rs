//! Quantities that carry their unit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidName;

/// A number of bytes. Text form: a number with an optional binary unit, `512MiB`, `1g`, `64k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// `n` mebibytes.
    pub const fn mebibytes(n: u64) -> Self {
        Self(n << 20)
    }

    /// `n` gibibytes.
    pub const fn gibibytes(n: u64) -> Self {
        Self(n << 30)
    }

    /// Whole mebibytes, rounded down: the unit of `-Xmx…m`.
    pub const fn whole_mebibytes(self) -> u64 {
        self.0 >> 20
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: [(u64, &str); 4] =
            [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let text = steps.iter().find(|(unit, _)| self.0 >= *unit).map_or_else(
            || format!("{} B", self.0),
            |(unit, name)| {
                let tenths = (u128::from(self.0) * 10 / u128::from(*unit)) as u64;
                if tenths.is_multiple_of(10) || tenths >= 1000 {
                    format!("{} {name}", tenths / 10)
                } else {
                    format!("{}.{} {name}", tenths / 10, tenths % 10)
                }
            },
        );
        f.pad(&text)
    }
}

impl FromStr for ByteCount {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let invalid = |problem| InvalidName { kind: "size", value: value.to_owned(), problem };
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = value[..digits].parse().map_err(|_| invalid("does not begin with a number"))?;
        let shift = match value[digits..].trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kib" => 10,
            "m" | "mib" => 20,
            "g" | "gib" => 30,
            "t" | "tib" => 40,
            _ => return Err(invalid("has an unknown unit; use KiB, MiB, GiB or TiB")),
        };
        number.checked_mul(1 << shift).map(Self).ok_or_else(|| invalid("is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_with_binary_units() {
        assert_eq!("512MiB".parse::<ByteCount>().unwrap(), ByteCount::mebibytes(512));
        assert_eq!("1g".parse::<ByteCount>().unwrap(), ByteCount::gibibytes(1));
        assert!("12 parsecs".parse::<ByteCount>().is_err());
        assert!("99999999999t".parse::<ByteCount>().is_err());
        assert_eq!(ByteCount(1536 << 10).to_string(), "1.5 MiB");
        assert_eq!(ByteCount(17).to_string(), "17 B");
    }
}
