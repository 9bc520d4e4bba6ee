//! Leaders of partitions: what they append, what has reached their followers, what is acknowledged (`Partition`,
//! `ReplicaManager`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use klamm_core::model::NodeId;

use super::branching::LogEnd;
use super::disk::ReplicaLog;
use super::image::{Image, PartitionNumber};
use super::lead::{Lead, Pending, Pull};
use super::model::Model;
use super::process::{Broker, Process, Recovery};
use super::{Acks, DiskNumber, HostNumber, KafkaError, ProcessNumber, RecordNumber, What};

impl Model {
    // ---- what a broker believes -------------------------------------------------------------------------------

    /// A broker leads what its metadata says that it leads, and forgets all else that it led.
    pub(super) fn take_up_leadership(&mut self, number: ProcessNumber, image: &Arc<Image>) {
        let now = self.now;
        let Some(process) = self.processes.get(&number) else { return };
        let (node, disk) = (process.node(), process.launch.disk);
        let may_lead = process.broker.as_ref().is_some_and(Broker::has_its_logs)
            && image.brokers.get(&node).is_some_and(|broker| broker.process == number);
        let wanted: BTreeMap<PartitionNumber, u32> = image
            .partitions()
            .filter(|(_, partition)| may_lead && partition.leader == Some(node))
            .map(|(number, partition)| (number, partition.leader_epoch))
            .collect();
        let Some(broker) = self.processes.get_mut(&number).and_then(|process| process.broker.as_mut()) else {
            return;
        };
        let led = std::mem::take(&mut broker.leads);
        let (kept, dropped): (BTreeMap<_, _>, BTreeMap<_, _>) =
            led.into_iter().partition(|(partition, lead)| wanted.get(partition) == Some(&lead.epoch));
        broker.leads = kept;
        // Other in-sync sets may be all that a record has waited for.
        for lead in broker.leads.values_mut().filter(|lead| !lead.pending.is_empty()) {
            lead.ahead = true;
            broker.replicate_at = Some(now);
        }
        let new = wanted.into_iter().filter(|(partition, _)| !broker.leads.contains_key(partition));
        for (partition, epoch) in new.collect::<Vec<_>>() {
            self.begin_to_lead(number, disk, partition, epoch, image);
        }
        for (_, lead) in dropped {
            self.refuse_pending(&lead);
        }
    }

    fn begin_to_lead(
        &mut self,
        number: ProcessNumber,
        disk: DiskNumber,
        partition: PartitionNumber,
        epoch: u32,
        image: &Image,
    ) {
        let Some(known) = image.partition(partition).cloned() else { return };
        let Some(node) = self.processes.get(&number).map(Process::node) else { return };
        let logs = &mut self.disks.entry(disk).or_default().logs;
        let end = logs.entry(partition).or_insert(ReplicaLog::EMPTY).end;
        let mut followers = BTreeMap::new();
        for replica in known.replicas.iter().filter(|replica| **replica != node) {
            followers.insert(*replica, Pull::Away { shrink_at: self.next_shrink() });
        }
        let lead = Lead { epoch, high_watermark: 0, followers, ahead: true, pending: VecDeque::new() };
        let at = self.now + self.round_trip();
        if let Some(broker) = self.processes.get_mut(&number).and_then(|process| process.broker.as_mut()) {
            broker.leads.insert(partition, lead);
            broker.replicate_at = Some(broker.replicate_at.map_or(at, |before| before.min(at)));
        }
        // Followers will forget what this leader does not have.
        self.lose_what_is_not_in(partition, &[end]);
        self.records_of(partition).heal(node);
        self.unsettle();
    }

    /// The broker leads nothing any more.
    pub(super) fn stop_leading(&mut self, number: ProcessNumber) {
        let broker = self.processes.get_mut(&number).and_then(|process| process.broker.as_mut());
        let leads = broker.map(|broker| std::mem::take(&mut broker.leads)).unwrap_or_default();
        leads.values().for_each(|lead| self.refuse_pending(lead));
        self.unsettle();
    }

    fn refuse_pending(&mut self, lead: &Lead) {
        for pending in &lead.pending {
            self.tell(What::NotWritten { record: pending.record, error: KafkaError::NotLeaderOrFollower });
        }
    }

    // ---- what is due ------------------------------------------------------------------------------------------

    /// What is due in the partitions of a process.
    pub(super) fn act_as_replica(&mut self, number: ProcessNumber) {
        let now = self.now;
        let Some(broker) = self.processes.get(&number).and_then(|process| process.broker.as_ref()) else {
            return;
        };
        let (replicates, alters) =
            (broker.replicate_at.is_some_and(|at| at <= now), broker.alter_at.is_some_and(|at| at <= now));
        let mut caught_up = Vec::new();
        let mut late = Vec::new();
        for (partition, lead) in &broker.leads {
            caught_up.extend(lead.followers.iter().filter_map(|(follower, pull)| match pull {
                Pull::CatchingUp { process, until, .. } if *until <= now => {
                    Some((*partition, *follower, *process))
                }
                Pull::CatchingUp { .. } | Pull::Away { .. } | Pull::InStep { .. } => None,
            }));
            if lead.pending.front().is_some_and(|first| first.until <= now) {
                late.push(*partition);
            }
        }
        for (partition, follower, process) in caught_up {
            self.finish_catching_up(number, partition, follower, process);
        }
        if replicates {
            self.replicate(number);
        }
        for partition in late {
            self.give_up_late(number, partition);
        }
        if alters {
            self.ask_for_in_sync_sets(number);
        }
    }

    pub(super) fn lead_mut(
        &mut self,
        number: ProcessNumber,
        partition: PartitionNumber,
    ) -> Option<&mut Lead> {
        self.processes.get_mut(&number)?.broker.as_mut()?.leads.get_mut(&partition)
    }

    pub(super) fn log_end(&self, disk: DiskNumber, partition: PartitionNumber) -> LogEnd {
        let log = self.disks.get(&disk).and_then(|disk| disk.logs.get(&partition));
        log.map_or(LogEnd::EMPTY, |log| log.end)
    }

    pub(super) fn set_log_end(&mut self, disk: DiskNumber, partition: PartitionNumber, end: LogEnd) {
        let (now, write_back) = (self.now, self.timing.write_back);
        let Some(records) = self.records.get(partition.0 as usize) else { return };
        let log = self.disks.entry(disk).or_default().logs.entry(partition).or_insert(ReplicaLog::EMPTY);
        if log.end != end {
            log.set_end(&records.tree, end, now, write_back);
        }
    }

    fn finish_catching_up(
        &mut self,
        number: ProcessNumber,
        partition: PartitionNumber,
        node: NodeId,
        follower: ProcessNumber,
    ) {
        let (Some(leader_disk), Some(disk)) = (self.disk_of(number), self.disk_of(follower)) else { return };
        let volume = self.volume_on(leader_disk, partition);
        self.set_log_end(disk, partition, self.log_end(leader_disk, partition));
        if let Some(log) = self.disks.entry(disk).or_default().logs.get_mut(&partition) {
            log.volume = volume;
        }
        if let Some(lead) = self.lead_mut(number, partition) {
            lead.followers.insert(node, Pull::InStep { process: follower, joins_at: None });
        }
        self.records_of(partition).heal(node);
        self.advance_high_watermark(number, partition);
        self.unsettle();
    }

    pub(super) fn disk_of(&self, number: ProcessNumber) -> Option<DiskNumber> {
        self.processes.get(&number).map(|process| process.launch.disk)
    }

    pub(super) fn volume_on(&self, disk: DiskNumber, partition: PartitionNumber) -> u64 {
        let log = self.disks.get(&disk).and_then(|disk| disk.logs.get(&partition));
        log.map_or(0, |log| log.volume)
    }

    /// What the broker's partitions appended has reached their followers in step.
    fn replicate(&mut self, number: ProcessNumber) {
        let Some(disk) = self.disk_of(number) else { return };
        let Some(broker) = self.processes.get_mut(&number).and_then(|process| process.broker.as_mut()) else {
            return;
        };
        broker.replicate_at = None;
        let mut ahead = Vec::new();
        for (partition, lead) in broker.leads.iter_mut().filter(|(_, lead)| lead.ahead) {
            lead.ahead = false;
            let in_step = lead.followers.values().filter_map(|pull| match pull {
                Pull::InStep { process, .. } => Some(*process),
                Pull::Away { .. } | Pull::CatchingUp { .. } => None,
            });
            ahead.push((*partition, in_step.collect::<Vec<_>>()));
        }
        for (partition, in_step) in ahead {
            let end = self.log_end(disk, partition);
            for follower in in_step {
                if let Some(disk) = self.disk_of(follower) {
                    self.set_log_end(disk, partition, end);
                }
            }
            self.advance_high_watermark(number, partition);
        }
    }

    /// What all in-sync replicas have is readable and acknowledged, but not below the minimum of in-sync replicas.
    fn advance_high_watermark(&mut self, number: ProcessNumber, partition: PartitionNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let (disk, host) = (process.launch.disk, process.launch.host);
        let Some(image) = process.image().cloned() else { return };
        let Some(known) = image.partition(partition) else { return };
        let Some(lead) = process.broker.as_ref().and_then(|broker| broker.leads.get(&partition)) else {
            return;
        };
        if known.in_sync.len() < image.effective_min_in_sync(known) as usize {
            return;
        }
        let end = self.log_end(disk, partition);
        let mut reached = end.offset();
        for (node, pull) in &lead.followers {
            reached = match pull {
                // All who are in step have what was replicated last; what was appended since is not there yet.
                Pull::InStep { process, .. } => {
                    let follower = self.disk_of(*process).map(|disk| self.log_end(disk, partition));
                    reached.min(follower.unwrap_or(LogEnd::EMPTY).offset())
                }
                Pull::Away { .. } | Pull::CatchingUp { .. } if known.in_sync.contains(node) => {
                    reached.min(lead.high_watermark)
                }
                Pull::Away { .. } | Pull::CatchingUp { .. } => reached,
            };
        }
        let Some(lead) = self.lead_mut(number, partition) else { return };
        lead.high_watermark = lead.high_watermark.max(reached);
        let mark = lead.high_watermark;
        let mut acknowledged = Vec::new();
        while let Some(first) = lead.pending.front().copied().filter(|first| first.offset < mark) {
            lead.pending.pop_front();
            acknowledged.push(first);
        }
        for pending in acknowledged {
            self.acknowledge(partition, host, end, pending);
        }
    }

    /// Tells the client, if it can be told.
    fn acknowledge(&mut self, partition: PartitionNumber, host: HostNumber, log: LogEnd, pending: Pending) {
        if self.is_linked(host, pending.from) {
            self.records_of(partition).acknowledge(log, pending.record);
            self.tell(What::Acknowledged { record: pending.record });
        }
    }

    fn give_up_late(&mut self, number: ProcessNumber, partition: PartitionNumber) {
        let now = self.now;
        let Some(lead) = self.lead_mut(number, partition) else { return };
        let mut late = Vec::new();
        while let Some(first) = lead.pending.front().copied().filter(|first| first.until <= now) {
            lead.pending.pop_front();
            late.push(first);
        }
        for pending in late {
            self.tell(What::NotWritten { record: pending.record, error: KafkaError::RequestTimedOut });
        }
    }

    // ---- writing ----------------------------------------------------------------------------------------------

    /// Appends a record at a leader, unless its log has it already (idempotent producers).
    pub(super) fn append(
        &mut self,
        number: ProcessNumber,
        partition: PartitionNumber,
        record: RecordNumber,
        acks: Acks,
        from: HostNumber,
    ) -> Result<(), KafkaError> {
        let refused = KafkaError::NotLeaderOrFollower;
        let process = self.processes.get(&number).ok_or(refused)?;
        let image = process.image().cloned().ok_or(refused)?;
        let known = image.partition(partition).ok_or(refused)?;
        let (disk, host) = (process.launch.disk, process.launch.host);
        process.broker.as_ref().and_then(|broker| broker.leads.get(&partition)).ok_or(refused)?;
        let enough = known.in_sync.len() >= image.effective_min_in_sync(known) as usize;
        if acks == Acks::All && !enough {
            return Err(KafkaError::NotEnoughReplicas);
        }
        let before = self.log_end(disk, partition);
        let records = self.records_of(partition);
        let (offset, end) = match records.find(before, record) {
            Some(place) => (place.offset(), before),
            None => (before.offset(), records.append(before, record)),
        };
        self.set_log_end(disk, partition, end);
        let (at, until) = (self.now + self.round_trip(), self.now + self.timing.produce_timeout);
        let pending = Pending { record, offset, from, until };
        let Some(broker) = self.processes.get_mut(&number).and_then(|process| process.broker.as_mut()) else {
            return Err(refused);
        };
        broker.replicate_at = Some(broker.replicate_at.map_or(at, |before| before.min(at)));
        let Some(lead) = broker.leads.get_mut(&partition) else { return Err(refused) };
        lead.ahead = true;
        let is_there = lead.high_watermark > offset;
        if acks == Acks::All && !is_there {
            lead.pending.push_back(pending);
            return Ok(());
        }
        match acks {
            Acks::All => self.acknowledge(partition, host, end, pending),
            Acks::Leader if self.is_linked(host, from) => self.tell(What::Acknowledged { record }),
            Acks::Leader => {}
        }
        Ok(())
    }
}

impl Broker {
    /// Whether its logs are loaded and not closed yet.
    pub(super) fn has_its_logs(&self) -> bool {
        self.recovery == Recovery::Done && self.sends_heartbeats()
    }
}
