//! Changes that a spec may ask for and that are not made: they would lose data, cannot be undone, or need data to be
//! somewhere else first. All of them at once, each with what to do instead.

use std::collections::BTreeSet;

use super::inside_kafka::refusals_of_topics;
use super::{PlanRefused, Planning};
use crate::kafka::NodeRole;
use crate::model::cluster::{ListenerAuth, UserAuth, WantedSlot};
use crate::model::plan::{ChangeClass, Refusal};
use crate::model::target::{ListenerPurpose, SlotTarget};
use crate::model::{HostId, SlotName};
use crate::render::server_properties::{CONTROLLER, INTERNAL};

/// Refuses what this version does not do, then what nobody should.
pub(super) fn check(input: &Planning<'_>) -> Result<(), PlanRefused> {
    check_supported(input)?;
    let refusals = refusals(input);
    if refusals.is_empty() { Ok(()) } else { Err(PlanRefused::Changes(refusals)) }
}

/// What the spec may say and this version does not do is refused, never passed over in silence.
fn check_supported(input: &Planning<'_>) -> Result<(), PlanRefused> {
    let not_supported = |what: &str, instead: &str| {
        Err(PlanRefused::NotSupported { what: what.to_owned(), instead: instead.to_owned() })
    };
    let cluster = input.cluster;
    if cluster.listeners.values().any(|listener| matches!(listener.auth, ListenerAuth::Sasl(_)))
        || cluster.users.values().any(|user| matches!(user.auth, UserAuth::Sasl(_)))
    {
        return not_supported("SASL", "use `auth: mtls`");
    }
    if cluster.components.registry.is_some() || cluster.components.connect.is_some() {
        return not_supported("running a registry or Connect", "remove `components` from the spec");
    }
    if cluster.monitoring.prometheus {
        return not_supported("metrics for Prometheus", "remove `monitoring` from the spec");
    }
    if !cluster.artifacts.mirrors.is_empty() {
        return not_supported(
            "mirrors of one cluster",
            "remove `artifacts.mirrors` from the spec and say `klamm up --mirror URL`, which holds for all clusters",
        );
    }
    if cluster.artifacts.lock.is_some() {
        return not_supported("a lock file of your own", "remove `artifacts.lock` from the spec");
    }
    if !cluster.policy.windows.is_empty() {
        return not_supported("maintenance windows", "remove `policy.windows` from the spec");
    }
    Ok(())
}

fn refusals(input: &Planning<'_>) -> Vec<Refusal> {
    if input.current.is_none() {
        return Vec::new();
    }
    let mut refusals = refusals_of_slots(input);
    let version = input.cluster.kafka.to_string();
    let runs: BTreeSet<&str> = input.in_force.values().map(|(_, slot)| slot.process.kafka.as_str()).collect();
    if runs.iter().any(|runs| *runs != version) {
        refusals.push(Refusal {
            class: ChangeClass::Refused,
            object: "kafka".to_owned(),
            cause: format!(
                "the nodes run {} and the spec says {version}: this version of Klamm changes no Kafka version",
                runs.into_iter().collect::<Vec<_>>().join(" and ")
            ),
            instead: "keep `kafka` as it is".to_owned(),
        });
    }
    if let Some(view) = &input.inventory.kafka {
        refusals.extend(refusals_of_topics(input, &view.value));
    }
    refusals
}

fn refusals_of_slots(input: &Planning<'_>) -> Vec<Refusal> {
    let wanted: BTreeSet<SlotName> = input.cluster.slots().map(|slot| slot.name()).collect();
    let gone = input.in_force.keys().filter(|name| !wanted.contains(*name));
    let mut refusals: Vec<Refusal> = gone
        .map(|name| Refusal {
            class: ChangeClass::Move,
            object: name.to_string(),
            cause: "the spec has it no more, and it holds data: partitions or a vote must be elsewhere first, which \
                    this version does not do"
                .to_owned(),
            instead: "keep its pool and the pool's count".to_owned(),
        })
        .collect();
    for slot in input.cluster.slots() {
        match input.in_force.get(&slot.name()) {
            Some((host, current)) => refusals.extend(refusals_of_slot(input, &slot, host, current)),
            None => refusals.push(Refusal {
                class: ChangeClass::Refused,
                object: slot.name().to_string(),
                cause: "it is new, and this version adds no node to a cluster that exists".to_owned(),
                instead: "keep the pools and their counts".to_owned(),
            }),
        }
    }
    refusals
}

fn refusals_of_slot(
    input: &Planning<'_>,
    slot: &WantedSlot<'_>,
    host: &HostId,
    current: &SlotTarget,
) -> Vec<Refusal> {
    let name = slot.name();
    let mut refusals = Vec::new();
    let mut refuse = |class, cause: String, instead: String| {
        refusals.push(Refusal { class, object: name.to_string(), cause, instead });
    };
    let id = current.identity.node_id;
    if let Some(pinned) = slot.pinned_node_id().filter(|pinned| *pinned != id) {
        refuse(
            ChangeClass::Refused,
            format!(
                "its node id is {id} and the spec says {pinned}: an id is for life, data and votes carry it"
            ),
            format!("write `node-id: {id}`, or nothing"),
        );
    }
    let role = role_of(current);
    if role != Some(slot.role()) {
        let has = role.map_or("none", NodeRole::process_roles);
        refuse(
            ChangeClass::Refused,
            format!("its roles are {has} and the spec says {}", slot.role().process_roles()),
            "make another pool with the new roles".to_owned(),
        );
    }
    let storage = &slot.pool.storage;
    let before = input.made_from(current).and_then(|before| before.slot(&name));
    // Where a slot's own folder is, is the host's matter: only an edit of the spec is looked at.
    if before.is_some_and(|before| before.pool.storage != *storage) {
        let has: Vec<&str> = current.identity.directories.iter().map(|one| one.path.as_str()).collect();
        let wanted: Vec<&str> = storage.iter().map(|path| path.as_str()).collect();
        let wanted = if wanted.is_empty() { "nothing".to_owned() } else { wanted.join(", ") };
        refuse(
            ChangeClass::Move,
            format!(
                "its data are in {} and the spec's `storage` now says {wanted}: they must be copied first, which this \
                 version does not do",
                has.join(", ")
            ),
            "keep the pool's `storage`".to_owned(),
        );
    }
    if let Some(report) = input.inventory.hosts.get(host) {
        let host_name = &report.value.name;
        let pool = &slot.pool.hosts;
        let own = slot.overrides().and_then(|slot| slot.host.as_ref());
        let may_stay = (pool.is_empty() || pool.iter().any(|selector| selector.matches(host_name)))
            && own.is_none_or(|selector| selector.matches(host_name));
        if !may_stay {
            refuse(
                ChangeClass::Move,
                format!(
                    "it lives on {host_name}, which the spec does not name for it: its data must move first"
                ),
                "name that host too: this version moves no slot".to_owned(),
            );
        }
    }
    let bases = [
        (CONTROLLER.to_owned(), input.cluster.ports.controller),
        (INTERNAL.to_owned(), input.cluster.ports.internal),
    ];
    let clients = input.cluster.listeners.iter().map(|(name, listener)| (name.kafka_name(), listener.port));
    for (listener, base) in bases.into_iter().chain(clients) {
        if let Some(address) = current.identity.listeners.get(&listener)
            && address.base != base
        {
            let instead = match address.purpose {
                ListenerPurpose::Clients(_) => {
                    "add a second listener with the new port, move the clients, remove the first".to_owned()
                }
                ListenerPurpose::Controller | ListenerPurpose::Internal => {
                    format!("write port {} again", address.base)
                }
            };
            refuse(
                ChangeClass::Refused,
                format!(
                    "its listener {listener} was given out at port {} and the spec says {base}: who knows the old \
                     port would be cut off",
                    address.base
                ),
                instead,
            );
        }
    }
    refusals
}

/// What a slot does, by the listeners that it has.
fn role_of(slot: &SlotTarget) -> Option<NodeRole> {
    let has = |listener: &str| slot.identity.listeners.contains_key(listener);
    match (has(CONTROLLER), has(INTERNAL)) {
        (true, true) => Some(NodeRole::Combined),
        (true, false) => Some(NodeRole::Controller),
        (false, true) => Some(NodeRole::Broker),
        (false, false) => None,
    }
}
