//! Where a new slot goes: which host, which ports, under which names.

use std::collections::{BTreeMap, BTreeSet};

use super::{PlanRefused, Planning};
use crate::kafka::Profile;
use crate::model::cluster::{Cluster, NameTemplate, TemplateValues, WantedSlot};
use crate::model::inventory::HostReport;
use crate::model::target::{ListenerAddress, ListenerPurpose, SlotTarget};
use crate::model::{HostId, NodeId, PoolName, SlotName};
use crate::render::server_properties::{CONTROLLER, INTERNAL};

/// What is taken on each host while a plan is made.
#[derive(Debug)]
pub(super) struct Occupancy {
    slots: BTreeMap<HostId, Vec<PoolName>>,
    ports: BTreeMap<HostId, BTreeSet<u16>>,
}

impl Occupancy {
    /// What other clusters keep, what the slots in force keep, and what something listens on now.
    pub(super) fn of(input: &Planning<'_>) -> Self {
        let mut occupancy = Self { slots: BTreeMap::new(), ports: input.reserved_ports.clone() };
        for (host, report) in &input.inventory.hosts {
            occupancy.ports.entry(host.clone()).or_default().extend(&report.value.ports_taken);
        }
        for (name, (host, slot)) in input.current.map(|current| current.slots()).unwrap_or_default() {
            occupancy.slots.entry(host.clone()).or_default().push(name.pool().clone());
            let ports = slot.identity.listeners.values().map(|listener| listener.port);
            occupancy.ports.entry(host.clone()).or_default().extend(ports);
        }
        occupancy
    }

    /// How many slots of the pool, and how many of the cluster, a host has.
    fn load(&self, host: &HostId, pool: &PoolName) -> (usize, usize) {
        let slots = self.slots.get(host).map(Vec::as_slice).unwrap_or_default();
        (slots.iter().filter(|other| *other == pool).count(), slots.len())
    }

    /// The first free port from `base` upwards, which is then taken.
    fn take_port(&mut self, host: &HostId, slot: &SlotName, base: u16) -> Result<u16, PlanRefused> {
        let taken = self.ports.entry(host.clone()).or_default();
        let free = (base..=u16::MAX).find(|port| !taken.contains(port));
        let free = free.ok_or_else(|| PlanRefused::NoPort { slot: slot.clone(), base })?;
        taken.insert(free);
        Ok(free)
    }
}

/// The host for a new slot: of those it may use and that were heard lately the one with the fewest slots of its pool,
/// then of the cluster. The loss of one host shall cost a pool as little as can be.
pub(super) fn choose_host<'a>(
    input: &'a Planning<'_>,
    wanted: &WantedSlot<'_>,
    occupancy: &mut Occupancy,
) -> Result<(&'a HostId, &'a HostReport), PlanRefused> {
    let may_use = |report: &HostReport| {
        let pool = &wanted.pool.hosts;
        let own = wanted.overrides().and_then(|slot| slot.host.as_ref());
        (pool.is_empty() || pool.iter().any(|selector| selector.matches(&report.name)))
            && own.is_none_or(|selector| selector.matches(&report.name))
    };
    let name = wanted.name();
    let heard: Vec<(&HostId, &HostReport)> = input
        .inventory
        .hosts
        .keys()
        .filter_map(|host| Some((host, input.inventory.heard(host, input.now)?)))
        .collect();
    let chosen = heard
        .iter()
        .filter(|(_, report)| may_use(report))
        .min_by_key(|(host, _)| (occupancy.load(host, name.pool()), (*host).clone()));
    let Some((host, report)) = chosen.copied() else {
        let why = match (input.inventory.hosts.is_empty(), heard.is_empty()) {
            (true, _) => "none has reported yet",
            (false, true) => "none has reported lately",
            (false, false) => "its `hosts` match none that has reported lately",
        };
        return Err(PlanRefused::NoHost { slot: name, why: why.to_owned() });
    };
    occupancy.slots.entry(host.clone()).or_default().push(name.pool().clone());
    Ok((host, report))
}

/// A slot on its host, as far as names and ports go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    /// The slot.
    pub(super) wanted: WantedSlot<'a>,
    /// Its node id.
    pub(super) node_id: NodeId,
    /// Its host.
    pub(super) host: &'a HostId,
    /// What the host reported.
    pub(super) report: &'a HostReport,
}

/// The listeners of a slot. Those it has already keep their ports for life; new ones get the next free. `before` is
/// the spec that the slot was made from.
pub(super) fn place_listeners(
    input: &Planning<'_>,
    placed: &Placed<'_>,
    current: Option<&SlotTarget>,
    before: Option<&Cluster>,
    occupancy: &mut Occupancy,
) -> Result<BTreeMap<String, ListenerAddress>, PlanRefused> {
    let slot = placed.wanted.name();
    let nothing = BTreeMap::new();
    let kept = current.map_or(&nothing, |current| &current.identity.listeners);
    let hosts_before: BTreeMap<String, String> = before
        .and_then(|cluster| {
            Some(wanted_listeners(cluster, &Placed { wanted: cluster.slot(&slot)?, ..*placed }))
        })
        .unwrap_or_default()
        .into_iter()
        .map(|listener| (listener.kafka_name, listener.host))
        .collect();
    let mut listeners = BTreeMap::new();
    for listener in wanted_listeners(input.cluster, placed) {
        let WantedListener { kafka_name, purpose, base, bind, host } = listener;
        let address = match kept.get(&kafka_name) {
            // An address that was given out is kept: what a host says of itself may change from day to day. A name
            // is another one only when the spec says so.
            Some(kept) => {
                let same_name = hosts_before.get(&kafka_name) == Some(&host);
                let host = if same_name { kept.host.clone() } else { host };
                ListenerAddress { host, purpose, ..kept.clone() }
            }
            None => {
                let port = occupancy.take_port(placed.host, &slot, base)?;
                ListenerAddress { bind, host, port, base, purpose }
            }
        };
        listeners.insert(kafka_name, address);
    }
    Ok(listeners)
}

struct WantedListener {
    kafka_name: String,
    purpose: ListenerPurpose,
    base: u16,
    bind: std::net::IpAddr,
    host: String,
}

fn wanted_listeners(cluster: &Cluster, placed: &Placed<'_>) -> Vec<WantedListener> {
    let Placed { wanted, node_id, host: _, report } = placed;
    let slot = wanted.name();
    let own_name = match cluster.profile {
        Profile::Laptop => report.advertised.clone(),
        Profile::Production => format!("{slot}.{}.klamm", cluster.name),
    };
    let advertised = |template: Option<&NameTemplate>| {
        let values =
            TemplateValues { slot: &slot, node_id: *node_id, cluster: &cluster.name, host: &report.name };
        template.map_or_else(|| own_name.clone(), |template| template.fill(&values))
    };
    let mut listeners = Vec::new();
    if wanted.role().is_controller() {
        listeners.push(WantedListener {
            kafka_name: CONTROLLER.to_owned(),
            purpose: ListenerPurpose::Controller,
            base: cluster.ports.controller,
            bind: report.address,
            host: advertised(None),
        });
    }
    if wanted.role().is_broker() {
        listeners.push(WantedListener {
            kafka_name: INTERNAL.to_owned(),
            purpose: ListenerPurpose::Internal,
            base: cluster.ports.internal,
            bind: report.address,
            host: advertised(None),
        });
        listeners.extend(cluster.listeners.iter().map(|(name, listener)| WantedListener {
            kafka_name: name.kafka_name(),
            purpose: ListenerPurpose::Clients(name.clone()),
            base: listener.port,
            bind: listener.bind.unwrap_or(report.address),
            host: advertised(listener.advertised.as_ref()),
        }));
    }
    listeners
}
