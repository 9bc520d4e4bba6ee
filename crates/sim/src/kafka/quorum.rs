//! The quorum: who leads it, who follows, up to where its log is committed (`kafka-facts` §3.1, §3.3; KIP-595, KIP-853,
//! KIP-996).
//!
//! A leader's log reaches all who fetch at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::branching::LogEnd;
use super::image::{Image, MetadataEntry};
use super::model::Model;
use super::process::{Applied, Fetched, Following, Process, Role};
use super::{ProcessNumber, Storage, VoterKey, What};

/// `controller.quorum.append.linger.ms`.
const LINGER: Duration = Duration::from_millis(25);

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

    pub(super) fn last_epoch(&self, process: &Process) -> u32 {
        self.metadata.last(self.metadata_end(process)).map_or(0, |entry| entry.epoch)
    }

    fn known_epoch(&self, process: &Process) -> u32 {
        self.disks.get(&process.launch.disk).map_or(0, |disk| disk.epoch)
    }

    pub(super) fn is_voter(&self, process: &Process) -> bool {
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
    pub(super) fn best_leader(&self, number: ProcessNumber) -> Option<(ProcessNumber, u32)> {
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
}
