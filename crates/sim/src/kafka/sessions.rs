//! Brokers and the active controller: registration, heartbeats, controlled shutdown (`kafka-facts` §3.5;
//! `BrokerHeartbeatManager`, `ClusterControlManager`).

use std::sync::Arc;
use std::time::Duration;

use klamm_core::model::NodeId;

use super::controller::Round;
use super::image::{Image, Registration};
use super::model::Model;
use super::process::{Contact, Process, Session};
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

impl Model {
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

    pub(super) fn fence(&mut self, number: ProcessNumber, image: &Image, node: NodeId, why: WhyFenced) {
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
}
