//! One run of a Kafka process, with all that it keeps in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use klamm_core::model::NodeId;

use super::branching::LogEnd;
use super::image::{Image, PartitionNumber};
use super::lead::{Lead, Pull};
use super::{BrokerState, KafkaError, Launch, ProcessNumber, VoterKey};

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) launch: Launch,
    pub(super) phase: Phase,
    pub(super) frozen_at: Option<Duration>,
    /// SIGTERM came while it was frozen.
    pub(super) stop_asked: bool,
    pub(super) raft: Raft,
    /// None for a mere controller.
    pub(super) broker: Option<Broker>,
    /// While it leads the quorum and has taken over.
    pub(super) controller: Option<ActiveController>,
}

/// How far the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Java starts; nothing answers.
    Booting {
        until: Duration,
    },
    Up,
    /// It was told to stop and has left the quorum, or waits for a successor as its leader; nothing else is left to do.
    Ending {
        at: Duration,
    },
}

/// Its part in the quorum.
#[derive(Debug, Clone)]
pub(super) struct Raft {
    pub(super) role: Role,
    /// The committed metadata that the node has taken up, and up to where; none before it knows any.
    pub(super) applied: Option<Applied>,
    /// When it takes up what was committed since.
    pub(super) apply_at: Option<Duration>,
    /// When it finds a leader that it does not follow yet.
    pub(super) find_at: Option<Duration>,
}

/// Metadata that a node acts by.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    pub(super) end: LogEnd,
    pub(super) image: Arc<Image>,
    /// The last few offsets with the moments at which they were taken up: what heartbeats report.
    pub(super) lately: VecDeque<(Duration, u64)>,
}

#[derive(Debug, Clone)]
pub(super) enum Role {
    Leader(Leading),
    Following(Following),
    /// Knows no leader; a voter tries to become one.
    Seeking {
        /// When a voter asks for votes next; none for observers.
        election_at: Option<Duration>,
    },
    /// Gave up the lead; waits for somebody to take it.
    Resigned {
        /// When it forgets that it led.
        until: Duration,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Leading {
    pub(super) epoch: u32,
    /// Up to where a majority has the log; none until a majority has an entry of this epoch.
    pub(super) committed: Option<LogEnd>,
    /// When what was appended has reached the followers that fetch.
    pub(super) replicate_at: Option<Duration>,
    /// When it resigns because no majority fetches.
    pub(super) resign_at: Option<Duration>,
    /// What it last knew of voters that do not fetch any more.
    pub(super) seen: BTreeMap<VoterKey, SeenVoter>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct SeenVoter {
    pub(super) end: u64,
    pub(super) caught_up_at: Duration,
}

#[derive(Debug, Clone)]
pub(super) struct Following {
    pub(super) leader: ProcessNumber,
    pub(super) epoch: u32,
    /// Whether it has the leader's log: it fetched since it can reach it.
    pub(super) fetched: Fetched,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetched {
    /// The first fetch is on its way.
    Soon { at: Duration },
    /// It has what the leader has.
    InStep,
    /// The leader does not answer; a voter seeks votes from `election_at` on.
    Lost { since: Duration, election_at: Duration },
}

/// The broker in a process.
#[derive(Debug, Clone)]
pub(super) struct Broker {
    pub(super) state: BrokerState,
    pub(super) registration: Registering,
    /// The active controller's last refusal to register it.
    pub(super) refused: Option<KafkaError>,
    /// A broker that is not registered by then ends.
    pub(super) give_up_at: Option<Duration>,
    pub(super) recovery: Recovery,
    /// When it tells the active controller something that matters; heartbeats that change nothing are not played.
    pub(super) heartbeat_at: Option<Duration>,
    /// The broker epoch of the run that closed its logs in order; none after any other end.
    pub(super) closed_by: Option<u64>,
    /// Whether its wish to stop was answered once.
    pub(super) stop_answered: bool,
    /// Whether it may close its logs.
    pub(super) stop_granted: bool,
    /// Where in its heartbeat interval it is.
    pub(super) phase: Duration,
    /// When it closes its logs whatever the active controller says.
    pub(super) stop_waiting_at: Option<Duration>,
    /// When its logs are closed.
    pub(super) closed_at: Option<Duration>,
    pub(super) leads: BTreeMap<PartitionNumber, Lead>,
    /// When what it appended has reached the followers in step.
    pub(super) replicate_at: Option<Duration>,
    /// When it next asks the active controller for other in-sync sets.
    pub(super) alter_at: Option<Duration>,
}

/// A broker's registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registering {
    /// It asks from `next_at` on; none while it knows no active controller.
    Unregistered {
        next_at: Option<Duration>,
    },
    /// The active controller has written the registration and answers when it is committed.
    Asked {
        controller: ProcessNumber,
        epoch: u64,
    },
    Registered {
        epoch: u64,
    },
}

/// Loading of logs at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recovery {
    /// Metadata is not known yet.
    Waiting,
    /// The rest of the broker is being made.
    Soon {
        at: Duration,
    },
    Running {
        logs: u64,
        segments: u64,
        since: Duration,
        until: Duration,
    },
    Done,
}

/// What the active controller keeps in memory.
#[derive(Debug, Clone)]
pub(super) struct ActiveController {
    pub(super) sessions: BTreeMap<NodeId, Session>,
    pub(super) balance_at: Duration,
}

/// A broker's session (`BrokerHeartbeatTracker`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) broker_epoch: u64,
    pub(super) contact: Contact,
    /// A broker in controlled shutdown may go when all active ones have reported this offset.
    pub(super) shutdown_offset: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    /// Heartbeats come in.
    Alive,
    /// None since `last`; noticed at `expires_at`.
    Silent { last: Duration, expires_at: Duration },
    /// Expired and forgotten.
    Expired,
}

impl Process {
    /// A process whose JVM starts.
    pub(super) fn booting(launch: Launch, until: Duration) -> Self {
        let raft =
            Raft { role: Role::Seeking { election_at: None }, applied: None, apply_at: None, find_at: None };
        let phase = Phase::Booting { until };
        Self { launch, phase, frozen_at: None, stop_asked: false, raft, broker: None, controller: None }
    }

    pub(super) fn node(&self) -> NodeId {
        self.launch.node
    }

    /// Whether it takes part in anything on the network: it is neither booting nor frozen, and has not left the quorum.
    pub(super) fn is_live(&self) -> bool {
        let is_up = match (self.phase, &self.raft.role) {
            (Phase::Up, _) | (Phase::Ending { .. }, Role::Resigned { .. }) => true,
            (Phase::Ending { .. }, Role::Leader(_) | Role::Following(_) | Role::Seeking { .. }) => false,
            (Phase::Booting { .. }, _) => false,
        };
        is_up && self.frozen_at.is_none()
    }

    pub(super) fn leading(&self) -> Option<&Leading> {
        match &self.raft.role {
            Role::Leader(leading) => Some(leading),
            Role::Following(_) | Role::Seeking { .. } | Role::Resigned { .. } => None,
        }
    }

    pub(super) fn following(&self) -> Option<&Following> {
        match &self.raft.role {
            Role::Following(following) => Some(following),
            Role::Leader(_) | Role::Seeking { .. } | Role::Resigned { .. } => None,
        }
    }

    /// Whether it has the log of the leader with that number.
    pub(super) fn is_in_step_with(&self, leader: ProcessNumber) -> bool {
        self.following()
            .is_some_and(|following| following.leader == leader && following.fetched == Fetched::InStep)
    }

    pub(super) fn image(&self) -> Option<&Arc<Image>> {
        self.raft.applied.as_ref().map(|applied| &applied.image)
    }

    /// When something of its own happens next; a frozen process does nothing.
    pub(super) fn due(&self) -> Option<Duration> {
        if self.frozen_at.is_some() {
            return None;
        }
        let phase = match self.phase {
            Phase::Booting { until } => return Some(until),
            Phase::Up => None,
            Phase::Ending { at } => Some(at),
        };
        let role = match &self.raft.role {
            Role::Leader(leading) => earliest([leading.replicate_at, leading.resign_at]),
            Role::Following(following) => match following.fetched {
                Fetched::Soon { at } => Some(at),
                Fetched::InStep => None,
                Fetched::Lost { election_at, .. } => Some(election_at),
            },
            Role::Seeking { election_at } => *election_at,
            Role::Resigned { until } => Some(*until),
        };
        let broker = self.broker.as_ref().and_then(Broker::due);
        let controller = self.controller.as_ref().map(ActiveController::due);
        // Metadata is not taken up while logs are loaded: one thread does both.
        let apply_at = self.raft.apply_at.filter(|_| !self.is_recovering());
        earliest([phase, role, apply_at, self.raft.find_at, broker, controller])
    }

    pub(super) fn is_recovering(&self) -> bool {
        self.broker.as_ref().is_some_and(|broker| match broker.recovery {
            Recovery::Running { .. } => true,
            Recovery::Waiting | Recovery::Soon { .. } | Recovery::Done => false,
        })
    }
}

impl Broker {
    pub(super) fn starting(closed_by: Option<u64>, phase: Duration, give_up_at: Duration) -> Self {
        Self {
            state: BrokerState::Starting,
            registration: Registering::Unregistered { next_at: None },
            refused: None,
            give_up_at: Some(give_up_at),
            recovery: Recovery::Waiting,
            heartbeat_at: None,
            closed_by,
            stop_answered: false,
            stop_granted: false,
            phase,
            stop_waiting_at: None,
            closed_at: None,
            leads: BTreeMap::new(),
            replicate_at: None,
            alter_at: None,
        }
    }

    fn due(&self) -> Option<Duration> {
        let registration = match self.registration {
            Registering::Unregistered { next_at } => next_at,
            Registering::Asked { .. } | Registering::Registered { .. } => None,
        };
        let recovery = match self.recovery {
            Recovery::Soon { at } => Some(at),
            Recovery::Running { until, .. } => Some(until),
            Recovery::Waiting | Recovery::Done => None,
        };
        let waiting = self.leads.values().filter_map(|lead| lead.pending.front().map(|first| first.until));
        let pulls = self.leads.values().flat_map(|lead| lead.followers.values());
        let caught_up = pulls.filter_map(|pull| match pull {
            Pull::CatchingUp { until, .. } => Some(*until),
            Pull::Away { .. } | Pull::InStep { .. } => None,
        });
        earliest([
            registration,
            recovery,
            self.give_up_at,
            self.heartbeat_at,
            self.stop_waiting_at,
            self.closed_at,
            self.replicate_at,
            self.alter_at,
            waiting.min(),
            caught_up.min(),
        ])
    }

    /// Whether clients are served: sockets open with the first unfencing and close when logs do.
    pub(super) fn serves(&self) -> bool {
        match self.state {
            BrokerState::Running | BrokerState::PendingControlledShutdown => true,
            BrokerState::NotRunning
            | BrokerState::Starting
            | BrokerState::Recovery
            | BrokerState::ShuttingDown => false,
        }
    }

    /// Whether it still talks to the active controller.
    pub(super) fn sends_heartbeats(&self) -> bool {
        match self.state {
            BrokerState::Starting
            | BrokerState::Recovery
            | BrokerState::Running
            | BrokerState::PendingControlledShutdown => true,
            BrokerState::NotRunning | BrokerState::ShuttingDown => false,
        }
    }
}

impl ActiveController {
    fn due(&self) -> Duration {
        let expiries = self.sessions.values().filter_map(|session| match session.contact {
            Contact::Silent { expires_at, .. } => Some(expires_at),
            Contact::Alive | Contact::Expired => None,
        });
        expiries.fold(self.balance_at, Duration::min)
    }
}

/// The first of several moments that may not come.
pub(super) fn earliest<const COUNT: usize>(moments: [Option<Duration>; COUNT]) -> Option<Duration> {
    moments.into_iter().flatten().min()
}
