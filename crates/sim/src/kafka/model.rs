//! The model and what the world may do to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use klamm_core::model::ClusterId;
use klamm_core::model::inventory::KafkaView;

use super::chance::Chance;
use super::{
    Acks, DiskNumber, Exit, Happening, HostNumber, KafkaError, Launch, NodeStatus, PartitionName,
    ProcessNumber, RecordNumber, Request, RequestNumber, Timing, What,
};

/// One cluster.
///
/// All methods but [`Model::advance`] act at [`Model::now`]: advance first, then act.
#[derive(Debug, Clone)]
pub struct Model {
    cluster: ClusterId,
    timing: Timing,
    chance: Chance,
    now: Duration,
    /// Directed pairs of hosts between which nothing arrives.
    cut: BTreeSet<(HostNumber, HostNumber)>,
    processes: BTreeMap<ProcessNumber, Launch>,
    launched: u32,
    asked: u64,
    happenings: Vec<Happening>,
}

/// What Kafka wrote on a disk, as a copy that can be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskCopy {
    taken_at: Duration,
}

/// A record that was acknowledged and is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRecord {
    /// Which.
    pub record: RecordNumber,
    /// Where it was.
    pub partition: PartitionName,
    /// Whether Kafka promised to keep it in spite of all that failed.
    pub was_promised: bool,
}

impl Model {
    /// A cluster without a process.
    pub fn new(cluster: ClusterId, timing: Timing, seed: u64) -> Self {
        Self {
            cluster,
            timing,
            chance: Chance::new(seed),
            now: Duration::ZERO,
            cut: BTreeSet::new(),
            processes: BTreeMap::new(),
            launched: 0,
            asked: 0,
            happenings: Vec::new(),
        }
    }

    /// Its id.
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// The moment up to which everything has happened.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// When something happens next if the world does nothing; none when nothing would, ever.
    pub fn next_event_at(&self) -> Option<Duration> {
        None
    }

    /// Lets everything happen up to and including `to`.
    pub fn advance(&mut self, to: Duration) {
        // Events come at their own moments; a microsecond more or less of chance keeps two seeds apart.
        self.now = self.now.max(to);
        let _ = self.chance.up_to(Duration::from_micros(1));
    }

    /// What happened since this was asked last, in order.
    pub fn take_happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happenings)
    }

    /// From now on nothing that `from` sends arrives at `to`. Connections need both directions: one that is cut is as
    /// good as two. Processes of one host always reach each other.
    pub fn cut(&mut self, from: HostNumber, to: HostNumber) {
        self.cut.insert((from, to));
    }

    /// Undoes [`Self::cut`].
    pub fn heal(&mut self, from: HostNumber, to: HostNumber) {
        self.cut.remove(&(from, to));
    }

    /// Starts a process.
    pub fn launch(&mut self, launch: Launch) -> ProcessNumber {
        self.launched += 1;
        let number = ProcessNumber(self.launched);
        self.processes.insert(number, launch);
        number
    }

    /// SIGTERM: a broker hands over what it leads and waits for the active controller; a controller resigns.
    pub fn terminate(&mut self, process: ProcessNumber) {
        self.end(process, Exit::Code { code: 143, log: String::new() });
    }

    /// SIGKILL: what it wrote stays in the page cache.
    pub fn kill(&mut self, process: ProcessNumber) {
        self.end(process, Exit::Killed);
    }

    /// SIGSTOP.
    pub fn freeze(&mut self, _process: ProcessNumber) {}

    /// SIGCONT.
    pub fn thaw(&mut self, _process: ProcessNumber) {}

    /// Ends all processes of a host and forgets what its disks had not written yet.
    pub fn lose_power(&mut self, host: HostNumber) {
        let lost = self.processes.iter().filter(|(_, launch)| launch.host == host).map(|(number, _)| *number);
        for process in lost.collect::<Vec<_>>() {
            self.end(process, Exit::PowerLoss);
        }
    }

    /// Whether the process is there, frozen or not.
    pub fn is_alive(&self, process: ProcessNumber) -> bool {
        self.processes.contains_key(&process)
    }

    /// Forgets everything that Kafka wrote on a disk. Its processes should be gone.
    pub fn wipe(&mut self, _disk: DiskNumber) {}

    /// A snapshot of a disk.
    pub fn copy_of(&self, _disk: DiskNumber) -> DiskCopy {
        DiskCopy { taken_at: self.now }
    }

    /// Puts a snapshot back: the logs on the disk go backwards.
    pub fn restore(&mut self, _disk: DiskNumber, _copy: DiskCopy) {}

    /// How many segments the next start after an unclean end has to check on this disk, besides one of each log.
    pub fn set_unchecked_segments(&mut self, _disk: DiskNumber, _segments: u64) {}

    /// Gives each partition of a topic so much older data, which a replica that lost its disk has to fetch.
    pub fn set_volume(&mut self, _topic: &str, _bytes: u64) {}

    /// A client on a host writes a record. The answer is a happening; none comes to a client that is cut off.
    ///
    /// A record that is sent again is not written twice: producers are idempotent.
    pub fn produce(
        &mut self,
        _from: HostNumber,
        _record: RecordNumber,
        _to: &PartitionName,
        _acks: Acks,
    ) -> Result<(), KafkaError> {
        Err(KafkaError::BrokerNotAvailable)
    }

    /// Somebody on a host asks for a change. The answer is a happening; it may never come, and the change may be made
    /// all the same.
    pub fn ask(&mut self, _from: HostNumber, _request: Request) -> RequestNumber {
        self.asked += 1;
        RequestNumber(self.asked)
    }

    /// What the server on a host would see through the first broker that answers; none while a look fails.
    pub fn view(&self, _from: HostNumber) -> Option<KafkaView> {
        None
    }

    /// What the observer of a process answers to its agent; none while it does not answer.
    pub fn status(&self, process: ProcessNumber) -> Option<NodeStatus> {
        let _launch = self.processes.get(&process)?;
        Some(NodeStatus {
            broker: None,
            logs_remaining: None,
            segments_remaining: None,
            raft: None,
            quorum_leader: None,
            high_watermark: None,
            leaders: None,
        })
    }

    /// Acknowledged records that no restart and no waiting brings back.
    pub fn lost_records(&self) -> Vec<LostRecord> {
        Vec::new()
    }

    /// The times it was made with.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    fn end(&mut self, process: ProcessNumber, exit: Exit) {
        if let Some(launch) = self.processes.remove(&process) {
            let what = What::Exited { process, node: launch.node, exit };
            self.happenings.push(Happening { at: self.now, what });
        }
    }
}
