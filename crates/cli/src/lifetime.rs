//! Life times on the command line: `90d`, `12h`.

use std::str::FromStr;
use std::time::Duration;

/// How long something shall live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime(pub(crate) Duration);

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed =
            || format!("{text:?} is no length of time: write a number and s, m, h, d or w, such as 90d");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| malformed())?;
        let seconds = match &text[digits..] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            "w" => 7 * 24 * 3600,
            _ => return Err(malformed()),
        };
        match number.checked_mul(seconds) {
            Some(seconds) if seconds > 0 => Ok(Self(Duration::from_secs(seconds))),
            Some(_) | None => Err(malformed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn life_times_need_a_unit_and_are_longer_than_nothing() {
        assert_eq!("90d".parse(), Ok(Lifetime(Duration::from_secs(90 * 86_400))));
        assert_eq!("2w".parse(), Ok(Lifetime(Duration::from_secs(14 * 86_400))));
        for bad in ["", "90", "d", "0d", "1.5h", "90 d", "99999999999999999999w", "-1d"] {
            assert!(bad.parse::<Lifetime>().is_err(), "{bad}");
        }
    }
}
