//! Where a unit can be, each place with its evidence. All moments are of
//! [`crate::monotonic_now`]'s clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::identity::ProcessIdentity;

/// Where a unit is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Nothing was asked yet.
    Idle,
    /// The operating system makes the process.
    Spawning {
        /// Since when.
        since: Duration,
        /// A stop that was asked meanwhile, and what comes after it.
        stop: Option<(StopRequest, AfterStop)>,
    },
    /// The process lives and was not ready yet.
    Starting {
        /// The process.
        process: Live,
        /// What it waits for, if the caller said so.
        waiting_for: Option<String>,
    },
    /// The process lives and was ready at least once.
    Running {
        /// The process.
        process: Live,
        /// Whether it is ready now.
        readiness: Readiness,
    },
    /// The process is to end.
    Stopping {
        /// The process.
        process: Live,
        /// When the stop began.
        since: Duration,
        /// Who asked, and how.
        request: StopRequest,
        /// How far it is.
        phase: Phase,
        /// What comes after.
        then: AfterStop,
    },
    /// The process ended by itself and comes back later.
    BackingOff {
        /// When.
        until: Duration,
        /// How often in a row it ended by itself.
        failures: u32,
    },
    /// The process ended as asked, and nothing it started is left.
    Stopped {
        /// Since when.
        since: Duration,
    },
    /// The process ended by itself too often and does not come back by itself.
    Failed {
        /// Since when.
        since: Duration,
        /// How often in a row it ended by itself.
        failures: u32,
    },
}

impl State {
    /// The process, while there is one.
    pub fn process(&self) -> Option<&Live> {
        match self {
            Self::Starting { process, .. } | Self::Running { process, .. } => Some(process),
            Self::Stopping { process, phase, .. } => match phase {
                Phase::Terminating { .. } | Phase::Killing { .. } => Some(process),
                Phase::Sweeping { .. } => None,
            },
            Self::Idle
            | Self::Spawning { .. }
            | Self::BackingOff { .. }
            | Self::Stopped { .. }
            | Self::Failed { .. } => None,
        }
    }

    /// Whether it is running and ready.
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Running { readiness: Readiness::Ready { .. }, .. })
    }

    /// Whether there is no process and none is coming.
    pub fn is_at_rest(&self) -> bool {
        matches!(self, Self::Idle | Self::Stopped { .. } | Self::Failed { .. })
    }
}

/// A live process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The how-manieth process of this unit, from 1.
    pub incarnation: u64,
    /// When it started.
    pub since: Duration,
    /// How we came to it.
    pub origin: Origin,
    /// Which process it is.
    pub identity: ProcessIdentity,
}

/// How a unit came to its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Started by this supervisor.
    Started,
    /// Started by an earlier supervisor and found alive.
    Adopted,
}

/// Whether a running process is ready for its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "readiness", rename_all = "kebab-case")]
pub enum Readiness {
    /// It is.
    Ready {
        /// Since when.
        since: Duration,
    },
    /// It was.
    Lost {
        /// Since when not.
        since: Duration,
        /// What it lacks.
        reason: String,
    },
}

/// How a stop is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    /// Who asked, for people: `klamm down`, `run 12, step 3`.
    pub by: String,
    /// How hard.
    pub mode: StopMode,
}

impl StopRequest {
    /// SIGTERM, and patience while it progresses.
    pub fn graceful(by: impl Into<String>, no_progress_limit: Duration) -> Self {
        Self { by: by.into(), mode: StopMode::Graceful { no_progress_limit } }
    }

    /// SIGKILL now.
    pub fn now(by: impl Into<String>) -> Self {
        Self { by: by.into(), mode: StopMode::Now }
    }
}

/// How hard to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum StopMode {
    /// SIGTERM; SIGKILL only after `no_progress_limit` without a change of the progress that the
    /// caller reports. For Kafka above 300 s: its controlled shutdown takes up to five minutes
    /// (`KafkaBroker.shutdown`).
    Graceful {
        /// How long no progress is tolerated.
        no_progress_limit: Duration,
    },
    /// SIGKILL at once.
    Now,
}

/// How far a stop is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// SIGTERM was sent.
    Terminating {
        /// The last observed progress, if any.
        progress: Option<u64>,
        /// When it last changed, or the stop began.
        progressed_at: Duration,
        /// When SIGKILL follows if it does not change again.
        kill_at: Duration,
    },
    /// SIGKILL was sent.
    Killing {
        /// When.
        since: Duration,
    },
    /// The process ended; its helpers are being cleared away.
    Sweeping {
        /// Since when.
        since: Duration,
        /// When to look again, if some survived.
        again_at: Option<Duration>,
    },
}

/// What comes after a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterStop {
    /// Nothing.
    Rest,
    /// A new process.
    Start,
}
