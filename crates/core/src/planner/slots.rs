//! The slots of a goal: made anew, or made again with what they keep.

use std::collections::{BTreeMap, BTreeSet};

use super::Planning;
use super::differences::{self, Differences, Node};
use super::keep::{Content, keep};
use super::made::{Made, SERVER_PROPERTIES, make};
use super::placement::Placed;
use crate::model::target::{CredentialTarget, ProcessTarget, RunState, SlotIdentity, SlotTarget};
use crate::model::{NodeId, Sha256, SlotName};
use crate::render::logging::Logging;
use crate::render::properties::read_properties;

/// Contents by digest.
pub(super) type Blobs = BTreeMap<Sha256, Vec<u8>>;

/// Makes the slots of a goal, one after the other.
pub(super) struct Maker<'a> {
    /// From what.
    pub(super) input: &'a Planning<'a>,
    /// `HOST:PORT` of the quorum in force.
    pub(super) controllers_before: Vec<String>,
    /// `HOST:PORT` of the quorum of the goal.
    pub(super) controllers: Vec<String>,
    /// The spec, by digest.
    pub(super) spec: Sha256,
    /// What was rendered.
    pub(super) blobs: Blobs,
    /// What differs, by slot.
    pub(super) differences: BTreeMap<SlotName, Differences>,
    /// The settings of each slot, by node id.
    pub(super) settings: BTreeMap<NodeId, BTreeMap<String, String>>,
    /// What this Klamm would make otherwise, in words, with the slots.
    pub(super) offered: BTreeMap<String, BTreeSet<SlotName>>,
}

impl Maker<'_> {
    pub(super) fn slot_anew(&mut self, place: &Placed<'_>, identity: SlotIdentity) -> SlotTarget {
        let input = self.input;
        let made = make(input, input.cluster, place, &identity, &self.controllers);
        self.settings.insert(identity.node_id, made.properties.to_map());
        let credential = self.credential(&made, None);
        let Content { properties, logging, jvm_options, arguments } = Content::of(&made);
        SlotTarget {
            identity,
            run: RunState::Running,
            process: ProcessTarget {
                kafka: input.cluster.kafka.to_string(),
                lock: input.supply.lock,
                jar: input.supply.jar,
                java: input.supply.java.clone(),
                jvm_options,
                main_class: "kafka.Kafka".to_owned(),
                arguments,
                generation: 0,
            },
            files: self.files(properties, logging),
            launched_with: BTreeMap::new(),
            made_from: Some(self.spec),
            credential,
        }
    }

    /// A slot that exists: the edit is made to it, and all else stays, unless newer defaults are asked for.
    pub(super) fn slot_again(
        &mut self,
        name: &SlotName,
        place: &Placed<'_>,
        identity: SlotIdentity,
        current: &SlotTarget,
    ) -> SlotTarget {
        let input = self.input;
        let after = make(input, input.cluster, place, &identity, &self.controllers);
        let before = input
            .made_from(current)
            .filter(|_| !input.refresh_defaults)
            .and_then(|cluster| Some((cluster, cluster.slot(name)?)))
            .map(|(cluster, wanted)| {
                let place = Placed { wanted, ..*place };
                make(input, cluster, &place, &current.identity, &self.controllers_before)
            });
        let had = self.content(current);
        let content = match (&had, &before) {
            (Some(had), Some(before)) => had.edited(before, &after),
            _ => Content::of(&after),
        };
        if let Some(had) = &had
            && *had == content
            && !input.refresh_defaults
        {
            self.offer(name, place, &content, &Content::of(&after), current);
        }
        let credential = self.credential(&after, before.as_ref().map(|before| (before, &current.credential)));
        let Content { properties, logging, jvm_options, arguments } = content;
        let settings = read_properties(&properties);
        // A newer Klamm brings newer executables; slipping them in would restart every node.
        let kept = (!input.refresh_defaults).then_some(&current.process);
        // What does not run starts anyway.
        let rolls = current.run == RunState::Running && input.roll.contains(name);
        let mut slot = SlotTarget {
            identity,
            run: RunState::Running,
            process: ProcessTarget {
                kafka: input.cluster.kafka.to_string(),
                lock: kept.map_or(input.supply.lock, |process| process.lock),
                jar: kept.map_or(input.supply.jar, |process| process.jar),
                java: kept.map_or_else(|| input.supply.java.clone(), |process| process.java.clone()),
                jvm_options,
                main_class: current.process.main_class.clone(),
                arguments,
                generation: current.process.generation + u64::from(rolls),
            },
            files: self.files(properties, logging),
            launched_with: BTreeMap::new(),
            made_from: current.made_from,
            credential,
        };
        let had = had.map(|had| read_properties(&had.properties));
        let differences = self.differences_of(place, current, &slot, had.as_ref(), &settings);
        slot.launched_with = launched_with(current, &slot, &differences);
        let same = SlotTarget { run: current.run, ..slot.clone() } == *current;
        if !same {
            slot.made_from = Some(self.spec);
        }
        if differences != Differences::default() {
            self.differences.insert(name.clone(), differences);
        }
        self.settings.insert(slot.identity.node_id, settings);
        slot
    }

    /// What a slot has now; none where a file's content is not known.
    fn content(&self, slot: &SlotTarget) -> Option<Content> {
        let text = |path| {
            let blob = self.input.known.files.get(slot.files.get(path)?)?;
            Some(String::from_utf8_lossy(blob).into_owned())
        };
        Some(Content {
            properties: text(SERVER_PROPERTIES)?,
            logging: text(self.logging_file())?,
            jvm_options: slot.process.jvm_options.clone(),
            arguments: slot.process.arguments.clone(),
        })
    }

    fn differences_of(
        &self,
        place: &Placed<'_>,
        current: &SlotTarget,
        slot: &SlotTarget,
        had: Option<&BTreeMap<String, String>>,
        has: &BTreeMap<String, String>,
    ) -> Differences {
        let mut differences = match had {
            Some(had) if had != has => differences::of_settings(&self.node(place), had, has),
            Some(_) => Differences::default(),
            None => {
                Differences { at_start: differences::of_unknown(current, slot), without_start: Vec::new() }
            }
        };
        differences.at_start.extend(differences::of_launch(current, slot));
        differences
    }

    fn node(&self, place: &Placed<'_>) -> Node<'_> {
        let view = self.input.inventory.kafka.as_ref();
        Node {
            line: self.input.cluster.kafka.line(),
            role: place.wanted.role(),
            seen: view.and_then(|view| view.value.broker_config.get(&place.node_id)),
        }
    }

    /// Remembers what this Klamm would make otherwise.
    fn offer(
        &mut self,
        name: &SlotName,
        place: &Placed<'_>,
        has: &Content,
        made: &Content,
        current: &SlotTarget,
    ) {
        let supply = self.input.supply;
        if has == made && supply.jar == current.process.jar && supply.lock == current.process.lock {
            return;
        }
        let settings = |content: &Content| read_properties(&content.properties);
        let Differences { at_start, without_start } =
            differences::of_settings(&self.node(place), &settings(has), &settings(made));
        let mut offered = current.clone();
        offered.process.jvm_options = made.jvm_options.clone();
        (offered.process.jar, offered.process.lock) = (supply.jar, supply.lock);
        if has.logging != made.logging {
            offered.files.remove(self.logging_file());
        }
        let launch = differences::of_launch(current, &offered);
        for change in at_start.into_iter().chain(without_start).chain(launch) {
            self.offered.entry(change.to_string()).or_default().insert(name.clone());
        }
    }

    fn logging_file(&self) -> &'static str {
        Logging::of(self.input.cluster.kafka).file()
    }

    fn files(&mut self, properties: String, logging: String) -> BTreeMap<String, Sha256> {
        BTreeMap::from([
            (SERVER_PROPERTIES.to_owned(), keep_blob(&mut self.blobs, properties.into_bytes())),
            (self.logging_file().to_owned(), keep_blob(&mut self.blobs, logging.into_bytes())),
        ])
    }

    /// Names are kept as everything else is; trust is the authorities' matter, and always theirs of now.
    fn credential(&mut self, made: &Made, kept: Option<(&Made, &CredentialTarget)>) -> CredentialTarget {
        let trust = self.input.trust;
        let (dns_names, addresses, lifetime_seconds) = match kept {
            Some((before, current)) => (
                keep(&current.dns_names, &before.dns_names, &made.dns_names),
                keep(&current.addresses, &before.addresses, &made.addresses),
                keep(&current.lifetime_seconds, &before.lifetime_seconds, &made.lifetime_seconds),
            ),
            None => (&made.dns_names, &made.addresses, &made.lifetime_seconds),
        };
        CredentialTarget {
            dns_names: dns_names.clone(),
            addresses: addresses.clone(),
            lifetime_seconds: *lifetime_seconds,
            trust_nodes: keep_blob(&mut self.blobs, trust.nodes.clone().into_bytes()),
            trust_users: keep_blob(&mut self.blobs, trust.users.clone().into_bytes()),
        }
    }
}

/// What counts for the launch of `slot` in place of its files, so that it is launched anew exactly where something
/// differs that only a start takes up.
fn launched_with(
    current: &SlotTarget,
    slot: &SlotTarget,
    differences: &Differences,
) -> BTreeMap<String, Sha256> {
    let path = || SERVER_PROPERTIES.to_owned();
    let (Some(was), Some(is)) = (current.files.get(SERVER_PROPERTIES), slot.files.get(SERVER_PROPERTIES))
    else {
        return BTreeMap::new();
    };
    if current.run != RunState::Running {
        return BTreeMap::new();
    }
    let launched = current.launched_with.get(SERVER_PROPERTIES).unwrap_or(was);
    let keeps_running = differences.at_start.is_empty();
    match (keeps_running, launched == is) {
        (true, true) | (false, false) => BTreeMap::new(),
        (true, false) => BTreeMap::from([(path(), *launched)]),
        // The file is again what it was at the launch, and a node that ended by itself has read another one since.
        (false, true) if was != is => BTreeMap::from([(path(), *was)]),
        (false, true) => BTreeMap::new(),
    }
}

/// Remembers a blob and gives its digest.
pub(super) fn keep_blob(blobs: &mut Blobs, content: Vec<u8>) -> Sha256 {
    let digest = Sha256::of(&content);
    blobs.insert(digest, content);
    digest
}
