//! The model: its state, its clock, and what the world may do to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use klamm_core::model::{ClusterId, NodeId};

use super::branching::{BranchingLog, LogEnd};
use super::chance::Chance;
use super::clients::Asked;
use super::disk::Disk;
use super::image::{Image, MetadataEntry, PartitionNumber};
use super::process::{Phase, Process, Recovery};
use super::records::{Harm, Records};
use super::{
    DiskNumber, Exit, Happening, HostNumber, Launch, PartitionName, ProcessNumber, RecordNumber, Timing,
    VoterKey, What,
};

/// One cluster.
///
/// All methods but [`Model::advance`] act at [`Model::now`]: advance first, then act.
#[derive(Debug, Clone)]
pub struct Model {
    pub(super) cluster: ClusterId,
    pub(super) timing: Timing,
    pub(super) chance: Chance,
    pub(super) now: Duration,
    /// Directed pairs of hosts between which nothing arrives.
    cut: BTreeSet<(HostNumber, HostNumber)>,
    pub(super) disks: BTreeMap<DiskNumber, Disk>,
    pub(super) processes: BTreeMap<ProcessNumber, Process>,
    launched: u32,
    /// Every replica of the metadata log is an end in it.
    pub(super) metadata: BranchingLog<MetadataEntry>,
    /// The snapshots that quorums begin with, by their voters.
    pub(super) beginnings: BTreeMap<Vec<VoterKey>, LogEnd>,
    /// Up to where metadata was ever committed.
    pub(super) committed: Option<LogEnd>,
    /// By [`PartitionNumber`].
    pub(super) records: Vec<Records>,
    pub(super) asked: BTreeMap<u64, Asked>,
    pub(super) questions: u64,
    pub(super) lost: Vec<LostRecord>,
    happenings: Vec<Happening>,
    /// Whether who can talk to whom about what has to be worked out again.
    unsettled: bool,
}

/// What Kafka wrote on a disk, as a copy that can be put back.
#[derive(Debug, Clone)]
pub struct DiskCopy(Disk);

/// A record that was acknowledged with acks=all and is gone for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRecord {
    /// When it was lost.
    pub at: Duration,
    /// Which.
    pub record: RecordNumber,
    /// Where it was.
    pub partition: PartitionName,
    /// Whether Kafka promised to keep it in spite of all that failed: see `docs/develop/kafka-model.md`.
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
            disks: BTreeMap::new(),
            processes: BTreeMap::new(),
            launched: 0,
            metadata: BranchingLog::new(),
            beginnings: BTreeMap::new(),
            committed: None,
            records: Vec::new(),
            asked: BTreeMap::new(),
            questions: 0,
            lost: Vec::new(),
            happenings: Vec::new(),
            unsettled: false,
        }
    }

    /// Its id.
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// The times it was made with.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The moment up to which everything has happened.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// When something happens next if the world does nothing; none when nothing would, ever.
    pub fn next_event_at(&self) -> Option<Duration> {
        if self.unsettled {
            return Some(self.now);
        }
        let processes = self.processes.values().filter_map(Process::due);
        let answers = self.asked.values().map(Asked::due);
        processes.chain(answers).min().map(|at| at.max(self.now))
    }

    /// Lets everything happen up to and including `to`.
    pub fn advance(&mut self, to: Duration) {
        self.settle_if_needed();
        while let Some(at) = self.next_event_at().filter(|at| *at <= to) {
            self.now = at;
            let due = self.processes.iter().filter(|(_, process)| process.due().is_some_and(|due| due <= at));
            for process in due.map(|(number, _)| *number).collect::<Vec<_>>() {
                self.act_for(process);
            }
            self.pursue_questions();
            self.settle_if_needed();
        }
        self.now = self.now.max(to);
    }

    /// What happened since this was asked last, in order.
    pub fn take_happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happenings)
    }

    /// Everything of a process that is due now.
    fn act_for(&mut self, process: ProcessNumber) {
        let Some(phase) = self.processes.get(&process).map(|process| process.phase) else { return };
        match phase {
            Phase::Booting { until } if until <= self.now => self.begin(process),
            Phase::Ending { at } if at <= self.now => {
                self.exit(process, Exit::Code { code: 143, log: String::new() });
            }
            Phase::Booting { .. } => {}
            Phase::Up | Phase::Ending { .. } => {
                self.act_in_quorum(process);
                self.act_as_controller(process);
                self.act_as_broker(process);
                self.act_as_replica(process);
            }
        }
    }

    fn settle_if_needed(&mut self) {
        // Settling one thing may unsettle another, for example a leader that is found; never for long.
        while std::mem::take(&mut self.unsettled) {
            self.settle_quorum();
            self.settle_sessions();
            self.settle_brokers();
            self.settle_replicas();
        }
    }

    /// Who reaches whom, leads, lives or knows what has changed.
    pub(super) fn unsettle(&mut self) {
        self.unsettled = true;
    }

    pub(super) fn tell(&mut self, what: What) {
        self.happenings.push(Happening { at: self.now, what });
    }

    // ---- the network ------------------------------------------------------------------------------------------

    /// From now on nothing that `from` sends arrives at `to`. Connections need both directions: one that is cut is as
    /// good as two. Processes of one host always reach each other.
    pub fn cut(&mut self, from: HostNumber, to: HostNumber) {
        if self.cut.insert((from, to)) {
            self.unsettle();
        }
    }

    /// Undoes [`Self::cut`].
    pub fn heal(&mut self, from: HostNumber, to: HostNumber) {
        if self.cut.remove(&(from, to)) {
            self.unsettle();
        }
    }

    pub(super) fn is_linked(&self, one: HostNumber, other: HostNumber) -> bool {
        one == other || !(self.cut.contains(&(one, other)) || self.cut.contains(&(other, one)))
    }

    /// Whether two processes can talk to each other.
    pub(super) fn can_talk(&self, one: &Process, other: &Process) -> bool {
        one.is_live() && other.is_live() && self.is_linked(one.launch.host, other.launch.host)
    }

    /// Time for a question and its answer.
    pub(super) fn round_trip(&self) -> Duration {
        self.timing.delay * 2
    }

    // ---- processes --------------------------------------------------------------------------------------------

    /// Starts a process.
    pub fn launch(&mut self, launch: Launch) -> ProcessNumber {
        self.launched += 1;
        let number = ProcessNumber(self.launched);
        self.disks.entry(launch.disk).or_default().host = Some(launch.host);
        let jitter = self.chance.up_to(self.timing.boot_jitter);
        let until = self.now + self.timing.boot + jitter;
        self.processes.insert(number, Process::booting(launch, until));
        number
    }

    /// SIGKILL: what it wrote stays in the page cache.
    pub fn kill(&mut self, process: ProcessNumber) {
        self.exit(process, Exit::Killed);
    }

    /// SIGSTOP.
    pub fn freeze(&mut self, process: ProcessNumber) {
        let now = self.now;
        if let Some(process) = self.processes.get_mut(&process)
            && process.frozen_at.is_none()
        {
            process.frozen_at = Some(now);
            self.unsettle();
        }
    }

    /// Ends all processes of a host and forgets what its disks had not written yet.
    pub fn lose_power(&mut self, host: HostNumber) {
        let there = self.processes.iter().filter(|(_, process)| process.launch.host == host);
        for process in there.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.exit(process, Exit::PowerLoss);
        }
        let (now, write_back) = (self.now, self.timing.write_back);
        let mut damaged = Vec::new();
        for (number, disk) in self.disks.iter_mut().filter(|(_, disk)| disk.host == Some(host)) {
            damaged.push((*number, disk.lose_power(now, write_back)));
        }
        for (disk, partitions) in damaged {
            self.damage(disk, &partitions);
        }
    }

    /// Whether the process is there, frozen or not.
    pub fn is_alive(&self, process: ProcessNumber) -> bool {
        self.processes.contains_key(&process)
    }

    /// Ends a process, if it is there.
    pub(super) fn exit(&mut self, number: ProcessNumber, exit: Exit) {
        self.release_questions_of(number);
        self.note_silence(number);
        let Some(process) = self.processes.remove(&number) else { return };
        let node = process.node();
        let disk = self.disks.entry(process.launch.disk).or_default();
        if let Some(broker) = &process.broker {
            // The mark of the last clean shutdown is taken away when logs are loaded.
            let kept = match broker.recovery {
                Recovery::Waiting | Recovery::Soon { .. } => broker.closed_by,
                Recovery::Running { .. } | Recovery::Done => None,
            };
            disk.closed_by = disk.closed_by.or(kept);
        }
        let was_unclean = process.broker.is_some() && disk.closed_by.is_none();
        let logs: Vec<PartitionNumber> = disk.logs.keys().copied().collect();
        if was_unclean {
            self.harm(node, Harm::Unclean, logs);
        }
        if let Some(epoch) = process.leading().map(|leading| leading.epoch) {
            self.tell(What::ControllerResigned { node, epoch });
        }
        self.tell(What::Exited { process: number, node, exit });
        self.unsettle();
    }

    // ---- disks ------------------------------------------------------------------------------------------------

    /// Forgets everything that Kafka wrote on a disk. Its processes should be gone.
    pub fn wipe(&mut self, disk: DiskNumber) {
        let host = self.disks.get(&disk).and_then(|disk| disk.host);
        let partitions = self.partitions_on(disk);
        self.disks.insert(disk, Disk { host, node: self.node_of(disk), ..Disk::default() });
        self.damage(disk, &partitions);
    }

    /// Deletes what Kafka wrote on a disk: not fate took it, so that what was promised stays promised.
    pub fn delete(&mut self, disk: DiskNumber) {
        let partitions = self.partitions_on(disk);
        self.disks.remove(&disk);
        self.lose_what_is_nowhere(&partitions);
    }

    /// A snapshot of a disk.
    pub fn copy_of(&self, disk: DiskNumber) -> DiskCopy {
        DiskCopy(self.disks.get(&disk).cloned().unwrap_or_default())
    }

    /// Puts a snapshot back: the logs on the disk go backwards. Its processes should be gone.
    pub fn restore(&mut self, disk: DiskNumber, copy: DiskCopy) {
        let partitions = self.partitions_on(disk);
        let host = self.disks.get(&disk).and_then(|disk| disk.host);
        self.disks.insert(disk, Disk { host, ..copy.0 });
        self.damage(disk, &partitions);
    }

    /// How many segments the next start after an unclean end has to check on this disk, besides one of each log.
    pub fn set_unchecked_segments(&mut self, disk: DiskNumber, segments: u64) {
        self.disks.entry(disk).or_default().unchecked_segments = segments;
    }

    /// Gives each partition of a topic so much older data, which a replica that lost its disk has to fetch.
    pub fn set_volume(&mut self, topic: &str, bytes: u64) {
        for (index, records) in self.records.iter_mut().enumerate().filter(|(_, it)| it.name.topic == topic) {
            records.volume = bytes;
            let number = PartitionNumber(u32::try_from(index).unwrap_or(u32::MAX));
            let logs = self.disks.values_mut().filter_map(|disk| disk.logs.get_mut(&number));
            logs.for_each(|log| log.volume = bytes);
        }
    }

    fn partitions_on(&self, disk: DiskNumber) -> Vec<PartitionNumber> {
        self.disks.get(&disk).map(|disk| disk.logs.keys().copied().collect()).unwrap_or_default()
    }

    fn node_of(&self, disk: DiskNumber) -> Option<NodeId> {
        self.disks.get(&disk).and_then(|disk| disk.node)
    }

    /// Something of these partitions was lost on the disk.
    fn damage(&mut self, disk: DiskNumber, partitions: &[PartitionNumber]) {
        if let Some(node) = self.node_of(disk) {
            self.harm(node, Harm::Damaged, partitions.to_vec());
        }
        self.lose_what_is_nowhere(partitions);
    }

    fn lose_what_is_nowhere(&mut self, partitions: &[PartitionNumber]) {
        for partition in partitions {
            let logs = self.disks.values().filter_map(|disk| disk.logs.get(partition));
            let ends: Vec<LogEnd> = logs.map(|log| log.end).collect();
            self.lose_what_is_not_in(*partition, &ends);
        }
        self.unsettle();
    }

    // ---- what several parts need ------------------------------------------------------------------------------

    pub(super) fn records_of(&mut self, partition: PartitionNumber) -> &mut Records {
        self.records.get_mut(partition.0 as usize).expect("every number was given with its records")
    }

    pub(super) fn lose_what_is_not_in(&mut self, partition: PartitionNumber, logs: &[LogEnd]) {
        let at = self.now;
        let records = self.records_of(partition);
        let name = records.name.clone();
        let lost = records.lose_what_is_not_in(logs);
        let lost = lost.into_iter().map(|(record, was_promised)| LostRecord {
            at,
            record,
            partition: name.clone(),
            was_promised,
        });
        self.lost.extend(lost);
    }

    fn harm(&mut self, node: NodeId, harm: Harm, partitions: Vec<PartitionNumber>) {
        let image = self.committed_image();
        for partition in partitions {
            let known = image.as_ref().and_then(|image| image.partition(partition).cloned());
            let min = match (&image, known) {
                (Some(image), Some(known)) => image.effective_min_in_sync(&known),
                (None, _) | (_, None) => 1,
            };
            self.records_of(partition).harm(node, harm, min);
        }
    }

    /// The metadata as of the last commit that ever was; what the cluster will come back to if it comes back.
    pub(super) fn committed_image(&self) -> Option<Arc<Image>> {
        let entry = self.metadata.last(self.committed?)?;
        Some(Arc::clone(&entry.image))
    }

    /// Acknowledged records that no restart and no waiting brings back, in the order in which they were lost.
    pub fn lost_records(&self) -> &[LostRecord] {
        &self.lost
    }
}
