//! What surrounds every actor of the simulation: time, chance, lines, Kafka, and the record of what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;

use klamm_core::api::Delivery;
use klamm_core::model::inventory::KafkaView;
use klamm_core::model::target::Target;
use klamm_core::model::{DirectoryId, NodeId, SlotName};

use crate::clients::CLIENTS;
use crate::command::Host;
use crate::kafka::{HostNumber, Model};
use crate::message::{Event, Message, Timer};
use crate::network::Network;
use crate::queue::Queue;
use crate::record::{Record, Rule};

/// The wall clock of a host that keeps it right, at the start of a history.
pub(crate) const BEGINNING: &str = "2026-01-01T00:00:00Z";

/// All that is not an actor.
#[derive(Debug)]
pub(crate) struct Around {
    /// Since the start of the history.
    pub(crate) now: Duration,
    /// Where every chance comes from.
    pub(crate) random: StdRng,
    /// What lies ahead.
    pub(crate) queue: Queue<Event>,
    /// The lines between agents and server; Kafka's own are cut with them.
    pub(crate) network: Network,
    /// Kafka.
    pub(crate) kafka: Model,
    /// What happened.
    pub(crate) record: Record,
    /// How often the process on each host was started; what is for an earlier one is lost.
    lives: BTreeMap<Host, u64>,
    /// Where a process runs now: elsewhere connections are refused.
    alive: BTreeSet<Host>,
    /// Where a process of each slot runs.
    running: BTreeMap<SlotName, BTreeSet<Host>>,
    /// Nodes that were asked to stop and have not ended.
    stopping: BTreeSet<SlotName>,
    /// Nodes that were stopped for an edit with which they do not come up.
    spoiled: BTreeSet<SlotName>,
    /// The last two targets that each host was handed, for servers that do not know that they were replaced.
    pub(crate) handed: BTreeMap<Host, [Option<Delivery>; 2]>,
    /// Whether the operator wants the cluster deleted.
    pub(crate) condemned: bool,
    /// What each slot was first said to be.
    ids: BTreeMap<SlotName, (NodeId, Vec<DirectoryId>)>,
    skews: BTreeMap<Host, i64>,
    beginning: Timestamp,
}

impl Around {
    pub(crate) fn new(random: StdRng, kafka: Model) -> Self {
        Self {
            now: Duration::ZERO,
            random,
            queue: Queue::default(),
            network: Network::default(),
            kafka,
            record: Record::default(),
            lives: BTreeMap::new(),
            alive: BTreeSet::new(),
            running: BTreeMap::new(),
            stopping: BTreeSet::new(),
            spoiled: BTreeSet::new(),
            handed: BTreeMap::new(),
            condemned: false,
            ids: BTreeMap::new(),
            skews: BTreeMap::new(),
            beginning: BEGINNING.parse().expect("the beginning is a moment"),
        }
    }

    /// Kafka as it is seen from where no fault of the fleet's lines is; none while nobody answers.
    pub(crate) fn kafka_now(&self) -> Option<KafkaView> {
        self.kafka.view(CLIENTS)
    }

    /// The wall clock of a host.
    pub(crate) fn wall(&self, host: Host) -> Timestamp {
        let skew = SignedDuration::from_secs(self.skews.get(&host).copied().unwrap_or(0));
        let passed = self.beginning.checked_add(self.now).unwrap_or(Timestamp::MAX);
        passed.checked_add(skew).unwrap_or(passed)
    }

    /// Puts a host's wall clock off.
    pub(crate) fn skew(&mut self, host: Host, seconds: i64) {
        self.skews.insert(host, seconds);
    }

    /// The process on a host is started: a new life begins.
    pub(crate) fn begin_life(&mut self, host: Host) -> u64 {
        self.alive.insert(host);
        let life = self.lives.entry(host).or_default();
        *life += 1;
        *life
    }

    /// The process on a host is gone: what is on its way to it is lost, and whom it had to remind is not.
    pub(crate) fn end_life(&mut self, host: Host) {
        self.alive.remove(&host);
        *self.lives.entry(host).or_default() += 1;
    }

    /// The present life of the process on a host.
    pub(crate) fn life(&self, host: Host) -> u64 {
        self.lives.get(&host).copied().unwrap_or(0)
    }

    /// Ids never change, and no two slots share one.
    pub(crate) fn check_ids(&mut self, target: &Target) {
        for (name, (_, slot)) in target.slots() {
            let identity = &slot.identity;
            let directories = identity.directories.iter().map(|directory| directory.id).collect();
            let ids = (identity.node_id, directories);
            let taken = self.ids.iter().find(|(other, (id, _))| *other != name && *id == ids.0);
            let before = self.ids.get(name).filter(|before| **before != ids);
            if taken.is_some() || before.is_some() {
                let what = format!("{name} is node {} in target {}", ids.0, target.number);
                self.record.find(self.now, Rule::IdsStay, what);
            }
            self.ids.entry(name.clone()).or_insert(ids);
        }
    }

    /// A process of a slot starts: nowhere else one may run.
    pub(crate) fn check_start(&mut self, slot: &SlotName, host: Host) {
        let hosts = self.running.entry(slot.clone()).or_default();
        if !hosts.is_empty() {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            let what = format!("{slot} is started on {host} and runs on {}", hosts.join(", "));
            self.record.find(self.now, Rule::OneProcess, what);
        }
        self.running.entry(slot.clone()).or_default().insert(host);
    }

    /// A process of a slot was asked to stop.
    pub(crate) fn note_stop(&mut self, slot: &SlotName) {
        self.stopping.insert(slot.clone());
    }

    /// A process of a slot ended.
    pub(crate) fn note_end(&mut self, slot: &SlotName, host: Host) {
        self.stopping.remove(slot);
        if let Some(hosts) = self.running.get_mut(slot) {
            hosts.remove(&host);
        }
    }

    /// Another node than this one that was asked to stop and has not ended.
    pub(crate) fn other_that_stops(&self, slot: &SlotName) -> Option<&SlotName> {
        self.stopping.iter().find(|other| *other != slot)
    }

    /// A node that was stopped for an edit is started with it: where it does not come up, no second one may follow.
    pub(crate) fn check_replaced(&mut self, slot: &SlotName, comes_up: bool) {
        if comes_up {
            self.spoiled.remove(slot);
            return;
        }
        self.spoiled.insert(slot.clone());
        if self.spoiled.len() > 1 {
            let slots: Vec<String> = self.spoiled.iter().map(ToString::to_string).collect();
            self.record.find(self.now, Rule::FirstFailureStops, slots.join(", "));
        }
    }

    /// Sends a message; whether at least one copy of it arrives at a running process.
    pub(crate) fn send(&mut self, from: Host, to: Host, message: Message) -> bool {
        let life = self.life(to);
        let copies = self.network.carry(from, to, &mut self.random);
        for time in &copies {
            let message = message.clone();
            self.queue.plan(self.now + *time, Event::Arrives { from, to, life, message });
        }
        !copies.is_empty() && self.alive.contains(&to)
    }

    /// Reminds a process of something, in this life of it.
    pub(crate) fn wake(&mut self, host: Host, at: Duration, timer: Timer) {
        let life = self.life(host);
        self.queue.plan(at.max(self.now), Event::Wakes { host, life, timer });
    }
}

/// A host as Kafka's model numbers it.
pub(crate) fn number(host: Host) -> HostNumber {
    match host {
        Host::Server => HostNumber(0),
        Host::Agent(number) => HostNumber(u16::from(number)),
    }
}
