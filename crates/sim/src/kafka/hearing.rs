//! Who hears from the leader of the quorum, who finds another, and which leader has lost its majority.

use std::collections::BTreeSet;
use std::time::Duration;

use super::model::Model;
use super::process::{Fetched, Process, Role, SeenVoter};
use super::{ProcessNumber, VoterKey};

/// `MAX_FETCH_WAIT_MS` of the Raft client: a quiet follower asks this often.
const FETCH_WAIT: Duration = Duration::from_millis(500);

impl Model {
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
