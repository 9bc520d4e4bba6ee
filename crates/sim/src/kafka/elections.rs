//! Elections of the quorum, and how a leader leaves it (KIP-595, KIP-996). An election is one moment: votes are asked
//! and counted in it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::image::Image;
use super::model::Model;
use super::process::{Fetched, Leading, Phase, Process, Role};
use super::records::Records;
use super::{ProcessNumber, VoterKey, What};

/// A stopping leader waits this long for a successor (`KafkaRaftManager.shutdown`).
const SUCCESSION: Duration = Duration::from_secs(5);

/// `controller.quorum.election.backoff.max.ms`.
const ELECTION_BACKOFF: Duration = Duration::from_secs(1);

impl Model {
    // ---- elections --------------------------------------------------------------------------------------------

    /// Asks for votes, first whether it would get them (KIP-996), and becomes the leader with a majority.
    pub(super) fn seek_votes(&mut self, number: ProcessNumber) {
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
        self.records.iter_mut().for_each(Records::void_promises);
    }

    /// A leader without a majority that fetches resigns after this long (`CHECK_QUORUM_TIMEOUT_FACTOR`).
    pub(super) fn check_quorum(&self) -> Duration {
        self.timing.fetch_timeout * 3 / 2
    }

    /// Gives up the lead.
    pub(super) fn resign(&mut self, number: ProcessNumber) {
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
        let mut successors: Vec<ProcessNumber> = self
            .processes
            .iter()
            .filter(|(_, other)| other.is_in_step_with(number) && self.is_voter(other))
            .filter(|(_, other)| self.can_talk(process, other))
            .map(|(other, _)| *other)
            .collect();
        // Who has fetched furthest comes first: with a quiet log, whoever fetched last.
        let first = self.chance.below(successors.len());
        successors.rotate_left(first);
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
        let waits = led && !successors.is_empty();
        let at = self.now + self.timing.ending + if waits { SUCCESSION } else { Duration::ZERO };
        if let Some(process) = self.processes.get_mut(&number) {
            process.phase = Phase::Ending { at };
            if !waits {
                process.raft.role = Role::Seeking { election_at: None };
            }
        }
        self.unsettle();
    }

    /// A stopping leader ends when it hears of its successor.
    fn let_resigned_leaders_go(&mut self, winner: ProcessNumber) {
        let at = self.now + self.timing.ending;
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
                process.raft.role = Role::Seeking { election_at: None };
            }
        }
    }
}
