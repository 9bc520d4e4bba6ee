//! Durations as people write them: `250ms`, `7d`, `1h30m`.

use std::time::Duration;

/// Units by name, in milliseconds. A year is 365 days; months are left out, as they differ.
const UNITS: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
    ("y", 31_536_000_000),
];

/// Reads a sum of numbers with units; nothing if it is not one or does not fit.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut sum: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..digits + letters];
        let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(number.checked_mul(*milliseconds)?)?;
        rest = rest[digits + letters..].trim_start();
    }
    Some(Duration::from_millis(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("7d"), Some(604_800.0));
        assert_eq!(seconds("1h30m"), Some(5_400.0));
        assert_eq!(seconds("1h 250ms"), Some(3_600.25));
        for bad in ["", "7", "d", "7 parsecs", "-7d", "1.5h", "99999999999999999999y", "7d!", "ü"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
