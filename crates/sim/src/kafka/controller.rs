//! The active controller: sessions, fencing, registration, controlled shutdown, in-sync sets and leaders
//! (`kafka-facts` §3.5, §7; `QuorumController`, `ReplicationControlManager`, `BrokerHeartbeatTracker`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use klamm_core::model::NodeId;

use super::image::{Image, MIN_IN_SYNC, Partition, PartitionNumber};
use super::model::Model;
use super::partition_change::{Election, PartitionChange};
use super::process::{ActiveController, Contact, Process, Session};
use super::{ProcessNumber, What, WhyFenced};

/// Sessions that end together are noticed within about this long, one after the other.
const ONE_GO: Duration = Duration::from_millis(20);

/// Who leaves, joins or may be elected in a round of changes (`generateLeaderAndIsrUpdates`).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Round {
    /// Out of every in-sync set, and never a leader.
    pub(super) gone: Option<NodeId>,
    /// May lead although it is still fenced.
    pub(super) back: Option<NodeId>,
    /// Out of every in-sync and eligible set: it ended uncleanly.
    pub(super) unclean: Option<NodeId>,
}

impl Model {
    // ---- the active controller itself -------------------------------------------------------------------------

    /// The leader of the quorum takes over once its first entry is committed. Brokers get a whole session to be heard.
    pub(super) fn activate_controller(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let Some(image) = self.last_image(process).cloned() else { return };
        let min_in_sync = process.launch.min_in_sync;
        let mut sessions = BTreeMap::new();
        for (node, broker) in image.brokers.iter().filter(|(_, broker)| !broker.fenced) {
            // All are looked at in one go, in no particular order.
            let expires_at = self.now + self.timing.session + self.chance.up_to(ONE_GO);
            let contact = Contact::Silent { last: self.now, expires_at };
            sessions.insert(*node, Session { broker_epoch: broker.epoch, contact, shutdown_offset: None });
        }
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

    // ---- partitions -------------------------------------------------------------------------------------------

    /// Plays a round of changes for the partitions that it concerns.
    pub(super) fn change_partitions(
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
