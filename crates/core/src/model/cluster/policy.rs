//! When and how fast Klamm may change things, and where executables come from.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::InvalidName;

/// When and how fast Klamm may change things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Maintenance windows; empty means any time.
    pub windows: Vec<MaintenanceWindow>,
    /// Most nodes that may be stopped at once, from 1; safety still has the last word.
    pub max_unavailable: u16,
    /// What happens without being asked for.
    pub heal: HealPolicy,
}

impl Policy {
    /// Any time, one node at a time, healing after five minutes.
    pub const DEFAULT: Self = Self { windows: Vec::new(), max_unavailable: 1, heal: HealPolicy::DEFAULT };
}

/// What happens without being asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealPolicy {
    /// Whether Klamm repairs by itself more than restarting a process.
    pub enabled: bool,
    /// How long a slot must be unwell before the next rung of the ladder.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub after: Duration,
}

impl HealPolicy {
    /// Five minutes: longer than a reboot, shorter than most people's way to a keyboard.
    pub const DEFAULT: Self = Self { enabled: true, after: Duration::from_secs(300) };
}

/// A weekly span of time in which planned changes may run: `sat-sun 02:00-06:00` in UTC, or with an offset,
/// `daily 22:00-04:00 +01:00`. A span whose end is not after its start reaches into the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MaintenanceWindow {
    /// The days on which it begins; never empty.
    pub days: BTreeSet<Weekday>,
    /// Minutes after midnight at which it begins, below 1440.
    pub from: u16,
    /// Minutes after midnight at which it ends, at most 1440.
    pub until: u16,
    /// Minutes east of UTC.
    pub offset: i16,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    /// From Monday on.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// As the spec writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }
}

impl FromStr for MaintenanceWindow {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let invalid = |problem| InvalidName { kind: "maintenance window", value: value.to_owned(), problem };
        let shape = || invalid("is not DAYS FROM-UNTIL [OFFSET], for example `sat-sun 02:00-06:00 +01:00`");
        let words: Vec<&str> = value.split_whitespace().collect();
        let (days, hours, offset) = match words[..] {
            [days, hours] => (days, hours, "UTC"),
            [days, hours, offset] => (days, hours, offset),
            _ => return Err(shape()),
        };
        let (from, until) = hours.split_once('-').ok_or_else(shape)?;
        let minutes =
            |text| minutes(text).ok_or_else(|| invalid("has a time that is not between 00:00 and 24:00"));
        let (from, until) = (minutes(from)?, minutes(until)?);
        if from == 24 * 60 || from == until {
            return Err(invalid("begins at its end"));
        }
        let days = days_of(days).ok_or_else(|| invalid("has a day that is not one of mon … sun or daily"))?;
        let offset =
            offset_minutes(offset).ok_or_else(|| invalid("has an offset that is neither UTC nor ±HH:MM"))?;
        Ok(Self { days, from, until, offset })
    }
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

fn offset_minutes(text: &str) -> Option<i16> {
    if text.eq_ignore_ascii_case("utc") || text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    // The widest offset in use is +14:00 (Kiritimati).
    let minutes = i16::try_from(minutes(rest)?).ok().filter(|minutes| *minutes <= 14 * 60)?;
    Some(sign * minutes)
}

fn days_of(text: &str) -> Option<BTreeSet<Weekday>> {
    if text == "daily" {
        return Some(Weekday::ALL.into());
    }
    let day = |word: &str| Weekday::ALL.iter().position(|day| day.as_str() == word);
    let mut days = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `fri-mon` wraps around the end of the week.
        let length = (last + 7 - first) % 7;
        days.extend((0..=length).map(|step| Weekday::ALL[(first + step) % 7]));
    }
    Some(days)
}

impl TryFrom<String> for MaintenanceWindow {
    type Error = InvalidName;
    fn try_from(value: String) -> Result<Self, InvalidName> {
        value.parse()
    }
}

impl From<MaintenanceWindow> for String {
    fn from(window: MaintenanceWindow) -> String {
        window.to_string()
    }
}

impl fmt::Display for MaintenanceWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { days, from, until, offset } = self;
        let days: Vec<&str> = days.iter().map(|day| day.as_str()).collect();
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        write!(f, "{} {}-{}", days.join(","), time(*from), time(*until))?;
        match offset {
            0 => f.write_str(" UTC"),
            _ => write!(f, " {}{}", if *offset < 0 { '-' } else { '+' }, time(offset.unsigned_abs())),
        }
    }
}

/// Where executables come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactPolicy {
    /// Base URLs to try before the built-in ones, in order.
    pub mirrors: Vec<String>,
    /// Path of the operator's own signed lock file, instead of the one that Klamm carries.
    pub lock: Option<String>,
}
