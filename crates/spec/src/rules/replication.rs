//! Copies of partitions: of topics, of topics to come, and of Kafka's own.

use super::Scene;
use crate::problem::Code;
use crate::read::{Place, Problems};

const REPLICATION: &str = "default.replication.factor";
const MIN_INSYNC: &str = "min.insync.replicas";

/// Kafka's own topics: their copies, and the minimum of in-sync replicas where there is a key for it.
const INTERNAL: [(&str, Option<&str>, &str); 3] = [
    ("offsets.topic.replication.factor", None, "the positions of every consumer"),
    (
        "transaction.state.log.replication.factor",
        Some("transaction.state.log.min.isr"),
        "every open transaction",
    ),
    (
        "share.coordinator.state.topic.replication.factor",
        Some("share.coordinator.state.topic.min.isr"),
        "the state of every share group",
    ),
];

/// All rules about copies.
pub(super) fn check(scene: &Scene<'_>, problems: &mut Problems) {
    check_defaults(scene, problems);
    for (copies_key, minimum_key, what) in INTERNAL {
        check_internal(scene, copies_key, minimum_key, what, problems);
    }
    check_topics(scene, problems);
    check_risky(scene, problems);
}

/// A number that the spec sets for the whole cluster, with its place.
fn setting<'a>(scene: &Scene<'a>, key: &str) -> Option<(usize, Place<'a>)> {
    let value = scene.cluster.config.get(key)?.parse().ok()?;
    Some((value, scene.root.find(&["config", key])))
}

/// What Klamm sets where the spec is silent: three copies where there are three brokers.
fn usual_copies(scene: &Scene<'_>) -> usize {
    scene.cluster.brokers().min(3)
}

fn check_defaults(scene: &Scene<'_>, problems: &mut Problems) {
    let copies = setting(scene, REPLICATION);
    if let Some((copies, place)) = &copies {
        check_copies(scene, *copies, place, "topics", problems);
    }
    let Some((minimum, place)) = setting(scene, MIN_INSYNC) else { return };
    let copies = copies.map_or(usual_copies(scene), |(copies, _)| copies);
    check_minimum(scene, minimum, copies, &place, problems);
}

fn check_internal(
    scene: &Scene<'_>,
    copies_key: &str,
    minimum_key: Option<&str>,
    what: &str,
    problems: &mut Problems,
) {
    let copies = setting(scene, copies_key);
    if let Some((copies, place)) = &copies
        && *copies < usual_copies(scene)
    {
        let message = format!("`{copies_key}: {copies}` keeps {what} {}", times(*copies));
        let help = format!("write {}, or leave it out", usual_copies(scene));
        problems.add(scene.severity(), Code::InternalTopic, place.spot(), (message, help));
    } else if let Some((copies, place)) = &copies {
        check_enough_brokers(scene, *copies, place, problems);
    }
    if let Some((minimum, place)) = minimum_key.and_then(|key| setting(scene, key)) {
        let copies = copies.map_or(usual_copies(scene), |(copies, _)| copies);
        check_minimum(scene, minimum, copies, &place, problems);
    }
}

fn times(copies: usize) -> String {
    match copies {
        1 => "once: they go with one disk".to_owned(),
        2 => "twice: one loss away from the last copy".to_owned(),
        more => format!("{more} times"),
    }
}

fn check_topics(scene: &Scene<'_>, problems: &mut Problems) {
    for (name, topic) in &scene.cluster.topics {
        let place = scene.root.find(&["topics", name]);
        let copies = usize::from(topic.replicas);
        if let Some(replicas) = place.get("replicas") {
            check_copies(scene, copies, &replicas, "the topic", problems);
        }
        let minimum = topic.config.get(MIN_INSYNC).and_then(|text| text.parse().ok());
        if let Some(minimum) = minimum {
            check_minimum(scene, minimum, copies, &place.find(&["config", MIN_INSYNC]), problems);
        }
        check_unclean(&topic.config, &place, problems);
    }
}

/// One and two copies, and more copies than brokers.
fn check_copies(scene: &Scene<'_>, copies: usize, place: &Place<'_>, whose: &str, problems: &mut Problems) {
    if !check_enough_brokers(scene, copies, place, problems) || scene.cluster.brokers() < 3 {
        return;
    }
    if copies == 2 {
        let message = format!(
            "two copies of {whose}: when one is gone, either writes stop (two in sync asked for) or records are kept once"
        );
        let help = "write 3".to_owned();
        problems.add(scene.severity(), Code::Replication, place.spot(), (message, help));
    } else if copies == 1 {
        let message =
            format!("one copy of {whose}: every restart of its broker stops it, and its disk is its end");
        problems.warning(Code::Replication, place.spot(), message, "write 3, unless the records may be lost");
    }
}

/// Says whether there are brokers for so many copies.
fn check_enough_brokers(
    scene: &Scene<'_>,
    copies: usize,
    place: &Place<'_>,
    problems: &mut Problems,
) -> bool {
    let brokers = scene.cluster.brokers();
    if copies <= brokers {
        return true;
    }
    let message = format!("{copies} copies need {copies} brokers; the pools have {brokers}");
    let help = format!("write {}, or add brokers", usual_copies(scene).max(1));
    problems.error(Code::Brokers, place.spot(), message, help);
    false
}

fn check_minimum(
    scene: &Scene<'_>,
    minimum: usize,
    copies: usize,
    place: &Place<'_>,
    problems: &mut Problems,
) {
    // One copy with a minimum of one is a choice that was made with the copies.
    if minimum >= copies && (copies, minimum) != (1, 1) {
        let message = format!(
            "{minimum} of {copies} copies must be in sync: the first restart or failure of a broker stops every write"
        );
        let help = match copies {
            0 | 1 => "write 1, or keep three copies".to_owned(),
            2 => "keep three copies".to_owned(),
            more => format!("write {}", more - 1),
        };
        problems.error(Code::MinInsync, place.spot(), message, help);
    } else if minimum == 1 && copies > 1 {
        let message =
            format!("writes are confirmed when one of {copies} copies has them, and go with that one");
        problems.add(
            scene.severity(),
            Code::MinInsync,
            place.spot(),
            (message, format!("write {}", copies - 1)),
        );
    }
}

fn check_risky(scene: &Scene<'_>, problems: &mut Problems) {
    let config = scene.root.find(&["config"]);
    if config.path() == "config" {
        check_unclean(&scene.cluster.config, scene.root, problems);
    }
    let auto_create = scene.cluster.config.get("auto.create.topics.enable");
    if auto_create.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        let spot = config.find(&["auto.create.topics.enable"]).spot();
        let message = "every misspelt topic name makes a topic, with the defaults of nobody's choice";
        problems.warning(Code::RiskyProperty, spot, message, "leave it out and name topics in `topics:`");
    }
}

/// `place` holds the `config` that the values came from.
fn check_unclean(
    config: &std::collections::BTreeMap<String, String>,
    place: &Place<'_>,
    problems: &mut Problems,
) {
    const UNCLEAN: &str = "unclean.leader.election.enable";
    if config.get(UNCLEAN).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        let message =
            "a replica that is behind may lead, and everything it has not seen is lost without a word";
        let help = "leave it out; `klamm` offers an unclean election by hand when nothing else is left";
        problems.warning(Code::RiskyProperty, place.find(&["config", UNCLEAN]).spot(), message, help);
    }
}
