//! The active controller: sessions, fencing, registration, controlled shutdown, in-sync sets and leaders
//! (`kafka-facts` §3.5, §7; `QuorumController`, `ReplicationControlManager`, `BrokerHeartbeatTracker`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use klamm_core::model::NodeId;

use super::image::{Image, MIN_IN_SYNC, Partition, PartitionNumber, Registration};
use super::model::Model;
use super::partition_change::{Election, PartitionChange};
use super::process::{ActiveController, Contact, Process, Session};
use super::{KafkaError, ProcessNumber, What, WhyFenced};

/// A heartbeat's answer, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeartbeatReply {
    /// Go on.
    Noted,
    /// Leaders are being moved; ask again.
    ShutDownSoon,
    /// Close the logs.
    ShutDownNow,
    /// The broker is not registered, or another run of it is.
    Stale,
}

/// Who leaves, joins or may be elected in a round of changes (`generateLeaderAndIsrUpdates`).
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    /// Out of every in-sync set, and never a leader.
    gone: Option<NodeId>,
    /// May lead although it is still fenced.
    back: Option<NodeId>,
    /// Out of every in-sync and eligible set: it ended uncleanly.
    unclean: Option<NodeId>,
}

impl Model {
    // ---- the active controller itself -------------------------------------------------------------------------

    /// The leader of the quorum takes over once its first entry is committed. Brokers get a whole session to be heard.
    pub(super) fn activate_controller(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let Some(image) = self.last_image(process).cloned() else { return };
        let min_in_sync = process.launch.min_in_sync;
        let silent = Contact::Silent { last: self.now, expires_at: self.now + self.timing.session };
        let sessions = image.brokers.iter().filter(|(_, broker)| !broker.fenced).map(|(node, broker)| {
            let session = Session { broker_epoch: broker.epoch, contact: silent, shutdown_offset: None };
            (*node, session)
        });
        let sessions = sessions.collect();
        let balance_at = self.now + self.timing.balance;
        if let Some(process) = self.processes.get_mut(&number) {
            process.controller = Some(ActiveController { sessions, balance_at });
        }
        if !image.cluster_config.contains_key(MIN_IN_SYNC) {
            let mut image = Image::clone(&image);
            let settings = Arc::make_mut(&mut image.cluster_config);
            settings.insert(MIN_IN_SYNC.to_owned(), min_in_sync.to_string());
            self.append_metadata(number, image);
        }
        self.unsettle();
    }

    /// The active controller that a process knows and can talk to.
    pub(super) fn controller_of(&self, number: ProcessNumber) -> Option<ProcessNumber> {
        let process = self.processes.get(&number).filter(|process| process.is_live())?;
        if process.controller.is_some() {
            return Some(number);
        }
        let leader_number = process.following()?.leader;
        let leader = self.processes.get(&leader_number)?;
        let knows = process.is_in_step_with(leader_number) && leader.controller.is_some();
        (knows && self.can_talk(process, leader)).then_some(leader_number)
    }

    /// The metadata that the active controller acts by: all it wrote, committed or not.
    pub(super) fn controller_image(&self, controller: ProcessNumber) -> Option<Arc<Image>> {
        self.last_image(self.processes.get(&controller)?).cloned()
    }

    /// What is due in the active controller.
    pub(super) fn act_as_controller(&mut self, number: ProcessNumber) {
        let now = self.now;
        let Some(controller) = self.processes.get(&number).and_then(|it| it.controller.as_ref()) else {
            return;
        };
        let expired: Vec<NodeId> = controller
            .sessions
            .iter()
            .filter(|(_, session)| match session.contact {
                Contact::Silent { expires_at, .. } => expires_at <= now,
                Contact::Alive | Contact::Expired => false,
            })
            .map(|(node, _)| *node)
            .collect();
        let balance = controller.balance_at <= now;
        // One after the other, so that each sees what the one before has left.
        for node in expired {
            self.expire_session(number, node);
        }
        if balance {
            let at = now + self.timing.balance;
            if let Some(controller) = self.processes.get_mut(&number).and_then(|it| it.controller.as_mut()) {
                controller.balance_at = at;
            }
            self.elect_preferred(number, None);
        }
    }

    fn expire_session(&mut self, number: ProcessNumber, node: NodeId) {
        let controller = self.processes.get_mut(&number).and_then(|process| process.controller.as_mut());
        let Some(session) = controller.and_then(|controller| controller.sessions.get_mut(&node)) else {
            return;
        };
        session.contact = Contact::Expired;
        let epoch = session.broker_epoch;
        let Some(image) = self.controller_image(number) else { return };
        let is_current =
            image.brokers.get(&node).is_some_and(|broker| broker.epoch == epoch && !broker.fenced);
        if is_current {
            self.fence(number, &image, node, WhyFenced::SessionExpired);
        }
    }

    // ---- sessions ---------------------------------------------------------------------------------------------

    /// Works out which brokers' heartbeats come in.
    pub(super) fn settle_sessions(&mut self) {
        let active =
            self.processes.iter().filter(|(_, it)| it.controller.is_some()).map(|(number, _)| *number);
        for number in active.collect::<Vec<_>>() {
            let Some(image) = self.controller_image(number) else { continue };
            for (node, broker) in image.brokers.iter() {
                self.settle_session(number, *node, broker);
            }
        }
    }

    fn settle_session(&mut self, number: ProcessNumber, node: NodeId, broker: &Registration) {
        let is_heard = self.controller_of(broker.process) == Some(number)
            && self.processes.get(&broker.process).is_some_and(|process| {
                process.broker.as_ref().is_some_and(|broker| broker.sends_heartbeats())
            });
        let Some(process) = self.processes.get(&number) else { return };
        let known =
            process.controller.as_ref().and_then(|controller| controller.sessions.get(&node)).copied();
        let known = known.filter(|session| session.broker_epoch == broker.epoch);
        let contact = match (known.map(|session| session.contact), is_heard) {
            (_, true) => Contact::Alive,
            (Some(Contact::Alive), false) => {
                // The last heartbeat came up to an interval ago; expiry is looked for eight times a session.
                let last = self.now.saturating_sub(self.chance.up_to(self.timing.heartbeat));
                let noticed = self.chance.up_to(self.timing.session / 8);
                Contact::Silent { last, expires_at: last + self.timing.session + noticed }
            }
            (Some(contact), false) => contact,
            (None, false) => return,
        };
        let shutdown_offset = known.and_then(|session| session.shutdown_offset);
        let session = Session { broker_epoch: broker.epoch, contact, shutdown_offset };
        if let Some(controller) = self.processes.get_mut(&number).and_then(|it| it.controller.as_mut()) {
            controller.sessions.insert(node, session);
        }
    }

    /// The last heartbeat of a broker came just now, and no other will.
    pub(super) fn note_heartbeat(&mut self, number: ProcessNumber, broker: ProcessNumber) {
        let noticed = self.chance.up_to(self.timing.session / 8);
        let (last, expires_at) = (self.now, self.now + self.timing.session + noticed);
        let Some(node) = self.processes.get(&broker).map(Process::node) else { return };
        let controller = self.processes.get_mut(&number).and_then(|process| process.controller.as_mut());
        if let Some(session) = controller.and_then(|controller| controller.sessions.get_mut(&node)) {
            session.contact = Contact::Silent { last, expires_at };
        }
    }

    /// Registers a new run of a broker. While heartbeats of another run came in less than a session ago, also when that
    /// one was told to go, it is refused (`ClusterControlManager.registerBroker`).
    pub(super) fn register(
        &mut self,
        number: ProcessNumber,
        broker: ProcessNumber,
        closed_by: Option<u64>,
    ) -> Result<u64, KafkaError> {
        let (Some(controller), Some(process)) = (self.processes.get(&number), self.processes.get(&broker))
        else {
            return Err(KafkaError::NotController);
        };
        let Some(image) = self.last_image(controller).cloned() else { return Err(KafkaError::NotController) };
        let (node, epoch) = (process.node(), self.metadata_end(controller).offset());
        let before = image.brokers.get(&node);
        let sessions = controller.controller.as_ref().map(|controller| &controller.sessions);
        let session = sessions.and_then(|sessions| sessions.get(&node));
        let has_session = before.zip(session).is_some_and(|(before, session)| {
            session.broker_epoch == before.epoch
                && match session.contact {
                    Contact::Alive => true,
                    Contact::Silent { last, .. } => self.now <= last + self.timing.session,
                    Contact::Expired => false,
                }
        });
        if has_session && before.is_some_and(|before| before.process != broker) {
            return Err(KafkaError::DuplicateBrokerRegistration);
        }
        // The same run asks again: its registration stands.
        if let Some(same) = before.filter(|before| before.process == broker) {
            return Ok(same.epoch);
        }
        let was_clean = before.zip(closed_by).is_some_and(|(before, closed_by)| before.epoch == closed_by);
        let was_unfenced = image.is_unfenced(node);
        let round = if was_clean {
            Round { gone: Some(node), ..Round::default() }
        } else {
            Round { unclean: Some(node), ..Round::default() }
        };
        let mut after = Image::clone(&image);
        self.change_partitions(&image, &mut after, round, |partition| {
            partition.in_sync.contains(&node) || partition.eligible.contains(&node)
        });
        let registration = Registration { process: broker, epoch, fenced: true, stopping: false };
        Arc::make_mut(&mut after.brokers).insert(node, registration);
        self.append_metadata(number, after);
        if was_unfenced {
            self.tell(What::Fenced { node, why: WhyFenced::Registered });
        }
        self.unsettle();
        Ok(epoch)
    }

    /// A heartbeat that changes something (`BrokerHeartbeatManager.calculateNextBrokerState`).
    pub(super) fn heartbeat(
        &mut self,
        number: ProcessNumber,
        broker: ProcessNumber,
        wants_stop: bool,
        is_ready: bool,
    ) -> HeartbeatReply {
        let (Some(image), Some(process)) = (self.controller_image(number), self.processes.get(&broker))
        else {
            return HeartbeatReply::Stale;
        };
        let node = process.node();
        let applied = process.raft.applied.as_ref().map_or(0, |applied| applied.end.offset());
        let Some(registration) = image.brokers.get(&node).filter(|known| known.process == broker) else {
            return HeartbeatReply::Stale;
        };
        let leads = image.partitions().any(|(_, partition)| partition.leader == Some(node));
        match (registration.fenced, registration.stopping) {
            (true, _) if wants_stop => HeartbeatReply::ShutDownNow,
            (true, _) => {
                if is_ready && applied > registration.epoch {
                    self.unfence(number, &image, node);
                }
                HeartbeatReply::Noted
            }
            (false, _) if !wants_stop => HeartbeatReply::Noted,
            (false, false) if leads => {
                self.begin_controlled_shutdown(number, &image, node);
                HeartbeatReply::ShutDownSoon
            }
            (false, true) if leads || !self.all_passed_shutdown(number, &image, node) => {
                HeartbeatReply::ShutDownSoon
            }
            (false, _) => {
                self.fence(number, &image, node, WhyFenced::ShutDown);
                HeartbeatReply::ShutDownNow
            }
        }
    }

    fn begin_controlled_shutdown(&mut self, number: ProcessNumber, image: &Image, node: NodeId) {
        let mut after = image.clone();
        if let Some(broker) = Arc::make_mut(&mut after.brokers).get_mut(&node) {
            broker.stopping = true;
        }
        let round = Round { gone: Some(node), ..Round::default() };
        self.change_partitions(image, &mut after, round, |partition| partition.in_sync.contains(&node));
        let offset = self.append_metadata(number, after).map(|end| end.offset());
        let controller = self.processes.get_mut(&number).and_then(|process| process.controller.as_mut());
        if let Some(session) = controller.and_then(|controller| controller.sessions.get_mut(&node)) {
            session.shutdown_offset = offset;
        }
        self.unsettle();
    }

    /// Whether every active broker has reported, in its last heartbeat, that it knows of the shutdown.
    fn all_passed_shutdown(&self, number: ProcessNumber, image: &Image, node: NodeId) -> bool {
        let Some(controller) = self.processes.get(&number).and_then(|it| it.controller.as_ref()) else {
            return false;
        };
        let Some(wanted) = controller.sessions.get(&node).and_then(|session| session.shutdown_offset) else {
            // Another controller began it; this one takes the broker's word for new.
            return true;
        };
        let active = image.brokers.iter().filter(|(_, broker)| !broker.fenced && !broker.stopping);
        let mut reported = active.map(|(_, broker)| self.reported_offset(broker.process));
        reported.all(|offset| offset >= wanted)
    }

    /// The metadata offset in the last heartbeat of a process.
    fn reported_offset(&self, number: ProcessNumber) -> u64 {
        let Some(process) = self.processes.get(&number).filter(|process| process.is_live()) else { return 0 };
        let (Some(applied), Some(broker)) = (&process.raft.applied, &process.broker) else { return 0 };
        let interval = self.timing.heartbeat.as_micros().max(1);
        let since = self.now.saturating_sub(broker.phase).as_micros() % interval;
        let last = self.now.saturating_sub(Duration::from_micros(u64::try_from(since).unwrap_or(0)));
        let known = applied.lately.iter().rev().find(|(at, _)| *at <= last);
        known.map_or(0, |(_, offset)| *offset)
    }

    fn unfence(&mut self, number: ProcessNumber, image: &Image, node: NodeId) {
        let mut after = image.clone();
        if let Some(broker) = Arc::make_mut(&mut after.brokers).get_mut(&node) {
            broker.fenced = false;
        }
        let round = Round { back: Some(node), ..Round::default() };
        self.change_partitions(image, &mut after, round, |partition| partition.leader.is_none());
        self.append_metadata(number, after);
        self.tell(What::Unfenced { node });
        self.unsettle();
    }

    fn fence(&mut self, number: ProcessNumber, image: &Image, node: NodeId, why: WhyFenced) {
        let mut after = image.clone();
        let round = Round { gone: Some(node), ..Round::default() };
        self.change_partitions(image, &mut after, round, |partition| partition.in_sync.contains(&node));
        if let Some(broker) = Arc::make_mut(&mut after.brokers).get_mut(&node) {
            broker.fenced = true;
        }
        self.append_metadata(number, after);
        self.tell(What::Fenced { node, why });
        self.unsettle();
    }

    // ---- partitions -------------------------------------------------------------------------------------------

    /// Plays a round of changes for the partitions that it concerns.
    fn change_partitions(
        &mut self,
        before: &Image,
        after: &mut Image,
        round: Round,
        concerns: impl Fn(&Partition) -> bool,
    ) {
        let Round { gone, back, unclean } = round;
        let may_lead = |node: NodeId| {
            gone != Some(node) && unclean != Some(node) && (back == Some(node) || before.is_active(node))
        };
        for (number, partition) in before.partitions().filter(|(_, partition)| concerns(partition)) {
            let leave = |node: &&NodeId| gone != Some(**node) && unclean != Some(**node);
            let change = PartitionChange {
                partition,
                in_sync: partition.in_sync.iter().filter(leave).copied().collect(),
                election: Election::Online,
                unclean,
                min_in_sync: before.effective_min_in_sync(partition),
            };
            if let Some(changed) = change.apply(may_lead) {
                self.set_partition(after, number, partition, changed);
            }
        }
    }

    fn set_partition(
        &mut self,
        image: &mut Image,
        number: PartitionNumber,
        before: &Partition,
        after: Partition,
    ) {
        let partition = after.name.clone();
        if before.leader != after.leader {
            let (leader, epoch) = (after.leader, after.leader_epoch);
            self.tell(What::LeaderChanged { partition: partition.clone(), leader, epoch });
        }
        if before.in_sync != after.in_sync {
            self.tell(What::InSyncChanged { partition, in_sync: after.in_sync.clone() });
        }
        image.set_partition(number, after);
    }

    /// The leaders ask for other in-sync sets (`alterPartition`). What may not be is left out.
    pub(super) fn alter_in_sync(
        &mut self,
        number: ProcessNumber,
        leader: ProcessNumber,
        wanted: BTreeMap<PartitionNumber, (u32, BTreeSet<NodeId>)>,
    ) {
        let (Some(image), Some(node)) =
            (self.controller_image(number), self.processes.get(&leader).map(Process::node))
        else {
            return;
        };
        if image.brokers.get(&node).is_none_or(|broker| broker.process != leader) {
            return;
        }
        let mut after = Image::clone(&image);
        let mut changed_any = false;
        for (partition_number, (epoch, in_sync)) in wanted {
            let Some(partition) = image.partition(partition_number).cloned() else { continue };
            let is_leader = partition.leader == Some(node) && partition.leader_epoch == epoch;
            // A broker that is fenced or stopping is an INELIGIBLE_REPLICA; the leader asks again when it knows.
            let all_eligible = in_sync.iter().all(|member| image.is_active(*member));
            if !is_leader || !all_eligible || !in_sync.contains(&node) {
                continue;
            }
            let change = PartitionChange {
                partition: &partition,
                in_sync,
                election: Election::Online,
                unclean: None,
                min_in_sync: image.effective_min_in_sync(&partition),
            };
            if let Some(changed) = change.apply(|node| image.is_active(node)) {
                self.set_partition(&mut after, partition_number, &partition, changed);
                changed_any = true;
            }
        }
        if changed_any {
            self.append_metadata(number, after);
            self.unsettle();
        }
    }

    /// Makes preferred replicas leaders where they may; of all partitions, or of some.
    pub(super) fn elect_preferred(
        &mut self,
        number: ProcessNumber,
        only: Option<&BTreeSet<PartitionNumber>>,
    ) {
        let Some(image) = self.controller_image(number) else { return };
        let mut after = Image::clone(&image);
        let mut changed_any = false;
        for (partition_number, partition) in image.partitions() {
            let is_meant = only.is_none_or(|only| only.contains(&partition_number));
            if !is_meant || partition.leader == partition.replicas.first().copied() {
                continue;
            }
            let change = PartitionChange {
                partition,
                in_sync: partition.in_sync.clone(),
                election: Election::Preferred,
                unclean: None,
                min_in_sync: image.effective_min_in_sync(partition),
            };
            if let Some(changed) = change.apply(|node| image.is_active(node)) {
                self.set_partition(&mut after, partition_number, partition, changed);
                changed_any = true;
            }
        }
        if changed_any {
            self.append_metadata(number, after);
            self.unsettle();
        }
    }
}
