//! Leaders and followers of partitions: who fetches from whom, what is replicated, which in-sync sets the leaders want
//! (`Partition`, `ReplicaManager`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use klamm_core::model::NodeId;

use super::branching::LogEnd;
use super::disk::ReplicaLog;
use super::image::{Image, Partition, PartitionNumber};
use super::model::Model;
use super::process::{Broker, Lead, Pending, Process, Pull, Recovery, earliest};
use super::{Acks, DiskNumber, HostNumber, KafkaError, ProcessNumber, RecordNumber, What};

/// A fetcher starts, or comes back to a leader that it can reach again, within about this long
/// (`replica.fetch.backoff.ms`).
const FETCHER_START: Duration = Duration::from_millis(200);

/// What a record of the model weighs on the wire, in bytes.
const RECORD_BYTES: u64 = 1024;

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

    /// When a follower that is not in step from now on leaves the in-sync set: looked for every half of the time allowed
    /// (`isr-expiration`).
    fn next_shrink(&mut self) -> Duration {
        let lag = self.timing.replica_lag;
        self.now + lag + self.chance.up_to(lag / 2)
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

    fn lead_mut(&mut self, number: ProcessNumber, partition: PartitionNumber) -> Option<&mut Lead> {
        self.processes.get_mut(&number)?.broker.as_mut()?.leads.get_mut(&partition)
    }

    fn log_end(&self, disk: DiskNumber, partition: PartitionNumber) -> LogEnd {
        let log = self.disks.get(&disk).and_then(|disk| disk.logs.get(&partition));
        log.map_or(LogEnd::EMPTY, |log| log.end)
    }

    fn set_log_end(&mut self, disk: DiskNumber, partition: PartitionNumber, end: LogEnd) {
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
            lead.followers.insert(node, Pull::InStep { process: follower });
        }
        self.records_of(partition).heal(node);
        self.advance_high_watermark(number, partition);
        self.unsettle();
    }

    fn disk_of(&self, number: ProcessNumber) -> Option<DiskNumber> {
        self.processes.get(&number).map(|process| process.launch.disk)
    }

    fn volume_on(&self, disk: DiskNumber, partition: PartitionNumber) -> u64 {
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
                Pull::InStep { process } => Some(*process),
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
                Pull::InStep { process } => {
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

    // ---- in-sync sets -----------------------------------------------------------------------------------------

    /// The in-sync set that a leader wants: without who is away too long, with who is in step and may be.
    fn wanted_in_sync(&self, image: &Image, partition: &Partition, lead: &Lead) -> BTreeSet<NodeId> {
        let mut wanted = partition.in_sync.clone();
        for (node, pull) in &lead.followers {
            match pull {
                Pull::InStep { process } => {
                    let may = image.is_active(*node)
                        && image.brokers.get(node).is_some_and(|broker| broker.process == *process);
                    if may {
                        wanted.insert(*node);
                    }
                }
                Pull::Away { shrink_at } | Pull::CatchingUp { shrink_at, .. } => {
                    if *shrink_at <= self.now {
                        wanted.remove(node);
                    }
                }
            }
        }
        wanted
    }

    fn ask_for_in_sync_sets(&mut self, number: ProcessNumber) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(&number) else { return };
        let image = process.image().cloned();
        let (Some(image), Some(broker)) = (image, &mut process.broker) else { return };
        broker.alter_at = broker.next_shrink(&image, now);
        let Some(controller) = self.controller_of(number) else { return };
        let Some(broker) = self.processes.get(&number).and_then(|process| process.broker.as_ref()) else {
            return;
        };
        let wanted = broker.leads.iter().filter_map(|(number, lead)| {
            let partition = image.partition(*number)?;
            let wanted = self.wanted_in_sync(&image, partition, lead);
            (wanted != partition.in_sync).then_some((*number, (lead.epoch, wanted)))
        });
        let wanted = wanted.collect();
        self.alter_in_sync(controller, number, wanted);
    }

    // ---- who fetches ------------------------------------------------------------------------------------------

    /// Works out which followers fetch from which leaders, and when leaders have something to ask of the controller.
    pub(super) fn settle_replicas(&mut self) {
        let leaders: Vec<ProcessNumber> = self
            .processes
            .iter()
            .filter(|(_, it)| {
                it.is_live() && it.broker.as_ref().is_some_and(|broker| !broker.leads.is_empty())
            })
            .map(|(number, _)| *number)
            .collect();
        for number in leaders {
            self.settle_followers(number);
            self.settle_alterations(number);
        }
    }

    fn settle_followers(&mut self, number: ProcessNumber) {
        let Some(leader) = self.processes.get(&number) else { return };
        let Some(broker) = &leader.broker else { return };
        let fetchers = self.fetchers(leader);
        let follows = |image: &Image, partition: PartitionNumber, epoch: u32| {
            let known = image.partition(partition);
            known.is_some_and(|it| it.leader_epoch == epoch && it.leader == Some(leader.node()))
        };
        let mut changed = Vec::new();
        for (partition, lead) in &broker.leads {
            for (node, pull) in &lead.followers {
                let mut runs = fetchers
                    .iter()
                    .filter(|(run_of, _, image)| run_of == node && follows(image, *partition, lead.epoch));
                let fetches = runs.next().map(|(_, number, _)| *number);
                let is_same = match (*pull, fetches) {
                    (Pull::Away { .. }, None) => true,
                    (Pull::InStep { process } | Pull::CatchingUp { process, .. }, Some(now)) => {
                        process == now
                    }
                    (Pull::Away { .. }, Some(_)) => false,
                    (Pull::InStep { .. } | Pull::CatchingUp { .. }, None) => false,
                };
                if !is_same {
                    changed.push((*partition, *node, *pull, fetches));
                }
            }
        }
        // One fetcher brings all partitions that a follower has from one leader.
        let mut starts: BTreeMap<NodeId, Duration> = BTreeMap::new();
        for (partition, node, pull, fetches) in changed {
            let shrink_at = pull.shrink_at().unwrap_or_else(|| self.next_shrink());
            if let Pull::CatchingUp { process, since, .. } = pull {
                self.keep_what_was_fetched(process, partition, since);
            }
            let pull = match fetches {
                None => Pull::Away { shrink_at },
                Some(process) => {
                    let fresh = self.now + self.round_trip() + self.chance.up_to(FETCHER_START);
                    let start = *starts.entry(node).or_insert(fresh);
                    let until = start + self.begin_to_fetch(number, partition, process);
                    Pull::CatchingUp { process, since: self.now, until, shrink_at }
                }
            };
            if let Some(lead) = self.lead_mut(number, partition) {
                lead.followers.insert(node, pull);
            }
        }
    }

    /// The brokers that can fetch from a leader, with the metadata that they go by.
    fn fetchers(&self, leader: &Process) -> Vec<(NodeId, ProcessNumber, Arc<Image>)> {
        let live = self.processes.iter().filter(|(_, follower)| {
            follower.broker.as_ref().is_some_and(Broker::has_its_logs) && self.can_talk(leader, follower)
        });
        live.filter_map(|(number, follower)| Some((follower.node(), *number, Arc::clone(follower.image()?))))
            .collect()
    }

    /// The follower forgets what differs from the leader's log; how long the transfer of the rest will take.
    fn begin_to_fetch(
        &mut self,
        leader: ProcessNumber,
        partition: PartitionNumber,
        follower: ProcessNumber,
    ) -> Duration {
        let (Some(from), Some(to)) = (self.disk_of(leader), self.disk_of(follower)) else {
            return Duration::ZERO;
        };
        let (ahead, behind) = (self.log_end(from, partition), self.log_end(to, partition));
        let common = self.records_of(partition).tree.common(ahead, behind);
        self.set_log_end(to, partition, common);
        let volume = self.volume_on(from, partition).saturating_sub(self.volume_on(to, partition));
        let records = ahead.offset().saturating_sub(common.offset()).saturating_mul(RECORD_BYTES);
        let rate = self.timing.catch_up_rate.max(1);
        let micros = u128::from(volume.saturating_add(records)) * 1_000_000 / u128::from(rate);
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// A follower that is interrupted keeps the older data that it has fetched so far.
    fn keep_what_was_fetched(
        &mut self,
        follower: ProcessNumber,
        partition: PartitionNumber,
        since: Duration,
    ) {
        let micros = self.now.saturating_sub(since).as_micros();
        let fetched = micros * u128::from(self.timing.catch_up_rate) / 1_000_000;
        let most = self.records_of(partition).volume;
        let Some(disk) = self.disk_of(follower) else { return };
        if let Some(log) = self.disks.entry(disk).or_default().logs.get_mut(&partition) {
            let fetched = u64::try_from(fetched).unwrap_or(u64::MAX);
            log.volume = log.volume.saturating_add(fetched).min(most);
        }
    }

    fn settle_alterations(&mut self, number: ProcessNumber) {
        let soon = self.now + self.round_trip() + self.chance.up_to(Duration::from_millis(20));
        let can_ask = self.controller_of(number).is_some();
        let Some(process) = self.processes.get(&number) else { return };
        let (Some(image), Some(broker)) = (process.image(), &process.broker) else { return };
        let wants = broker.leads.iter().any(|(partition, lead)| {
            let known = image.partition(*partition);
            known.is_some_and(|known| self.wanted_in_sync(image, known, lead) != known.in_sync)
        });
        let next = broker.next_shrink(image, self.now);
        // What it was about to ask for earlier may still be wanted; asking for nothing does no harm.
        let asks_at = earliest([broker.alter_at, wants.then_some(soon), next]).filter(|_| can_ask);
        if let Some(broker) = self.processes.get_mut(&number).and_then(|process| process.broker.as_mut()) {
            broker.alter_at = asks_at;
        }
    }
}

impl Broker {
    /// Whether its logs are loaded and not closed yet.
    fn has_its_logs(&self) -> bool {
        self.recovery == Recovery::Done && self.sends_heartbeats()
    }

    /// When the next of its followers that is in sync has been away too long.
    fn next_shrink(&self, image: &Image, now: Duration) -> Option<Duration> {
        let mut next = None;
        for (partition, lead) in &self.leads {
            let Some(known) = image.partition(*partition) else { continue };
            let in_sync = lead.followers.iter().filter(|(node, _)| known.in_sync.contains(node));
            let shrinks = in_sync.filter_map(|(_, pull)| pull.shrink_at()).filter(|at| *at > now);
            next = earliest([next, shrinks.min()]);
        }
        next
    }
}

impl Pull {
    /// When the follower leaves the in-sync set if it stays as it is; none while it is in step.
    fn shrink_at(&self) -> Option<Duration> {
        match self {
            Self::Away { shrink_at } | Self::CatchingUp { shrink_at, .. } => Some(*shrink_at),
            Self::InStep { .. } => None,
        }
    }
}
