//! How sizes came about, for a person who asks: what the host has, what was chosen, and why.

use std::collections::BTreeMap;

use super::Planning;
use super::goal::Goal;
use crate::kafka::defaults;
use crate::kafka::defaults::Size;
use crate::model::SlotName;
use crate::model::cluster::{Heap, WantedSlot};
use crate::model::inventory::HostReport;
use crate::model::plan::Explanation;
use crate::model::target::SlotTarget;

/// Threads whose number Klamm or the spec may have chosen.
const THREADS: [&str; 4] =
    ["num.io.threads", "num.network.threads", "num.recovery.threads.per.data.dir", "num.replica.fetchers"];

/// One line a value: heap, then threads.
pub(super) fn explanations(input: &Planning<'_>, goal: &Goal) -> Vec<Explanation> {
    let slots = goal.target.slots();
    let mut lines = Vec::new();
    for wanted in input.cluster.slots() {
        let name = wanted.name();
        let Some((host, slot)) = slots.get(&name) else { continue };
        let Some(report) = input.inventory.hosts.get(*host) else { continue };
        lines.push(heap(input, &wanted, slot, &report.value));
        let nothing = BTreeMap::new();
        let settings = goal.settings.get(&slot.identity.node_id).unwrap_or(&nothing);
        lines.extend(threads(input, &wanted, settings, &report.value, slot.identity.directories.len()));
    }
    lines
}

fn line(subject: &SlotName, what: &str, value: String, reason: String) -> Explanation {
    Explanation { subject: subject.clone(), what: what.to_owned(), value, reason }
}

fn heap(input: &Planning<'_>, wanted: &WantedSlot<'_>, slot: &SlotTarget, host: &HostReport) -> Explanation {
    let profile = input.cluster.profile;
    let option = slot.process.jvm_options.iter().rev().find_map(|option| option.strip_prefix("-Xmx"));
    let value = option.unwrap_or("Java's own").to_owned();
    let choice = defaults::heap(profile, wanted.role(), host.memory);
    let has = format!("{} has {} for processes, the control group's limit included", host.name, host.memory);
    let reason = match wanted.pool.heap {
        Heap::Exactly(_) => format!("the spec says so; {has}"),
        Heap::Auto if value == format!("{}m", choice.size.whole_mebibytes()) => {
            format!("profile {}: {}; {has}", profile, choice.reason)
        }
        Heap::Auto => format!(
            "kept from when the slot was made; profile {} would take {} now: {}; {has}",
            profile, choice.size, choice.reason
        ),
    };
    line(&wanted.name(), "heap", value, reason)
}

fn threads(
    input: &Planning<'_>,
    wanted: &WantedSlot<'_>,
    settings: &BTreeMap<String, String>,
    host: &HostReport,
    directories: usize,
) -> Vec<Explanation> {
    let cluster = input.cluster;
    let size = Size { brokers: cluster.brokers(), directories, processors: Some(host.processors) };
    let chosen = defaults::settings(wanted.role(), cluster.profile, cluster.kafka, &size);
    let own = cluster.effective_config(wanted);
    let name = wanted.name();
    let explain = |key: &&str| {
        let value = settings.get(*key)?.clone();
        let default = chosen.iter().find(|setting| setting.key == *key);
        let reason = match default {
            _ if own.contains_key(*key) => "the spec says so".to_owned(),
            Some(default) if default.value == value => format!(
                "profile {}: {}; {} has {} processors",
                cluster.profile, default.reason, host.name, host.processors
            ),
            Some(default) => {
                format!(
                    "kept from when the slot was made; it would be {} now: {}",
                    default.value, default.reason
                )
            }
            None => "kept from when the slot was made".to_owned(),
        };
        Some(line(&name, key, value, reason))
    };
    THREADS.iter().filter_map(explain).collect()
}
