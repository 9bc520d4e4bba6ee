//! What a unit tells: facts for a journal, not for decisions.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exit::ExitReason;
use crate::identity::ProcessIdentity;

/// Something that happened to a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub enum Notice {
    /// A process was started.
    Started {
        /// Which one.
        identity: ProcessIdentity,
    },
    /// A process of an earlier supervisor was found.
    Adopted {
        /// Which one.
        identity: ProcessIdentity,
    },
    /// A process could not be started.
    NotStarted {
        /// Why.
        reason: ExitReason,
    },
    /// The process became ready for the first time.
    Ready {
        /// Which one.
        identity: ProcessIdentity,
        /// From its start.
        took: Duration,
    },
    /// The process ended.
    Ended {
        /// Which one.
        identity: ProcessIdentity,
        /// Why.
        reason: ExitReason,
        /// How long it ran.
        ran: Duration,
        /// Whether a stop was asked.
        asked: bool,
    },
    /// It ended by itself again and comes back after a pause.
    BackingOff {
        /// How often in a row.
        failures: u32,
        /// The pause.
        delay: Duration,
    },
    /// It ended by itself too often and stays down.
    GaveUp {
        /// How often in a row.
        failures: u32,
    },
    /// SIGKILL was sent because it was asked.
    KilledAsAsked {
        /// To whom.
        identity: ProcessIdentity,
        /// By whom.
        by: String,
    },
    /// SIGKILL was sent because a stop made no progress.
    KilledForNoProgress {
        /// To whom.
        identity: ProcessIdentity,
        /// How long nothing had changed.
        quiet: Duration,
        /// How long the stop had lasted.
        stopping: Duration,
    },
    /// Processes of its session survived SIGKILL so far.
    HelpersLeft {
        /// Whose session.
        identity: ProcessIdentity,
        /// How many.
        left: u32,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { identity } => write!(f, "started as pid {}", identity.pid),
            Self::Adopted { identity } => write!(f, "found running as pid {}", identity.pid),
            Self::NotStarted { reason } => write!(f, "{reason}"),
            Self::Ready { identity, took } => {
                write!(f, "pid {} ready after {:.1} s", identity.pid, took.as_secs_f64())
            }
            Self::Ended { identity, reason, ran, asked } => {
                let how = if *asked { "as asked" } else { "unexpectedly" };
                let ran = ran.as_secs_f64();
                write!(f, "pid {} ended {how} after {ran:.1} s: {reason}", identity.pid)
            }
            Self::BackingOff { failures, delay } => {
                let delay = delay.as_secs_f64();
                write!(f, "ended {failures} times in a row, next start in {delay:.1} s")
            }
            Self::GaveUp { failures } => {
                write!(f, "ended {failures} times in a row, not started again")
            }
            Self::KilledAsAsked { identity, by } => {
                write!(f, "pid {} killed, asked by {by}", identity.pid)
            }
            Self::KilledForNoProgress { identity, quiet, stopping } => write!(
                f,
                "pid {} killed: no progress for {:.0} s, {:.0} s after it was asked to stop",
                identity.pid,
                quiet.as_secs_f64(),
                stopping.as_secs_f64()
            ),
            Self::HelpersLeft { identity, left } => {
                write!(f, "{left} processes of session {} survive SIGKILL", identity.pid)
            }
        }
    }
}
