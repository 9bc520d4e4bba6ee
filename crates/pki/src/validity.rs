//! When a certificate is valid, and when it is to be renewed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

/// How far certificates are back-dated, for hosts whose clocks are behind (`system.md` §13, time).
const BACK_DATED: u64 = 5 * 60;
/// At most this part of a life is back-dated, so that a certificate of 45 s still has 38 s to go.
const BACK_DATED_PART: u64 = 6;

/// The life of a certificate, in whole seconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a life cannot be given to a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValidityError {
    /// X.509 counts whole seconds.
    #[error("a certificate cannot live for less than a second")]
    TooShort,
    /// X.509 writes years with four digits.
    #[error("a life of {0:?} ends after the year 9999")]
    TooLong(Duration),
}

impl Validity {
    /// A life of `lifetime` from end to end, of which the beginning lies five minutes before `now`, at most a sixth
    /// of the life. Fractions of seconds are cut off.
    pub fn starting(now: Timestamp, lifetime: Duration) -> Result<Self, ValidityError> {
        let seconds = lifetime.as_secs();
        if seconds == 0 {
            return Err(ValidityError::TooShort);
        }
        let too_long = || ValidityError::TooLong(lifetime);
        let back_dated = BACK_DATED.min(seconds / BACK_DATED_PART);
        let not_before = i64::try_from(back_dated)
            .ok()
            .and_then(|back| now.as_second().checked_sub(back))
            .ok_or_else(too_long)?;
        let not_after = i64::try_from(seconds)
            .ok()
            .and_then(|seconds| not_before.checked_add(seconds))
            .ok_or_else(too_long)?;
        let at = |second| Timestamp::from_second(second).map_err(|_| too_long());
        Ok(Self { not_before: at(not_before)?, not_after: at(not_after)? })
    }

    /// First moment of the life.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last moment of the life.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

/// When to renew a certificate: at two thirds of its life. The caller adds jitter.
pub fn renew_at(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    let life = not_after.duration_since(not_before).max(SignedDuration::ZERO);
    // thirds first: twice a life of thousands of years is still far from the limits of a duration
    let two_thirds = life / 3 * 2;
    not_before.checked_add(two_thirds).expect("two thirds of a life lie between its ends")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_long_life_begins_five_minutes_ago() {
        let life = Validity::starting(at("2026-11-21T10:00:00.75Z"), Duration::from_secs(90 * DAY)).unwrap();
        assert_eq!(life.not_before(), at("2026-11-21T09:55:00Z"));
        assert_eq!(life.not_after(), at("2027-02-19T09:55:00Z"));
    }

    #[test]
    fn a_short_life_is_back_dated_by_a_sixth_of_it() {
        let now = at("2026-11-21T10:00:00Z");
        let life = Validity::starting(now, Duration::from_secs(45)).unwrap();
        assert_eq!(life.not_before(), at("2026-11-21T09:59:53Z"));
        assert_eq!(life.not_after(), at("2026-11-21T10:00:38Z"));
        let second = Validity::starting(now, Duration::from_secs(1)).unwrap();
        assert_eq!((second.not_before(), second.not_after()), (now, at("2026-11-21T10:00:01Z")));
    }

    #[test]
    fn lives_without_length_or_end_are_refused() {
        let now = at("2026-11-21T10:00:00Z");
        assert_eq!(Validity::starting(now, Duration::from_millis(999)), Err(ValidityError::TooShort));
        assert_eq!(Validity::starting(now, Duration::MAX), Err(ValidityError::TooLong(Duration::MAX)));
    }

    #[test]
    fn renewal_is_due_at_two_thirds_of_the_life() {
        let begin = at("2026-11-21T10:00:00Z");
        assert_eq!(renew_at(begin, at("2026-11-21T10:00:45Z")), at("2026-11-21T10:00:30Z"));
        assert_eq!(renew_at(begin, begin), begin);
        assert_eq!(renew_at(Timestamp::MIN, Timestamp::MAX).to_string().len(), 20 + 10);
    }
}
