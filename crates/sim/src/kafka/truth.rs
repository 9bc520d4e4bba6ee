//! The truth of the model: histories recorded on real Kafka, played again on the model and compared.
//!
//! A recording is a text that a person can read: what was done to three combined nodes with one topic of one partition,
//! and what Kafka's own logs say that happened. `cargo xtask sim truth` makes recordings and compares them;
//! `docs/develop/kafka-model.md` says what is compared and what is known to differ.

mod recording;
mod replay;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use recording::{Act, Entry, Line, Recording, RecordingError};
use replay::{Replay, replay};

/// Where the model says something else than the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// No history of the model has this order of events for this subject.
    Order {
        /// A broker, a node, a partition or the quorum.
        subject: String,
        /// What Kafka did.
        recorded: Vec<String>,
        /// What the model did most often.
        played: Vec<String>,
    },
    /// The order is right, the time is not.
    Time {
        /// What happened.
        said: String,
        /// When it did in Kafka, since the act before it.
        recorded: Duration,
        /// When it does in the model, at the earliest and at the latest.
        played: (Duration, Duration),
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order { subject, recorded, played } => {
                write!(
                    f,
                    "{subject}: Kafka tells\n    {}\n  the model\n    {}",
                    recorded.join("\n    "),
                    played.join("\n    ")
                )
            }
            Self::Time { said, recorded, played: (first, last) } => write!(
                f,
                "{said}: {:.1} s after the last act, in the model {:.1} to {:.1} s",
                recorded.as_secs_f64(),
                first.as_secs_f64(),
                last.as_secs_f64()
            ),
        }
    }
}

/// Times may differ by so much, and by a part of themselves besides: the recording's machine is busy.
const MAY_DIFFER: Duration = Duration::from_millis(800);
const MAY_DIFFER_PART: u32 = 5;

/// Plays the recording on `histories` clusters of the model, and compares subject by subject: the order of events must be
/// one that the model has, each event's time must lie between the earliest and the latest of those histories, give or take
/// 0.8 s and a fifth.
pub fn differences(recording: &Recording, histories: u64) -> Vec<Difference> {
    let replays = replay(recording, histories);
    let mut found = Vec::new();
    for (subject, recorded) in by_subject(recording) {
        let lines = |replay: &Replay| replay.by_subject.get(&subject).cloned().unwrap_or_default();
        let said = |lines: &[Line]| lines.iter().map(Line::said).collect::<Vec<_>>();
        let wanted = said(&recorded);
        let alike: Vec<Vec<Line>> = replays.iter().map(lines).filter(|lines| said(lines) == wanted).collect();
        if alike.is_empty() {
            let played = most_common(replays.iter().map(|replay| said(&lines(replay))));
            found.push(Difference::Order { subject, recorded: wanted, played });
            continue;
        }
        for (place, line) in recorded.iter().enumerate() {
            let times = alike.iter().filter_map(|lines| lines.get(place)).map(|line| line.at);
            let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { continue };
            let since = recording.last_act_before(line.at);
            let grace = MAY_DIFFER + line.at.saturating_sub(since) / MAY_DIFFER_PART;
            if line.at + grace < first || line.at > last + grace {
                let relative = |at: Duration| at.saturating_sub(since);
                let played = (relative(first), relative(last));
                found.push(Difference::Time { said: line.said(), recorded: relative(line.at), played });
            }
        }
    }
    found
}

/// A recording's events, by what they are about; an event that is repeated at once counts once.
fn by_subject(recording: &Recording) -> BTreeMap<String, Vec<Line>> {
    sorted_by_subject(recording.lines.iter().filter(|line| !line.is_act()).cloned())
}

fn sorted_by_subject(lines: impl Iterator<Item = Line>) -> BTreeMap<String, Vec<Line>> {
    let mut sorted: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for line in lines {
        let said = line.said();
        let subject = match said.split_once(" is the active").or_else(|| said.split_once(" resigns as")) {
            Some(_) => "the quorum".to_owned(),
            None => said.split(' ').take(2).collect::<Vec<_>>().join(" "),
        };
        let known = sorted.entry(subject).or_default();
        if known.last().is_none_or(|last| last.said() != said) {
            known.push(line);
        }
    }
    sorted
}

fn most_common(histories: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    histories.for_each(|history| *counts.entry(history).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(history, _)| history).unwrap_or_default()
}

#[cfg(test)]
mod tests;
