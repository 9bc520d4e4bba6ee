//! A host: its disk, its power, the Kafka processes on it, and the agent that comes and goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use klamm_core::model::{ClusterId, HostId, Sha256, SlotName};
use klamm_ledger::Folders;
use klamm_supervise::ProcessIdentity;

use crate::agent::Agent;
use crate::command::Host;
use crate::disk::SimDisk;
use crate::kafka::{DiskNumber, ProcessNumber, VoterKey};

/// A host and its agent.
#[derive(Debug)]
pub(crate) struct HostState {
    /// All but the agent.
    pub(crate) place: Place,
    /// The agent, while it runs.
    pub(crate) agent: Option<Agent>,
}

/// What an agent works in, and what outlives it.
#[derive(Debug)]
pub(crate) struct Place {
    /// Which.
    pub(crate) host: Host,
    /// As the server knows it.
    pub(crate) id: HostId,
    /// What survives everything but its own loss.
    pub(crate) disk: SimDisk,
    /// What was remembered of the disk.
    pub(crate) snapshot: Option<SimDisk>,
    /// Whether it runs at all.
    pub(crate) has_power: bool,
    /// Kafka's processes; they outlive the agent.
    pub(crate) processes: BTreeMap<SlotName, Running>,
    /// The disk under each slot's data directories, as Kafka's model numbers it.
    pub(crate) volumes: BTreeMap<SlotName, DiskNumber>,
    /// Slots whose data fate has taken.
    pub(crate) wiped: BTreeSet<SlotName>,
    /// The newest command that was ever obeyed here, epoch and number, for the rule that none goes back.
    pub(crate) obeyed: BTreeMap<ClusterId, (u64, u64)>,
    /// What each slot's process wrote last before it ended by itself.
    pub(crate) last_words: BTreeMap<SlotName, String>,
    /// The voters that a fresh metadata log begins with: what the checkpoint among the seeds says, which nobody here
    /// reads.
    pub(crate) voters: Vec<VoterKey>,
    /// Process ids given out so far.
    pub(crate) pids: u32,
}

/// A Kafka process.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// For the model.
    pub(crate) process: ProcessNumber,
    /// For the agent.
    pub(crate) identity: ProcessIdentity,
    /// When it was started.
    pub(crate) since: Duration,
    /// What it was started with.
    pub(crate) launch: Sha256,
    /// Its `server.properties` as it read them.
    pub(crate) properties: Arc<str>,
}

impl HostState {
    pub(crate) fn new(host: Host) -> Self {
        let place = Place {
            host,
            id: host_id(host),
            disk: SimDisk::default(),
            snapshot: None,
            has_power: true,
            processes: BTreeMap::new(),
            volumes: BTreeMap::new(),
            wiped: BTreeSet::new(),
            obeyed: BTreeMap::new(),
            last_words: BTreeMap::new(),
            voters: Vec::new(),
            pids: 1000,
        };
        Self { place, agent: None }
    }
}

impl Place {
    /// Where its agent keeps what.
    pub(crate) fn folders(&self) -> Folders {
        Folders {
            state: PathBuf::from("/state"),
            logs: PathBuf::from("/logs"),
            cache: PathBuf::from("/cache"),
        }
    }

    /// The slot that a process of the model belongs to.
    pub(crate) fn slot_of(&self, process: ProcessNumber) -> Option<SlotName> {
        self.processes.iter().find(|(_, running)| running.process == process).map(|(slot, _)| slot.clone())
    }
}

/// A host as the server knows it.
pub(crate) fn host_id(host: Host) -> HostId {
    let number = match host {
        Host::Server => 0,
        Host::Agent(number) => number,
    };
    format!("host-{number:016x}").parse().expect("sixteen hexadecimal digits are a host id")
}
