//! The quorum: who leads it, who follows, up to where its log is committed (`kafka-facts` §3.1, §3.3; KIP-595, KIP-853,
//! KIP-996).
//!
//! A leader's log reaches all who fetch at once; an election is one moment: votes are asked and counted in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::branching::LogEnd;
use super::image::{Image, MetadataEntry};
use super::model::Model;
use super::process::{Applied, Fetched, Following, Leading, Phase, Process, Role, SeenVoter};
use super::{ProcessNumber, Storage, VoterKey, What};

/// `controller.quorum.append.linger.ms`.
const LINGER: Duration = Duration::from_millis(25);

/// `MAX_FETCH_WAIT_MS` of the Raft client: a quiet follower asks this often.
const FETCH_WAIT: Duration = Duration::from_millis(500);

/// A stopping leader waits this long for a successor (`KafkaRaftManager.shutdown`).
const SUCCESSION: Duration = Duration::from_secs(5);

/// `controller.quorum.election.backoff.max.ms`.
const ELECTION_BACKOFF: Duration = Duration::from_secs(1);

/// How much later than the first a busy node takes up metadata.
const APPLY_LATER: Duration = Duration::from_millis(8);

/// Metadata offsets with their moments that a node remembers for its heartbeats: more than a heartbeat's worth.
const LATELY: usize = 16;

impl Model {
    // ---- what a node knows ------------------------------------------------------------------------------------

    /// With what the process could vote; none for brokers.
    pub(super) fn voter_key(process: &Process) -> Option<VoterKey> {
        match &process.launch.storage {
            Storage::Formatted { meta, .. } if process.launch.role.is_controller() => {
                Some(VoterKey { node: process.launch.node, directory: meta.directory_id? })
            }
            Storage::Formatted { .. } | Storage::Unformatted => None,
        }
    }

    /// Where the metadata log of the process ends.
    pub(super) fn metadata_end(&self, process: &Process) -> LogEnd {
        let disk = self.disks.get(&process.launch.disk);
        disk.and_then(|disk| disk.metadata).unwrap_or(LogEnd::EMPTY)
    }

    /// The metadata at the end of the process's log, committed or not.
    pub(super) fn last_image(&self, process: &Process) -> Option<&Arc<Image>> {
        self.metadata.last(self.metadata_end(process)).map(|entry| &entry.image)
    }

    fn last_epoch(&self, process: &Process) -> u32 {
        self.metadata.last(self.metadata_end(process)).map_or(0, |entry| entry.epoch)
    }

    fn known_epoch(&self, process: &Process) -> u32 {
        self.disks.get(&process.launch.disk).map_or(0, |disk| disk.epoch)
    }

    fn is_voter(&self, process: &Process) -> bool {
        let key = Self::voter_key(process);
        key.is_some_and(|key| self.last_image(process).is_some_and(|image| image.voters.contains(&key)))
    }

    /// Controllers answer a node of another cluster with `INCONSISTENT_CLUSTER_ID`, whatever it asks.
    pub(super) fn is_of_this_cluster(&self, process: &Process) -> bool {
        match &process.launch.storage {
            Storage::Formatted { meta, .. } => meta.cluster_id == self.cluster,
            Storage::Unformatted => false,
        }
    }

    /// The live leader with the highest epoch that `number` can reach and may follow.
    fn best_leader(&self, number: ProcessNumber) -> Option<(ProcessNumber, u32)> {
        let process = self.processes.get(&number).filter(|process| self.is_of_this_cluster(process))?;
        let least = match process.leading() {
            Some(leading) => leading.epoch + 1,
            None => self.known_epoch(process),
        };
        let leaders = self.processes.iter().filter_map(|(other, leader)| {
            let epoch = leader.leading()?.epoch;
            (*other != number && epoch >= least && self.can_talk(process, leader)).then_some((*other, epoch))
        });
        leaders.max_by_key(|(_, epoch)| *epoch)
    }

    // ---- what is due ------------------------------------------------------------------------------------------

    /// What is due in the quorum's part of a process.
    pub(super) fn act_in_quorum(&mut self, number: ProcessNumber) {
        let is_due = |at: Option<Duration>, now: Duration| at.is_some_and(|at| at <= now);
        let now = self.now;
        let Some(process) = self.processes.get_mut(&number) else { return };
        if is_due(process.raft.find_at, now) {
            process.raft.find_at = None;
            self.follow(number);
        }
        let Some(process) = self.processes.get_mut(&number) else { return };
        match &mut process.raft.role {
            Role::Leader(leading) => {
                let (replicate, resign) = (is_due(leading.replicate_at, now), is_due(leading.resign_at, now));
                if replicate {
                    leading.replicate_at = None;
                    self.replicate_metadata(number);
                }
                if resign {
                    self.resign(number);
                }
            }
            Role::Following(following) => match following.fetched {
                Fetched::Soon { at } if at <= now => self.fetch_metadata(number),
                Fetched::Lost { election_at, .. } if election_at <= now => {
                    process.raft.role = Role::Seeking { election_at: None };
                    self.seek_votes(number);
                }
                Fetched::Soon { .. } | Fetched::InStep | Fetched::Lost { .. } => {}
            },
            Role::Seeking { election_at } if is_due(*election_at, now) => self.seek_votes(number),
            Role::Seeking { .. } => {}
            Role::Resigned { until } if *until <= now => {
                let election_at = Some(now + self.timing.election_timeout);
                process.raft.role = Role::Seeking { election_at };
                self.unsettle();
            }
            Role::Resigned { .. } => {}
        }
        let Some(process) = self.processes.get_mut(&number) else { return };
        if is_due(process.raft.apply_at, now) && !process.is_recovering() {
            process.raft.apply_at = None;
            self.take_up(number);
        }
    }

    /// Follows the best leader there is.
    fn follow(&mut self, number: ProcessNumber) {
        let Some((leader, epoch)) = self.best_leader(number) else { return };
        let at = self.now + self.round_trip();
        let Some(process) = self.processes.get_mut(&number) else { return };
        let gave_up = process.leading().map(|leading| leading.epoch);
        process.raft.role = Role::Following(Following { leader, epoch, fetched: Fetched::Soon { at } });
        process.controller = None;
        let (node, disk) = (process.node(), process.launch.disk);
        self.disks.entry(disk).or_default().epoch = epoch;
        if let Some(epoch) = gave_up {
            self.tell(What::ControllerResigned { node, epoch });
            self.release_questions_of(number);
        }
        self.unsettle();
    }

    /// The first fetch from a leader is answered: the follower has the leader's log, and nothing that differs from it.
    fn fetch_metadata(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let Some(following) = process.following() else { return };
        let leader_number = following.leader;
        let Some(leader) = self.processes.get(&leader_number) else { return };
        let (end, disk) = (self.metadata_end(leader), process.launch.disk);
        let is_controller = process.launch.role.is_controller();
        if is_controller {
            self.disks.entry(disk).or_default().metadata = Some(end);
        }
        let apply_at = self.now + self.timing.delay;
        if let Some(process) = self.processes.get_mut(&number) {
            if let Role::Following(following) = &mut process.raft.role {
                following.fetched = Fetched::InStep;
            }
            process.raft.apply_at = Some(apply_at);
        }
        // With one more that has the log, more of it may be committed.
        let now = self.now;
        if let Some(Role::Leader(leading)) =
            self.processes.get_mut(&leader_number).map(|it| &mut it.raft.role)
        {
            leading.replicate_at = Some(leading.replicate_at.map_or(now, |at| at.min(now)));
        }
        self.unsettle();
    }

    /// Writes metadata as the leader; it is committed when a majority has it.
    pub(super) fn append_metadata(&mut self, leader: ProcessNumber, image: Image) -> Option<LogEnd> {
        let at = self.now + LINGER + self.round_trip();
        let process = self.processes.get_mut(&leader)?;
        let Role::Leader(leading) = &mut process.raft.role else { return None };
        leading.replicate_at = Some(leading.replicate_at.map_or(at, |before| before.min(at)));
        let epoch = leading.epoch;
        let disk = self.disks.entry(process.launch.disk).or_default();
        let before = disk.metadata.unwrap_or(LogEnd::EMPTY);
        let end = self.metadata.append(before, MetadataEntry { epoch, image: Arc::new(image) });
        disk.metadata = Some(end);
        Some(end)
    }

    /// What the leader wrote reaches all who fetch; what a majority has is committed.
    fn replicate_metadata(&mut self, number: ProcessNumber) {
        let Some(leader) = self.processes.get(&number) else { return };
        let end = self.metadata_end(leader);
        let Some(image) = self.last_image(leader).cloned() else { return };
        let mut have: BTreeSet<VoterKey> = Self::voter_key(leader).into_iter().collect();
        let mut fetching = Vec::new();
        for (other, follower) in &self.processes {
            if follower.is_in_step_with(number) && self.can_talk(leader, follower) {
                have.extend(Self::voter_key(follower));
                fetching.push((*other, follower.launch.role.is_controller().then_some(follower.launch.disk)));
            }
        }
        for disk in fetching.iter().filter_map(|(_, disk)| *disk) {
            self.disks.entry(disk).or_default().metadata = Some(end);
        }
        have.retain(|key| image.voters.contains(key));
        if !image.is_majority(have.len()) {
            return;
        }
        let now = self.now;
        let Some(leader) = self.processes.get_mut(&number) else { return };
        let Role::Leader(leading) = &mut leader.raft.role else { return };
        let is_news = leading.committed != Some(end);
        leading.committed = Some(end);
        leader.raft.apply_at = Some(now);
        let may_lead = Self::voter_key(leader).is_some_and(|key| image.voters.contains(&key));
        let takes_over = leader.controller.is_none();
        self.committed = Some(end);
        if takes_over {
            self.activate_controller(number);
        }
        if is_news {
            for (follower, _) in fetching {
                // Some sooner, some later; in steps, so that those who are alike act in one moment.
                let later = self.chance.one_of([Duration::ZERO, APPLY_LATER]);
                let at = self.now + self.timing.delay + later;
                if let Some(follower) = self.processes.get_mut(&follower) {
                    let sooner = follower.raft.apply_at.map_or(at, |before| before.min(at));
                    follower.raft.apply_at = Some(sooner);
                }
            }
            self.answer_committed(number, end);
        }
        if !may_lead {
            self.resign(number);
        }
        self.unsettle();
    }

    /// Takes up what is committed, as the leader tells it.
    fn take_up(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let leader = match &process.raft.role {
            Role::Leader(_) => Some(process),
            Role::Following(following) if following.fetched == Fetched::InStep => {
                self.processes.get(&following.leader)
            }
            Role::Following(_) | Role::Seeking { .. } | Role::Resigned { .. } => None,
        };
        let Some(end) = leader.and_then(Process::leading).and_then(|leading| leading.committed) else {
            return;
        };
        if process.raft.applied.as_ref().is_some_and(|applied| applied.end == end) {
            return;
        }
        let Some(image) = self.metadata.last(end).map(|entry| Arc::clone(&entry.image)) else { return };
        let now = self.now;
        let Some(process) = self.processes.get_mut(&number) else { return };
        let mut lately = process.raft.applied.take().map(|applied| applied.lately).unwrap_or_default();
        if lately.len() == LATELY {
            lately.pop_front();
        }
        lately.push_back((now, end.offset()));
        process.raft.applied = Some(Applied { end, image, lately });
        self.act_by_new_metadata(number);
        self.unsettle();
    }

    // ---- elections --------------------------------------------------------------------------------------------

    /// Asks for votes, first whether it would get them (KIP-996), and becomes the leader with a majority.
    fn seek_votes(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let image = self.last_image(process).cloned();
        let (Some(me), Some(image)) = (Self::voter_key(process), image) else {
            return self.wait_for_leader(number, None);
        };
        if !image.voters.contains(&me) {
            return self.wait_for_leader(number, None);
        }
        let grants = self.grants(number, process, &image);
        if image.is_majority(grants.values().filter(|grant| **grant).count()) {
            self.win(number, grants.keys().copied().collect());
        } else {
            let timing = &self.timing;
            // It asks for one election timeout, then waits for the leader that it knew, or for another timeout.
            let pause = timing.election_timeout + timing.fetch_timeout;
            let at = self.now + pause + self.chance.up_to(self.timing.election_timeout);
            self.wait_for_leader(number, Some(at));
        }
    }

    fn wait_for_leader(&mut self, number: ProcessNumber, election_at: Option<Duration>) {
        if let Some(process) = self.processes.get_mut(&number) {
            process.raft.role = Role::Seeking { election_at };
            self.unsettle();
        }
    }

    /// The voters that can be asked, and whether they would vote for the candidate: its log must not be behind theirs,
    /// and they must not hear from a leader.
    fn grants(&self, number: ProcessNumber, candidate: &Process, image: &Image) -> BTreeMap<VoterKey, bool> {
        let log = |process: &Process| (self.last_epoch(process), self.metadata_end(process).offset());
        let mut grants = BTreeMap::new();
        for (other, voter) in &self.processes {
            let Some(key) = Self::voter_key(voter).filter(|key| image.voters.contains(key)) else { continue };
            if !self.can_talk(candidate, voter) || !self.is_of_this_cluster(voter) {
                continue;
            }
            let would = *other == number
                || match &voter.raft.role {
                    Role::Seeking { .. } | Role::Resigned { .. } => true,
                    Role::Leader(_) | Role::Following(_) => false,
                };
            let grant = would && log(candidate) >= log(voter);
            *grants.entry(key).or_insert(false) |= grant;
        }
        grants
    }

    fn win(&mut self, number: ProcessNumber, asked: Vec<VoterKey>) {
        let voters = self
            .processes
            .values()
            .filter(|voter| Self::voter_key(voter).is_some_and(|key| asked.contains(&key)));
        let disks: Vec<_> = voters.map(|voter| voter.launch.disk).collect();
        let known = disks.iter().filter_map(|disk| self.disks.get(disk)).map(|disk| disk.epoch);
        let epoch = known.max().unwrap_or(0) + 1;
        for disk in disks {
            self.disks.entry(disk).or_default().epoch = epoch;
        }
        let resign_at = Some(self.now + self.check_quorum());
        let Some(process) = self.processes.get_mut(&number) else { return };
        let (node, leading) = (
            process.node(),
            Leading { epoch, committed: None, replicate_at: None, resign_at, seen: BTreeMap::new() },
        );
        process.raft.role = Role::Leader(leading);
        process.raft.find_at = None;
        let Some(process) = self.processes.get(&number) else { return };
        let (end, image) = (self.metadata_end(process), self.last_image(process).cloned());
        self.tell(What::ControllerElected { node, epoch });
        if self.committed.is_some_and(|committed| !self.metadata.begins_with(end, committed)) {
            self.forget_committed_metadata();
        }
        self.append_metadata(number, image.map(|image| Image::clone(&image)).unwrap_or_default());
        self.let_resigned_leaders_go(number);
        self.unsettle();
    }

    /// Committed metadata is in no log of a majority any more: voters lost their disks.
    fn forget_committed_metadata(&mut self) {
        self.tell(What::MetadataLost);
        self.records.iter_mut().for_each(super::records::Records::void_promises);
    }

    /// A leader without a majority that fetches resigns after this long (`CHECK_QUORUM_TIMEOUT_FACTOR`).
    fn check_quorum(&self) -> Duration {
        self.timing.fetch_timeout * 3 / 2
    }

    /// Gives up the lead.
    fn resign(&mut self, number: ProcessNumber) {
        let until = self.now + self.timing.election_timeout + self.chance.up_to(self.timing.election_timeout);
        let Some(process) = self.processes.get_mut(&number) else { return };
        let Some(epoch) = process.leading().map(|leading| leading.epoch) else { return };
        process.raft.role = Role::Resigned { until };
        process.controller = None;
        let node = process.node();
        self.tell(What::ControllerResigned { node, epoch });
        self.release_questions_of(number);
        self.unsettle();
    }

    /// The quorum's part of a stop: a leader tells its followers who shall be next, and waits for it.
    pub(super) fn leave_quorum(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let led = process.leading().is_some();
        let successors: Vec<ProcessNumber> = self
            .processes
            .iter()
            .filter(|(_, other)| other.is_in_step_with(number) && self.is_voter(other))
            .filter(|(_, other)| self.can_talk(process, other))
            .map(|(other, _)| *other)
            .collect();
        self.resign(number);
        // `strictExponentialElectionBackoffMs`: the first at once, the others later and later.
        let shifts = u32::try_from(successors.len()).unwrap_or(1).saturating_sub(1);
        let unit = ELECTION_BACKOFF / 2u32.saturating_pow(shifts.min(8));
        for (place, successor) in successors.iter().enumerate() {
            let wait = match u32::try_from(place).unwrap_or(8) {
                0 => Duration::ZERO,
                place => (unit * 2u32.saturating_pow((place - 1).min(8))).min(ELECTION_BACKOFF),
            };
            let election_at = self.now + self.timing.delay + wait;
            if let Some(Role::Following(following)) =
                self.processes.get_mut(successor).map(|successor| &mut successor.raft.role)
            {
                following.fetched = Fetched::Lost { since: self.now, election_at };
            }
        }
        let at =
            self.now + if led && !successors.is_empty() { SUCCESSION } else { Duration::from_millis(200) };
        if let Some(process) = self.processes.get_mut(&number) {
            process.phase = Phase::Ending { at };
        }
        self.unsettle();
    }

    /// A stopping leader ends when it hears of its successor.
    fn let_resigned_leaders_go(&mut self, winner: ProcessNumber) {
        let at = self.now + Duration::from_millis(100);
        let Some(winner) = self.processes.get(&winner) else { return };
        let heard: Vec<ProcessNumber> = self
            .processes
            .iter()
            .filter(|(_, other)| self.can_talk(winner, other))
            .filter(|(_, other)| match (&other.raft.role, other.phase) {
                (Role::Resigned { .. }, Phase::Ending { .. }) => true,
                (Role::Resigned { .. }, Phase::Booting { .. } | Phase::Up) => false,
                (Role::Leader(_) | Role::Following(_) | Role::Seeking { .. }, _) => false,
            })
            .map(|(number, _)| *number)
            .collect();
        for number in heard {
            if let Some(process) = self.processes.get_mut(&number) {
                process.phase = Phase::Ending { at };
            }
        }
    }

    // ---- who hears whom ---------------------------------------------------------------------------------------

    /// Works out who still hears from its leader, who may find another, and which leaders have lost their majority.
    pub(super) fn settle_quorum(&mut self) {
        let numbers: Vec<ProcessNumber> = self.processes.keys().copied().collect();
        for number in &numbers {
            self.settle_following(*number);
            self.settle_finding(*number);
        }
        for number in numbers {
            self.settle_majority(number);
        }
    }

    fn settle_following(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let Some(following) = process.following().cloned() else { return };
        let leader = self.processes.get(&following.leader);
        let hears = leader.is_some_and(|leader| {
            let leads = leader.leading().is_some_and(|leading| leading.epoch == following.epoch);
            leads && self.can_talk(process, leader)
        });
        let fetched = match (following.fetched, hears) {
            (Fetched::InStep | Fetched::Soon { .. }, false) => {
                self.note_silence(number);
                // Its last fetch was answered up to a fetch's wait ago.
                let last = self.now.saturating_sub(self.chance.up_to(FETCH_WAIT));
                Fetched::Lost { since: self.now, election_at: last + self.timing.fetch_timeout }
            }
            (Fetched::Lost { .. }, true) => {
                Fetched::Soon { at: self.now + self.round_trip() + self.chance.up_to(FETCH_WAIT) }
            }
            (fetched, _) => fetched,
        };
        if let Some(Role::Following(following)) =
            self.processes.get_mut(&number).map(|process| &mut process.raft.role)
        {
            following.fetched = fetched;
        }
    }

    /// The leader remembers how far a follower was that it hears of no more.
    pub(super) fn note_silence(&mut self, number: ProcessNumber) {
        let now = self.now;
        let Some(process) = self.processes.get(&number) else { return };
        let (Some(key), Some(following)) = (Self::voter_key(process), process.following()) else { return };
        if following.fetched != Fetched::InStep {
            return;
        }
        let (leader, epoch, end) = (following.leader, following.epoch, self.metadata_end(process).offset());
        if let Some(Role::Leader(leading)) = self.processes.get_mut(&leader).map(|it| &mut it.raft.role)
            && leading.epoch == epoch
        {
            leading.seen.insert(key, SeenVoter { end, caught_up_at: now });
        }
    }

    fn settle_finding(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let best = if process.is_live() { self.best_leader(number) } else { None };
        let follows = process.following().map(|following| (following.leader, following.epoch));
        let find_at = match (best, process.raft.find_at) {
            (None, _) => None,
            (Some(best), _) if follows == Some(best) => None,
            (Some(_), Some(at)) => Some(at),
            (Some(_), None) => {
                let earliest = self.earliest_find(process);
                // Begin-quorum-epoch requests and fetches to any voter are repeated every 20 ms to a second.
                Some(earliest.max(self.now) + self.round_trip() + self.chance.up_to(FETCH_WAIT / 10))
            }
        };
        if let Some(process) = self.processes.get_mut(&number) {
            process.raft.find_at = find_at;
        }
    }

    /// A voter is told of a new leader at once. Who only observes looks for one when its own leader refuses, or has said
    /// nothing for a request's time-out of two seconds.
    fn earliest_find(&self, process: &Process) -> Duration {
        let Some(following) = process.following() else { return self.now };
        let silent = self.processes.get(&following.leader).is_some_and(|leader| {
            let leads = leader.leading().is_some_and(|leading| leading.epoch == following.epoch);
            leads && !self.can_talk(process, leader)
        });
        match following.fetched {
            Fetched::Lost { since, .. } if silent && !self.is_voter(process) => {
                since + self.timing.fetch_timeout
            }
            Fetched::Lost { .. } | Fetched::Soon { .. } | Fetched::InStep => self.now,
        }
    }

    fn settle_majority(&mut self, number: ProcessNumber) {
        let Some(leader) = self.processes.get(&number) else { return };
        if leader.leading().is_none() || !leader.is_live() {
            return;
        }
        let Some(image) = self.last_image(leader) else { return };
        let followers = self.processes.values().filter(|follower| {
            let fetches = follower.following().is_some_and(|following| {
                following.leader == number
                    && match following.fetched {
                        Fetched::InStep | Fetched::Soon { .. } => true,
                        Fetched::Lost { .. } => false,
                    }
            });
            fetches && self.can_talk(leader, follower)
        });
        let fetching: BTreeSet<VoterKey> = followers
            .filter_map(Self::voter_key)
            .chain(Self::voter_key(leader))
            .filter(|key| image.voters.contains(key))
            .collect();
        let has_majority = image.is_majority(fetching.len());
        let deadline = self.now + self.check_quorum();
        if let Some(Role::Leader(leading)) = self.processes.get_mut(&number).map(|it| &mut it.raft.role) {
            leading.resign_at = match (has_majority, leading.resign_at) {
                (true, _) => None,
                (false, at) => Some(at.unwrap_or(deadline)),
            };
        }
    }
}
