//! A recording as text, and back.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// What was done to a node of the recorded cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Stop,
    /// The process was started.
    Start,
    /// Its disk was emptied and formatted anew.
    Wipe,
    /// SIGSTOP.
    Freeze,
    /// SIGCONT.
    Thaw,
}

impl Act {
    const ALL: [Self; 6] = [Self::Kill, Self::Stop, Self::Start, Self::Wipe, Self::Freeze, Self::Thaw];

    fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Wipe => "wipe",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
        }
    }
}

/// What was done, or what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Somebody did it.
    Did {
        /// What.
        act: Act,
        /// To which node.
        node: u32,
    },
    /// Kafka did it, in the words of [`crate::kafka::What`].
    Saw(String),
}

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Since the recording began.
    pub at: Duration,
    /// What.
    pub entry: Entry,
}

impl Line {
    /// What the line says, without its time.
    pub fn said(&self) -> String {
        match &self.entry {
            Entry::Did { act, node } => format!("> {} {node}", act.word()),
            Entry::Saw(said) => said.clone(),
        }
    }

    /// Whether somebody did it.
    pub fn is_act(&self) -> bool {
        match self.entry {
            Entry::Did { .. } => true,
            Entry::Saw(_) => false,
        }
    }
}

/// A history of three combined nodes and the topic `orders` with one partition, whose replicas are 1, 2 and 3 in this
/// order: nodes are renamed so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// What it is about, one line.
    pub title: String,
    /// On which Kafka it was made.
    pub kafka: String,
    /// The active controller at the beginning.
    pub controller: u32,
    /// From the start of a process to its first broker state.
    pub boot: Duration,
    /// From the end of the log closing to the end of the process.
    pub ending: Duration,
    /// How long logs were checked after an unclean end.
    pub log_recovery: Duration,
    /// What happened, in order.
    pub lines: Vec<Line>,
}

/// A text is not a recording.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordingError {
    /// A line of the head is missing or has another form.
    #[error("the recording's head has no readable {key}")]
    Head {
        /// Its key.
        key: &'static str,
    },
    /// A line of the history has another form.
    #[error("line {line} of the recording, {text:?}, is not TIME WORDS")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
}

impl Recording {
    /// When somebody did something last; the beginning if nobody had.
    pub(super) fn last_act_before(&self, at: Duration) -> Duration {
        let acts = self.lines.iter().filter(|line| line.is_act() && line.at <= at);
        acts.map(|line| line.at).max().unwrap_or(Duration::ZERO)
    }

    /// When the last line was written.
    pub(super) fn end(&self) -> Duration {
        self.lines.iter().map(|line| line.at).max().unwrap_or(Duration::ZERO)
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, kafka, controller, boot, ending, log_recovery, lines } = self;
        writeln!(f, "# {title}")?;
        writeln!(f, "# kafka {kafka}")?;
        writeln!(f, "# controller {controller}")?;
        writeln!(f, "# boot {:.3}", boot.as_secs_f64())?;
        writeln!(f, "# ending {:.3}", ending.as_secs_f64())?;
        writeln!(f, "# log-recovery {:.3}", log_recovery.as_secs_f64())?;
        for line in lines {
            writeln!(f, "{:8.3} {}", line.at.as_secs_f64(), line.said())?;
        }
        Ok(())
    }
}

impl FromStr for Recording {
    type Err = RecordingError;

    fn from_str(text: &str) -> Result<Self, RecordingError> {
        let head: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        let find = |key: &'static str| {
            let value = head.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            value.ok_or(RecordingError::Head { key })
        };
        let seconds_of = |key| seconds(find(key)?).ok_or(RecordingError::Head { key });
        let title = head.first().ok_or(RecordingError::Head { key: "title" })?;
        let controller = find("controller")?.parse();
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let wrong = || RecordingError::Line { line: index + 1, text: line.to_owned() };
            let (at, said) = line.trim_start().split_once(' ').ok_or_else(wrong)?;
            let at = seconds(at).ok_or_else(wrong)?;
            let entry = match said.strip_prefix("> ") {
                Some(act) => did(act).ok_or_else(wrong)?,
                None => Entry::Saw(said.to_owned()),
            };
            lines.push(Line { at, entry });
        }
        Ok(Self {
            title: (*title).to_owned(),
            kafka: find("kafka")?.to_owned(),
            controller: controller.map_err(|_| RecordingError::Head { key: "controller" })?,
            boot: seconds_of("boot")?,
            ending: seconds_of("ending")?,
            log_recovery: seconds_of("log-recovery")?,
            lines,
        })
    }
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

fn did(text: &str) -> Option<Entry> {
    let (word, node) = text.split_once(' ')?;
    let act = Act::ALL.into_iter().find(|act| act.word() == word)?;
    Some(Entry::Did { act, node: node.parse().ok()? })
}
