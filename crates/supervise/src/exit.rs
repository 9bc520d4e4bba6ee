//! Why a process ended, as far as it can be known.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ExitReason {
    /// It ended by itself.
    Exited {
        /// The exit code; a JVM that was asked to stop by SIGTERM ends with 143.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// The number of the signal.
        signal: i32,
        /// Whether the kernel wrote a core file.
        core_dumped: bool,
        /// Who sent it.
        sent_by: SentBy,
    },
    /// It never came to run.
    NotStarted {
        /// What the operating system said, with the path it was about.
        message: String,
    },
    /// It ended, and nobody told how: it was re-adopted, and the kernel is older than 6.15.
    Unknown,
}

/// Who sent the signal that ended a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SentBy {
    /// This supervisor.
    Supervisor,
    /// In all likelihood the kernel's out-of-memory killer: it killed something on this machine
    /// while the process ran.
    MemoryKiller,
    /// Somebody else; the kernel's out-of-memory killer was not at work.
    Elsewhere,
    /// Not known.
    Unknown,
}

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

impl ExitReason {
    /// The same reason, when this supervisor is known to have sent SIGTERM or SIGKILL before.
    pub(crate) fn after_our_signal(self, we_killed: bool) -> Self {
        match self {
            Self::Signalled { signal, core_dumped, sent_by } => {
                let ours = signal == SIGTERM || (we_killed && signal == SIGKILL);
                let sent_by = if ours { SentBy::Supervisor } else { sent_by };
                Self::Signalled { signal, core_dumped, sent_by }
            }
            Self::Exited { .. } | Self::NotStarted { .. } | Self::Unknown => self,
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => write!(f, "exited with code {code}"),
            Self::Signalled { signal, core_dumped, sent_by } => {
                write!(f, "killed by signal {signal}")?;
                match (sent_by, *signal == SIGKILL) {
                    (SentBy::Supervisor, _) => f.write_str(" (sent by Klamm)")?,
                    (SentBy::MemoryKiller, _) => {
                        f.write_str(" (out of memory: the kernel's memory killer was at work)")?;
                    }
                    (SentBy::Elsewhere, true) => {
                        f.write_str(" (from outside; the kernel's memory killer was not at work)")?;
                    }
                    (SentBy::Unknown, true) => f.write_str(" (perhaps out of memory)")?,
                    (SentBy::Elsewhere | SentBy::Unknown, false) => {}
                }
                if *core_dumped { f.write_str(", core dumped") } else { Ok(()) }
            }
            Self::NotStarted { message } => write!(f, "not started: {message}"),
            Self::Unknown => f.write_str("ended for an unknown reason"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn killed(sent_by: SentBy) -> ExitReason {
        ExitReason::Signalled { signal: 9, core_dumped: false, sent_by }
    }

    #[test]
    fn a_kill_that_nobody_asked_for_names_memory_as_far_as_it_is_known() {
        assert_eq!(killed(SentBy::Unknown).to_string(), "killed by signal 9 (perhaps out of memory)");
        assert_eq!(
            killed(SentBy::MemoryKiller).to_string(),
            "killed by signal 9 (out of memory: the kernel's memory killer was at work)"
        );
        assert_eq!(
            killed(SentBy::Elsewhere).to_string(),
            "killed by signal 9 (from outside; the kernel's memory killer was not at work)"
        );
    }

    #[test]
    fn our_own_signals_are_known_as_ours() {
        assert_eq!(killed(SentBy::Unknown).after_our_signal(true), killed(SentBy::Supervisor));
        assert_eq!(killed(SentBy::Unknown).after_our_signal(false), killed(SentBy::Unknown));
    }
}
