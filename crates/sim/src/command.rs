//! What can be done to a simulated fleet: by its operator, by fate, and by who asks. Each command has one line of
//! text, so that a random history can be written down, shortened and played again.

#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::time::Duration;

use klamm_core::model::SlotName;

pub use text::{CommandError, parse};

/// One line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Let time pass.
    Run(Duration),
    /// Let time pass until nothing is left to do; a fleet that does not come to rest in time is a finding.
    Settle,
    /// Something the operator does.
    Order(Order),
    /// Something that happens to the fleet.
    Fault(Fault),
    /// Something that is asked and changes nothing.
    Ask(Question),
}

/// What an operator does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Apply the spec.
    Up,
    /// Stop the cluster.
    Down,
    /// Delete the cluster.
    Destroy,
    /// Write a Kafka setting into the spec.
    Set {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
    },
    /// Take a Kafka setting out of the spec.
    Unset {
        /// Its key.
        key: String,
    },
    /// Write a topic into the spec.
    Topic {
        /// Its name.
        name: String,
        /// How many partitions.
        partitions: u32,
        /// How many replicas.
        replicas: u16,
    },
    /// Write a user who may read everything into the spec.
    User {
        /// Its name.
        name: String,
    },
    /// Take a user out of the spec.
    DropUser {
        /// Its name.
        name: String,
    },
    /// Make the spec what it was before its last edit.
    Revert,
    /// Stop the run that goes on, between two acts.
    Abort,
    /// Go on with the run that was stopped.
    Resume,
}

/// What happens to a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Kafka's process of a slot is killed.
    KillNode(SlotName),
    /// Kafka's process of a slot does not get the processor any more.
    FreezeNode(SlotName),
    /// It goes on.
    ThawNode(SlotName),
    /// What a slot has on its disks is gone.
    LoseData(SlotName),
    /// The next start of a slot after an unclean end has so many segments to check.
    Segments {
        /// Which slot.
        slot: SlotName,
        /// How many.
        count: u64,
    },
    /// A host's agent is killed; its processes run on.
    KillAgent(Host),
    /// A host's agent is started.
    StartAgent(Host),
    /// The server is killed.
    KillServer,
    /// The server is started.
    StartServer,
    /// A host loses its power.
    PowerOff(Host),
    /// A host gets its power back, and starts its agent.
    PowerOn(Host),
    /// What a host keeps is remembered, so that it can be restored.
    Snapshot(Host),
    /// A host that has no power gets back what was remembered of it.
    Restore(Host),
    /// A copy of the server's store is kept, so that it can be restored.
    SnapshotServer,
    /// A server that was replaced still lives, and hands a host the target before the last one.
    OldServer(Host),
    /// The server is killed and started with the copy of its store.
    RestoreServer,
    /// Nothing goes from one host to another any more.
    Cut {
        /// From here.
        from: Host,
        /// To there.
        to: Host,
    },
    /// All lines of a host are cut, both ways.
    Isolate(Host),
    /// All lines are whole again, fast and true.
    Heal,
    /// Messages take longer, by up to this much, and so overtake each other.
    Delay(Duration),
    /// So many of a hundred messages between agents and server are lost.
    Drop(u8),
    /// So many of a hundred messages between agents and server come twice.
    Duplicate(u8),
    /// A host's wall clock is off by so many seconds.
    SkewClock {
        /// Whose.
        host: Host,
        /// Ahead, or behind where negative.
        seconds: i64,
    },
    /// A host's disk takes no more writes.
    FillDisk(Host),
    /// A host's disk has room again.
    EmptyDisk(Host),
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// How the fleet is: hosts, nodes, partitions, the run.
    Status,
    /// What would be done.
    Plan,
    /// The last lines of the journal.
    Journal,
    /// Whether anything that must always hold does not.
    Check,
}

/// A host of the simulation: `h1`, `h2`, … or `server`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// The host of the server.
    Server,
    /// A host with an agent, counted from 1.
    Agent(u8),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.pad("server"),
            Self::Agent(number) => f.pad(&format!("h{number}")),
        }
    }
}

impl Command {
    /// Whether it takes something away from the fleet, or lies to it: what a history of faults is counted by.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Fault(fault) => !fault.mends(),
            Self::Run(_) | Self::Settle | Self::Order(_) | Self::Ask(_) => false,
        }
    }
}

impl Fault {
    /// Whether it gives back what another one took.
    pub fn mends(&self) -> bool {
        match self {
            Self::ThawNode(_)
            | Self::StartAgent(_)
            | Self::StartServer
            | Self::PowerOn(_)
            | Self::Snapshot(_)
            | Self::SnapshotServer
            | Self::Segments { .. }
            | Self::Heal
            | Self::EmptyDisk(_) => true,
            Self::KillNode(_)
            | Self::FreezeNode(_)
            | Self::LoseData(_)
            | Self::KillAgent(_)
            | Self::KillServer
            | Self::PowerOff(_)
            | Self::Restore(_)
            | Self::RestoreServer
            | Self::Cut { .. }
            | Self::Isolate(_)
            | Self::Delay(_)
            | Self::Drop(_)
            | Self::Duplicate(_)
            | Self::SkewClock { .. }
            | Self::OldServer(_)
            | Self::FillDisk(_) => false,
        }
    }
}
