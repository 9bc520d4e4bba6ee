//! What people and programs outside see: Klamm's server through a broker, Klamm's agent through the observer.

use std::time::Duration;

use klamm_core::model::inventory::{KafkaView, PartitionView, QuorumView, VoterView};

use super::image::{Image, Partition};
use super::model::Model;
use super::process::{Leading, Phase, Process, Recovery, Role};
use super::{HostNumber, NodeStatus, ProcessNumber, RaftRole};

/// A quiet follower fetches this often (`MAX_FETCH_WAIT_MS`).
const FETCH_WAIT_MS: i64 = 500;

impl Model {
    /// What the server on a host would see through the first broker that answers; none while a look fails: without a
    /// broker, or without an active controller behind it, to which the question about the quorum is forwarded.
    ///
    /// Partitions, brokers and settings are as that broker knows them, which may be old.
    pub fn view(&self, from: HostNumber) -> Option<KafkaView> {
        let broker = self.broker_for(from)?;
        let controller = self.processes.get(&self.controller_of(broker)?)?;
        let image = self.processes.get(&broker)?.image()?;
        let brokers = image.brokers.iter().filter(|(_, broker)| !broker.fenced).map(|(node, _)| *node);
        Some(KafkaView {
            quorum: Some(self.quorum_view(controller)?),
            brokers: brokers.collect(),
            partitions: image.partitions().map(|(_, partition)| partition_view(image, partition)).collect(),
            min_isr: image.topics.keys().map(|topic| (topic.clone(), image.min_in_sync(topic))).collect(),
            cluster_config: image.cluster_config.as_ref().clone(),
            access: image.access.as_ref().clone(),
            ..KafkaView::default()
        })
    }

    /// `DescribeQuorum`, answered by the leader.
    fn quorum_view(&self, leader: &Process) -> Option<QuorumView> {
        let leading = leader.leading()?;
        let image = self.last_image(leader)?;
        let mut voters = std::collections::BTreeMap::new();
        for key in image.voters.iter() {
            let (log_end, caught_up_ms) = match self.voter_standing(leader, leading, *key) {
                Some((end, at)) => (i64::try_from(end).unwrap_or(i64::MAX), Some(at)),
                None => (-1, None),
            };
            voters.insert(key.node, VoterView { directory: Some(key.directory), log_end, caught_up_ms });
        }
        let epoch = i32::try_from(leading.epoch).unwrap_or(i32::MAX);
        Some(QuorumView { leader: Some(leader.node()), epoch, voters })
    }

    /// How far a voter's log is and when it was caught up, as the leader knows.
    fn voter_standing(
        &self,
        leader: &Process,
        leading: &Leading,
        key: super::VoterKey,
    ) -> Option<(u64, i64)> {
        let now = self.wall_clock_ms(self.now);
        let end = self.metadata_end(leader).offset();
        if Self::voter_key(leader) == Some(key) {
            return Some((end, now));
        }
        let mut runs = self.processes.values().filter(|process| Self::voter_key(process) == Some(key));
        let fetches = runs.any(|process| {
            let leader_number = process.following().map(|following| following.leader);
            let is_his = leader_number.and_then(|number| self.processes.get(&number)).is_some_and(|it| {
                it.node() == leader.node() && it.leading().map(|it| it.epoch) == Some(leading.epoch)
            });
            is_his && leader_number.is_some_and(|number| process.is_in_step_with(number))
        });
        if fetches {
            // Each follower asks in its own rhythm.
            let last = (now + i64::from(key.node.0) * 137) % FETCH_WAIT_MS;
            return Some((end, now - last));
        }
        let seen = leading.seen.get(&key)?;
        Some((seen.end, self.wall_clock_ms(seen.caught_up_at)))
    }

    fn wall_clock_ms(&self, at: Duration) -> i64 {
        let since = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        self.timing.wall_clock_ms.saturating_add(since)
    }

    /// What the observer of a process answers to its agent; none while it does not answer.
    pub fn status(&self, process: ProcessNumber) -> Option<NodeStatus> {
        let process = self.processes.get(&process).filter(|process| process.frozen_at.is_none())?;
        let booting = match process.phase {
            Phase::Booting { .. } => true,
            Phase::Up | Phase::Ending { .. } => false,
        };
        if booting {
            return Some(NodeStatus::default());
        }
        let broker = process.broker.as_ref();
        let (logs_remaining, segments_remaining) = match broker.map(|broker| broker.recovery) {
            Some(Recovery::Running { logs, segments, since, until }) => {
                (Some(self.left_of(logs, since, until)), Some(self.left_of(segments, since, until)))
            }
            Some(Recovery::Waiting | Recovery::Soon { .. } | Recovery::Done) | None => (None, None),
        };
        Some(NodeStatus {
            broker: broker.map(|broker| broker.state),
            logs_remaining,
            segments_remaining,
            raft: Some(self.raft_role(process)),
            quorum_leader: self.known_leader(process),
            high_watermark: process.raft.applied.as_ref().map(|applied| applied.end.offset()),
            leaders: broker.map(|broker| broker.leads.len() as u64),
        })
    }

    /// What is left of so much work that goes on evenly.
    fn left_of(&self, work: u64, since: Duration, until: Duration) -> u64 {
        let whole = until.saturating_sub(since).as_micros().max(1);
        let left = until.saturating_sub(self.now).as_micros().min(whole);
        u64::try_from((u128::from(work) * left).div_ceil(whole)).unwrap_or(work)
    }

    fn raft_role(&self, process: &Process) -> RaftRole {
        let votes = Self::voter_key(process)
            .is_some_and(|key| self.last_image(process).is_some_and(|image| image.voters.contains(&key)));
        match &process.raft.role {
            Role::Leader(_) => RaftRole::Leader,
            Role::Following(_) if votes => RaftRole::Follower,
            Role::Following(_) => RaftRole::Observer,
            Role::Seeking { election_at: Some(_) } if votes => RaftRole::Prospective,
            Role::Seeking { .. } => RaftRole::Unattached,
            Role::Resigned { .. } => RaftRole::Resigned,
        }
    }

    fn known_leader(&self, process: &Process) -> Option<klamm_core::model::NodeId> {
        match &process.raft.role {
            Role::Leader(_) => Some(process.node()),
            Role::Following(following) => self.processes.get(&following.leader).map(Process::node),
            Role::Seeking { .. } | Role::Resigned { .. } => None,
        }
    }
}

fn partition_view(image: &Image, partition: &Partition) -> PartitionView {
    let offline = partition.replicas.iter().copied().filter(|node| !image.is_unfenced(*node));
    PartitionView {
        topic: partition.name.topic.clone(),
        index: i32::try_from(partition.name.index).unwrap_or(i32::MAX),
        leader: partition.leader,
        replicas: partition.replicas.clone(),
        in_sync: partition.in_sync.clone(),
        offline: offline.collect(),
        moving: partition.moving,
    }
}
