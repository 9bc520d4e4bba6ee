//! Stretches of time for people: one unit, no more precision than a person uses.

use std::time::Duration;

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// From here on days say less than years.
const TWO_YEARS: i64 = 730 * DAY;

/// How long ago `then` was: `12s`, `3m`, `5h`, `89d`, `2y`. What lies in the future is `0s`: clocks differ.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    one_unit(now.duration_since(then).as_secs().max(0))
}

/// How long it is until `then`: `89d`; `expired 3m ago` where it is over.
pub(crate) fn until(now: Timestamp, then: Timestamp) -> String {
    let left = then.duration_since(now).as_secs();
    if left < 0 { format!("expired {} ago", one_unit(-left)) } else { one_unit(left) }
}

/// Time that passes while somebody watches: `4.2s`, then `1m05s`.
pub(crate) fn elapsed(time: Duration) -> String {
    if time.as_secs() < 60 {
        format!("{:.1}s", (time.as_secs_f64() * 10.0).floor() / 10.0)
    } else {
        format!("{}m{:02}s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

fn one_unit(seconds: i64) -> String {
    match seconds {
        ..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        HOUR..DAY => format!("{}h", seconds / HOUR),
        DAY..TWO_YEARS => format!("{}d", seconds / DAY),
        TWO_YEARS.. => format!("{}y", seconds / (365 * DAY)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit_and_the_future_is_no_age() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let now = at(2_000_000_000);
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (90 * DAY, "90d"), (3 * 365 * DAY, "3y")]
        {
            assert_eq!(age(now, at(2_000_000_000 - seconds)), text);
            assert_eq!(until(now, at(2_000_000_000 + seconds)), text);
        }
        assert_eq!(age(now, at(2_000_000_005)), "0s");
        assert_eq!(until(now, at(1_999_999_000)), "expired 16m ago");
    }

    #[test]
    fn elapsed_time_never_rounds_up_to_sixty_seconds() {
        assert_eq!(elapsed(Duration::from_millis(59_990)), "59.9s");
        assert_eq!(elapsed(Duration::from_secs(65)), "1m05s");
    }
}
