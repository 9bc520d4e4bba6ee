//! The steps from what is to the goal, each with its class and its reason.

use std::collections::{BTreeMap, BTreeSet};

use super::differences::{Differences, list, reason_to_restart};
use super::goal::Goal;
use super::inside_kafka::{differences_left_alone, steps_inside_kafka};
use super::settings::{Alterations, reason};
use super::{End, Planning};
use crate::machines::executor::CRASHES;
use crate::machines::permits::may_serve;
use crate::model::inventory::{KafkaView, SlotReport, Stage};
use crate::model::plan::{Act, ChangeClass, LiveSetting, Plan, Step};
use crate::model::target::{RunState, Target};
use crate::model::{ClusterName, SlotName};

pub(super) fn step(act: Act, class: ChangeClass, reason: impl Into<String>) -> Step {
    Step { act, class, reason: reason.into() }
}

/// Stopping or deleting everything.
pub(super) fn steps_of_end(name: &ClusterName, current: Option<&Target>, end: End) -> Plan {
    let (run, class, reason) = match end {
        End::Down => (RunState::Stopped, ChangeClass::Stop, "the cluster shall be down; data stays"),
        End::Destroyed => {
            (RunState::Removed, ChangeClass::Delete, "the cluster shall be destroyed, with all its data")
        }
    };
    let slots = current.map(Target::slots).unwrap_or_default();
    let slots = slots.into_iter().filter(|(_, (_, slot))| slot.run != run);
    let slots: BTreeSet<SlotName> = slots.map(|(name, _)| name.clone()).collect();
    let act = |slots| match end {
        End::Down => Act::Stop { slots },
        End::Destroyed => Act::Remove { slots },
    };
    Plan {
        cluster: name.clone(),
        from: current.map(|current| current.number),
        steps: if slots.is_empty() { Vec::new() } else { vec![step(act(slots), class, reason)] },
        notes: Vec::new(),
    }
}

/// From the target in force, and from what was observed, to a running cluster.
pub(super) fn steps_of_up(input: &Planning<'_>, goal: &Goal, alterations: &Alterations) -> Plan {
    let view = input.inventory.kafka.as_ref().map(|view| &view.value);
    let Changes { create, start, down, refresh, rewrite, restart, recover } = Changes::between(input, goal);
    let mut steps = Vec::new();
    if !create.is_empty() {
        steps.push(step(Act::Create { slots: create }, ChangeClass::None, "new slots of the spec"));
    }
    if !start.is_empty() || !down.is_empty() {
        let reason = reason_to_start(&down);
        let slots = start.into_iter().chain(down.into_keys()).collect();
        steps.push(step(Act::Start { slots }, ChangeClass::None, reason));
    }
    steps.extend(alter(&alterations.early, view));
    if !refresh.is_empty() {
        let reason = "certificates or trust change; running processes take them up";
        steps.push(step(Act::Refresh { slots: refresh }, ChangeClass::Reload, reason));
    }
    for (reason, slots) in rewrite {
        steps.push(step(Act::Refresh { slots }, ChangeClass::None, reason));
    }
    if !recover.is_empty() {
        let reason = "they shall run and are not ready; their agent brings them back";
        steps.push(step(Act::Await { slots: recover }, ChangeClass::None, reason));
    }
    for (slot, reason) in in_restart_order(input, restart) {
        steps.push(step(Act::Restart { slot }, ChangeClass::Restart, reason));
    }
    steps.extend(alter(&alterations.late, view));
    let nothing = KafkaView::default();
    let mut notes = Vec::new();
    if view.is_none() && steps.is_empty() {
        let note =
            "Kafka does not answer: what it holds could not be compared, and is looked at again in each step";
        notes.push(note.to_owned());
    }
    let view = view.unwrap_or(&nothing);
    steps.extend(steps_inside_kafka(input, view));
    notes.extend(differences_left_alone(input, view));
    notes.extend(alterations.foreign.iter().map(|(key, value)| {
        format!("Kafka holds {key}={value}, altered by somebody else and not in the spec: left alone")
    }));
    notes.extend(offers(goal));
    Plan {
        cluster: input.cluster.name.clone(),
        from: input.current.map(|current| current.number),
        steps,
        notes,
    }
}

fn alter(settings: &BTreeMap<String, LiveSetting>, view: Option<&KafkaView>) -> Option<Step> {
    let act = Act::Alter { settings: settings.clone() };
    (!settings.is_empty()).then(|| step(act, ChangeClass::Dynamic, reason(settings, view)))
}

/// What a newer Klamm, or another machine, would make otherwise.
fn offers(goal: &Goal) -> Option<String> {
    if goal.offered.is_empty() {
        return None;
    }
    let all: BTreeSet<&SlotName> = goal.offered.values().flatten().collect();
    let changes = goal.offered.iter().map(|(change, slots)| {
        let names: Vec<String> = slots.iter().map(ToString::to_string).collect();
        if slots.len() == all.len() { change.clone() } else { format!("{change} ({})", names.join(", ")) }
    });
    Some(format!(
        "newer defaults are offered ({}): `--refresh-defaults` takes them, with the restarts that they need",
        changes.collect::<Vec<_>>().join("; ")
    ))
}

/// Which slots change how.
#[derive(Default)]
struct Changes {
    create: BTreeSet<SlotName>,
    start: BTreeSet<SlotName>,
    /// Those that do not come up by themselves any more, and change, with the reason. All at once: a node may need the
    /// others to come up.
    down: BTreeMap<SlotName, String>,
    refresh: BTreeSet<SlotName>,
    /// Files for the next start, by the reason.
    rewrite: BTreeMap<String, BTreeSet<SlotName>>,
    restart: BTreeMap<SlotName, String>,
    recover: BTreeSet<SlotName>,
}

impl Changes {
    fn between(input: &Planning<'_>, goal: &Goal) -> Self {
        let mut changes = Self::default();
        let reports = reports(input);
        let nothing = Differences::default();
        for (name, (_, wanted)) in goal.target.slots() {
            let Some((_, current)) = input.in_force.get(name).copied() else {
                changes.create.insert(name.clone());
                continue;
            };
            let differences = goal.differences.get(name).unwrap_or(&nothing);
            if current.run != RunState::Running {
                changes.start.insert(name.clone());
            } else if current.launch() != wanted.launch() {
                let reason = reason_to_restart(&differences.at_start);
                let is_down = reports.get(name).is_some_and(|seen| seen.failures >= CRASHES)
                    && !input
                        .current
                        .is_some_and(|current| may_serve(current, input.inventory, name, input.now));
                let changed = if is_down { &mut changes.down } else { &mut changes.restart };
                changed.insert(name.clone(), reason);
            } else {
                if current.credential != wanted.credential {
                    changes.refresh.insert(name.clone());
                } else if current != wanted {
                    let reason = format!("files for the next start: {}", list(&differences.without_start));
                    changes.rewrite.entry(reason).or_default().insert(name.clone());
                }
                if current == wanted && !reports.get(name).is_some_and(|seen| seen.stage == Stage::Ready) {
                    changes.recover.insert(name.clone());
                }
            }
        }
        changes
    }
}

fn reason_to_start(down: &BTreeMap<SlotName, String>) -> String {
    if down.is_empty() {
        return "they are stopped".to_owned();
    }
    let reasons: BTreeSet<&str> = down.values().map(String::as_str).collect();
    format!("they do not come up; {}", reasons.into_iter().collect::<Vec<_>>().join("; "))
}

/// The last report of each slot, from whichever host told it.
fn reports<'a>(input: &Planning<'a>) -> BTreeMap<&'a SlotName, &'a SlotReport> {
    let hosts = input.inventory.hosts.values();
    let of_cluster = hosts.filter_map(|report| report.value.clusters.get(&input.id));
    of_cluster.flat_map(|cluster| &cluster.slots).collect()
}

/// Controllers before brokers, what is down before what serves, the active controller last of all controllers: each
/// handover of the quorum costs an election.
fn in_restart_order(input: &Planning<'_>, restart: BTreeMap<SlotName, String>) -> Vec<(SlotName, String)> {
    let leader = input.inventory.kafka.as_ref().and_then(|view| view.value.quorum.as_ref()?.leader);
    let reports = reports(input);
    let place = |name: &SlotName| {
        let id = input.in_force.get(name).map(|(_, slot)| slot.identity.node_id);
        let controls = input.cluster.slot(name).is_some_and(|slot| slot.role().is_controller());
        let ready = reports.get(name).is_some_and(|seen| seen.stage == Stage::Ready);
        (!controls, id.is_some() && id == leader, ready)
    };
    let mut ordered: Vec<(SlotName, String)> = restart.into_iter().collect();
    ordered.sort_by_cached_key(|(name, _)| (place(name), name.clone()));
    ordered
}
