//! What differs between two targets, slot by slot, files as unified diffs.

use std::collections::{BTreeMap, BTreeSet};

use similar::TextDiff;

use klamm_core::api::{Change, TargetDiff};
use klamm_core::model::target::{
    CredentialTarget, ProcessTarget, RunState, SlotIdentity, SlotTarget, Target,
};
use klamm_core::model::{HostId, Sha256, SlotName};

/// Texts by their digest.
pub(super) type Texts = BTreeMap<Sha256, String>;

type Slots<'a> = BTreeMap<&'a SlotName, (&'a HostId, &'a SlotTarget)>;

/// Unchanged lines around a change, as `diff -u` shows them.
const CONTEXT: usize = 3;

/// The blobs that [`diff`] needs: those that differ.
pub(super) fn texts_wanted(from: Option<&Target>, to: &Target) -> BTreeSet<Sha256> {
    let mut wanted = BTreeSet::new();
    let mut differ = |before: Option<Sha256>, after: Option<Sha256>| {
        if before != after {
            wanted.extend(before.into_iter().chain(after));
        }
    };
    differ(from.map(|from| from.spec), Some(to.spec));
    for (name, (_, after)) in to.slots() {
        let Some(before) = from.and_then(|from| from.slot(name)) else { continue };
        for path in before.files.keys().chain(after.files.keys()) {
            differ(before.files.get(path).copied(), after.files.get(path).copied());
        }
        let trust = |slot: &SlotTarget| [slot.credential.trust_nodes, slot.credential.trust_users];
        for (before, after) in trust(before).into_iter().zip(trust(after)) {
            differ(Some(before), Some(after));
        }
    }
    wanted
}

/// What changed; `texts` holds at least what [`texts_wanted`] names.
pub(super) fn diff(from: Option<&Target>, to: &Target, texts: &Texts) -> TargetDiff {
    let before = from.map(Target::slots).unwrap_or_default();
    let after = to.slots();
    let both = after.iter().filter_map(|(name, after)| Some((*name, *before.get(name)?, *after)));
    let changed = both.filter_map(|(name, before, after)| {
        let changes = changes(before, after, texts);
        (!changes.is_empty()).then(|| (name.clone(), changes))
    });
    TargetDiff {
        from: from.map(|from| from.number),
        to: to.number,
        spec: text_change(from.map(|from| from.spec), Some(to.spec), texts),
        added: only_in(&after, &before),
        removed: only_in(&before, &after),
        changed: changed.collect(),
    }
}

fn only_in(one: &Slots<'_>, other: &Slots<'_>) -> BTreeSet<SlotName> {
    one.keys().filter(|name| !other.contains_key(*name)).map(|name| (*name).clone()).collect()
}

fn changes(before: (&HostId, &SlotTarget), after: (&HostId, &SlotTarget), texts: &Texts) -> Vec<Change> {
    let ((host_before, before), (host_after, after)) = (before, after);
    let mut changes = Vec::new();
    changes.extend(value("host", host_before, host_after));
    // What counts for a launch and where a slot came from follow from the rest.
    let SlotTarget { identity, run, process, files, launched_with: _, made_from: _, credential } = after;
    changes.extend(value("run state", run_word(before.run), run_word(*run)));
    changes.extend(changes_of_identity(&before.identity, identity));
    changes.extend(changes_of_process(&before.process, process));
    let paths: BTreeSet<&String> = before.files.keys().chain(files.keys()).collect();
    changes.extend(paths.into_iter().filter_map(|path| {
        let diff = text_change(before.files.get(path).copied(), files.get(path).copied(), texts)?;
        Some(Change::Text { what: path.clone(), diff })
    }));
    changes.extend(changes_of_credential(&before.credential, credential, texts));
    changes
}

fn run_word(run: RunState) -> &'static str {
    match run {
        RunState::Running => "running",
        RunState::Stopped => "stopped",
        RunState::Removed => "removed",
    }
}

fn changes_of_identity(before: &SlotIdentity, after: &SlotIdentity) -> Vec<Change> {
    let SlotIdentity { node_id, claim, directories, listeners } = after;
    let listed = |identity: &SlotIdentity| -> Vec<String> {
        let paths = identity.directories.iter();
        paths.map(|directory| format!("{} ({})", directory.path, directory.id)).collect()
    };
    let mut changes: Vec<Change> = value("node id", before.node_id, node_id).into_iter().collect();
    changes.extend(value("claim", before.claim, claim));
    if before.directories != *directories {
        changes.extend(lines("data directories", &listed(before), &listed(after)));
    }
    let names: BTreeSet<&String> = before.listeners.keys().chain(listeners.keys()).collect();
    changes.extend(names.into_iter().filter_map(|name| {
        let address = |identity: &SlotIdentity| {
            let at = identity.listeners.get(name);
            at.map(|at| format!("{}:{} on {}", at.host, at.port, at.bind)).unwrap_or_default()
        };
        value(&format!("listener {name}"), address(before), address(after))
    }));
    changes
}

fn changes_of_process(before: &ProcessTarget, after: &ProcessTarget) -> Vec<Change> {
    let ProcessTarget { kafka, lock, jar, java, jvm_options, main_class, arguments, generation } = after;
    let versions = |java: &[u32]| java.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let values = [
        value("Kafka", &before.kafka, kafka),
        value("Kafka's lock file", before.lock, lock),
        value("Klamm's jar", before.jar, jar),
        value("Java", versions(&before.java), versions(java)),
        value("main class", &before.main_class, main_class),
        value("restarts asked for", before.generation, generation),
    ];
    let mut changes: Vec<Change> = values.into_iter().flatten().collect();
    changes.extend(lines("JVM options", &before.jvm_options, jvm_options));
    changes.extend(lines("arguments", &before.arguments, arguments));
    changes
}

fn changes_of_credential(before: &CredentialTarget, after: &CredentialTarget, texts: &Texts) -> Vec<Change> {
    let CredentialTarget { dns_names, addresses, lifetime_seconds: _, trust_nodes, trust_users } = after;
    let named = |credential: &CredentialTarget| -> Vec<String> {
        let addresses = credential.addresses.iter().map(ToString::to_string);
        credential.dns_names.iter().cloned().chain(addresses).collect()
    };
    let mut changes = Vec::new();
    if (&before.dns_names, &before.addresses) != (dns_names, addresses) {
        changes.extend(lines("names in the certificate", &named(before), &named(after)));
    }
    let seconds = |credential: &CredentialTarget| format!("{} s", credential.lifetime_seconds);
    changes.extend(value("life of the certificate", seconds(before), seconds(after)));
    let trusts = [
        ("trust in nodes", before.trust_nodes, *trust_nodes),
        ("trust in users", before.trust_users, *trust_users),
    ];
    changes.extend(trusts.into_iter().filter_map(|(what, before, after)| {
        let diff = text_change(Some(before), Some(after), texts)?;
        Some(Change::Text { what: what.to_owned(), diff })
    }));
    changes
}

fn value(what: &str, before: impl ToString, after: impl ToString) -> Option<Change> {
    let (before, after) = (before.to_string(), after.to_string());
    (before != after).then(|| Change::Value { what: what.to_owned(), before, after })
}

fn lines(what: &str, before: &[String], after: &[String]) -> Option<Change> {
    let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let diff = unified(&text(before), &text(after));
    (before != after).then(|| Change::Text { what: what.to_owned(), diff })
}

/// The unified diff of two blobs; none where they are the same one.
fn text_change(before: Option<Sha256>, after: Option<Sha256>, texts: &Texts) -> Option<String> {
    let text =
        |digest: Option<Sha256>| digest.and_then(|digest| texts.get(&digest)).map_or("", String::as_str);
    (before != after).then(|| unified(text(before), text(after)))
}

fn unified(before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after).unified_diff().context_radius(CONTEXT).to_string()
}

#[cfg(test)]
mod tests;
