//! In-sync sets as leaders want them: who is away too long leaves, who has caught up joins (`Partition`,
//! `AlterPartitionManager`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use klamm_core::model::NodeId;

use super::ProcessNumber;
use super::image::{Image, Partition, PartitionNumber};
use super::lead::{Lead, Pull};
use super::model::Model;
use super::process::{Broker, earliest};

/// A follower joins the in-sync set with its next fetch, and a fetch waits half a second for something to come
/// (`replica.fetch.wait.max.ms`). Measured on a quiet topic: 0.45 to 0.55 s after it is unfenced.
const NEXT_FETCH: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(250));

impl Model {
    /// When a follower that is not in step from now on leaves the in-sync set: looked for every half of the time allowed
    /// (`isr-expiration`).
    pub(super) fn next_shrink(&mut self) -> Duration {
        let lag = self.timing.replica_lag;
        self.now + lag + self.chance.up_to(lag / 2)
    }

    /// Followers that may join do so with their next fetch; when the leader has something to ask of the active controller.
    pub(super) fn settle_in_sync(&mut self, number: ProcessNumber) {
        let can_ask = self.controller_of(number).is_some();
        let soon = self.now + self.round_trip();
        let mut fetches: BTreeMap<NodeId, Duration> = BTreeMap::new();
        for (partition, node, joins) in self.changed_joins(number) {
            // One fetch brings all partitions that a follower has from one leader.
            let next = self.now + NEXT_FETCH.0 + self.chance.up_to(NEXT_FETCH.1);
            let joins_at = joins.then(|| *fetches.entry(node).or_insert(next));
            let lead = self.broker_of(number).and_then(|broker| broker.leads.get_mut(&partition));
            if let Some(Pull::InStep { joins_at: known, .. }) =
                lead.and_then(|lead| lead.followers.get_mut(&node))
            {
                *known = joins_at;
            }
        }
        let Some(process) = self.processes.get(&number) else { return };
        let (Some(image), Some(broker)) = (process.image(), &process.broker) else { return };
        let wants = broker.leads.iter().any(|(partition, lead)| {
            image
                .partition(*partition)
                .is_some_and(|known| lead.wanted(image, known, self.now) != known.in_sync)
        });
        let next = broker.next_wish(image, self.now);
        // What it was about to ask for earlier may still be wanted; asking for nothing does no harm.
        let asks_at = earliest([broker.alter_at, wants.then_some(soon), next]).filter(|_| can_ask);
        if let Some(broker) = self.broker_of(number) {
            broker.alter_at = asks_at;
        }
    }

    fn broker_of(&mut self, number: ProcessNumber) -> Option<&mut Broker> {
        self.processes.get_mut(&number)?.broker.as_mut()
    }

    /// Followers in step that may join and have no appointment for it, and those that have one and may not any more.
    fn changed_joins(&self, number: ProcessNumber) -> Vec<(PartitionNumber, NodeId, bool)> {
        let mut changed = Vec::new();
        let Some(process) = self.processes.get(&number) else { return changed };
        let (Some(image), Some(broker)) = (process.image(), &process.broker) else { return changed };
        for (partition, lead) in &broker.leads {
            let Some(known) = image.partition(*partition) else { continue };
            for (node, pull) in &lead.followers {
                let Pull::InStep { process, joins_at } = pull else { continue };
                let joins = !known.in_sync.contains(node) && may_join(image, *node, *process);
                if joins != joins_at.is_some() {
                    changed.push((*partition, *node, joins));
                }
            }
        }
        changed
    }

    /// Asks the active controller for the in-sync sets that the leader wants.
    pub(super) fn ask_for_in_sync_sets(&mut self, number: ProcessNumber) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(&number) else { return };
        let image = process.image().cloned();
        let (Some(image), Some(broker)) = (image, &mut process.broker) else { return };
        broker.alter_at = broker.next_wish(&image, now);
        let wanted = broker.leads.iter().filter_map(|(number, lead)| {
            let partition = image.partition(*number)?;
            let wanted = lead.wanted(&image, partition, now);
            (wanted != partition.in_sync).then_some((*number, (lead.epoch, wanted)))
        });
        let wanted: BTreeMap<PartitionNumber, (u32, BTreeSet<NodeId>)> = wanted.collect();
        if let Some(controller) = self.controller_of(number) {
            self.alter_in_sync(controller, number, wanted);
        }
    }
}

/// Whether the run of a broker that fetches is the one that is registered, unfenced and not stopping.
fn may_join(image: &Image, node: NodeId, process: ProcessNumber) -> bool {
    image.is_active(node) && image.brokers.get(&node).is_some_and(|broker| broker.process == process)
}

impl Lead {
    /// The in-sync set that a leader wants: without who is away too long, with who is in step and may be.
    fn wanted(&self, image: &Image, partition: &Partition, now: Duration) -> BTreeSet<NodeId> {
        let mut wanted = partition.in_sync.clone();
        for (node, pull) in &self.followers {
            match pull {
                Pull::InStep { process, joins_at } => {
                    if joins_at.is_some_and(|at| at <= now) && may_join(image, *node, *process) {
                        wanted.insert(*node);
                    }
                }
                Pull::Away { shrink_at } | Pull::CatchingUp { shrink_at, .. } => {
                    if *shrink_at <= now {
                        wanted.remove(node);
                    }
                }
            }
        }
        wanted
    }
}

impl Broker {
    /// When the next of its followers joins, or has been away too long.
    fn next_wish(&self, image: &Image, now: Duration) -> Option<Duration> {
        let mut next = None;
        for (partition, lead) in &self.leads {
            let Some(known) = image.partition(*partition) else { continue };
            let wishes = lead.followers.iter().filter_map(|(node, pull)| match pull {
                Pull::InStep { joins_at, .. } => *joins_at,
                Pull::Away { shrink_at } | Pull::CatchingUp { shrink_at, .. } => {
                    known.in_sync.contains(node).then_some(*shrink_at)
                }
            });
            next = earliest([next, wishes.filter(|at| *at > now).min()]);
        }
        next
    }
}

impl Pull {
    /// When the follower leaves the in-sync set if it stays as it is; none while it is in step.
    pub(super) fn shrink_at(&self) -> Option<Duration> {
        match self {
            Self::Away { shrink_at } | Self::CatchingUp { shrink_at, .. } => Some(*shrink_at),
            Self::InStep { .. } => None,
        }
    }
}
