//! Components, monitoring, policy and artifacts.

use std::collections::BTreeMap;

use klamm_core::model::cluster::{
    ArtifactPolicy, Components, Connect, Connector, Monitoring, Policy, Registry,
};

use super::fleet::{heap, hosts, number};
use super::{Place, Problems, named};
use crate::problem::Code;
use crate::properties::read_free;
use crate::quantity::duration;

/// What runs beside Kafka.
pub(super) fn components(root: &Place<'_>, problems: &mut Problems) -> Components {
    let Some(place) = root.get("components") else { return Components::default() };
    let registry = place.get("registry").map(|place| Registry {
        count: number(place.get("count").as_ref()).unwrap_or(1),
        port: number(place.get("port").as_ref()).unwrap_or(Registry::DEFAULT_PORT),
        hosts: hosts(&place, problems),
        heap: heap(&place),
    });
    let connect = place.get("connect").map(|place| Connect {
        count: number(place.get("count").as_ref()).unwrap_or(1),
        port: number(place.get("port").as_ref()).unwrap_or(Connect::DEFAULT_PORT),
        hosts: hosts(&place, problems),
        heap: heap(&place),
        plugins: plugins(&place, problems),
        config: read_free(place.get("config").as_ref(), problems),
        connectors: connectors(&place, problems),
    });
    Components { registry, connect }
}

fn plugins(place: &Place<'_>, problems: &mut Problems) -> Vec<String> {
    let mut plugins = Vec::new();
    for place in place.get("plugins").iter().flat_map(|list| list.items().collect::<Vec<_>>()) {
        let Some(text) = place.scalar() else { continue };
        let legal = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        if text.split(':').count() == 3 && text.split(':').all(legal) {
            plugins.push(text.to_owned());
        } else {
            let message = format!("`{text}` is not a Maven coordinate");
            let help = "write GROUP:ARTIFACT:VERSION, for example io.debezium:debezium-connector-postgres:3.3.1.Final";
            problems.error(Code::InvalidValue, place.spot(), message, help);
        }
    }
    plugins
}

fn connectors(place: &Place<'_>, problems: &mut Problems) -> BTreeMap<String, Connector> {
    let mut connectors = BTreeMap::new();
    for (name, place) in place.get("connectors").iter().flat_map(|map| map.entries().collect::<Vec<_>>()) {
        let connector = Connector {
            class: place.get("class").and_then(|class| class.scalar()).unwrap_or_default().to_owned(),
            tasks: number(place.get("tasks").as_ref()).unwrap_or(1),
            config: read_free(place.get("config").as_ref(), problems),
        };
        connectors.insert(name.to_owned(), connector);
    }
    connectors
}

/// How the cluster is watched.
pub(super) fn monitoring(root: &Place<'_>) -> Monitoring {
    let place = root.get("monitoring");
    Monitoring {
        prometheus: number(place.and_then(|place| place.get("prometheus")).as_ref()).unwrap_or(false),
    }
}

/// When and how fast Klamm may change things.
pub(super) fn policy(root: &Place<'_>, problems: &mut Problems) -> Policy {
    let mut policy = Policy::DEFAULT;
    let Some(place) = root.get("policy") else { return policy };
    for window in place.get("windows").iter().flat_map(|windows| windows.items().collect::<Vec<_>>()) {
        let help = "write for example `sat-sun 02:00-06:00` (UTC) or `daily 22:00-04:00 +01:00`";
        policy.windows.extend(named(&window, problems, help));
    }
    policy.max_unavailable = number(place.get("max-unavailable").as_ref()).unwrap_or(policy.max_unavailable);
    if let Some(heal) = place.get("heal") {
        policy.heal.enabled = number(heal.get("enabled").as_ref()).unwrap_or(policy.heal.enabled);
        let after = heal.get("after").and_then(|after| duration(after.scalar()?));
        policy.heal.after = after.unwrap_or(policy.heal.after);
    }
    policy
}

/// Where executables come from.
pub(super) fn artifacts(root: &Place<'_>, problems: &mut Problems) -> ArtifactPolicy {
    let Some(place) = root.get("artifacts") else { return ArtifactPolicy::default() };
    let mut artifacts = ArtifactPolicy::default();
    for mirror in place.get("mirrors").iter().flat_map(|list| list.items().collect::<Vec<_>>()) {
        let Some(text) = mirror.scalar() else { continue };
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
        match host {
            Some(host) if host.contains('@') => {
                let mut spot = mirror.spot();
                spot.value = None;
                let message = "the mirror's URL holds a login, which would be stored and shown with the spec";
                problems
                    .error(Code::InlineSecret, spot, message, "write the URL without it")
                    .hide(mirror.span());
            }
            Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => {
                artifacts.mirrors.push(text.trim_end_matches('/').to_owned());
            }
            Some(_) | None => {
                let message = format!("`{text}` is not the URL of a mirror");
                problems.error(
                    Code::InvalidValue,
                    mirror.spot(),
                    message,
                    "write for example https://maven.example.com/central",
                );
            }
        }
    }
    if let Some(lock) = place.get("lock")
        && let Some(path) = lock.scalar()
    {
        if path.starts_with('/') {
            artifacts.lock = Some(path.to_owned());
        } else {
            let message = format!("`{path}` depends on where Klamm is started");
            problems.error(Code::InvalidValue, lock.spot(), message, "write an absolute path");
        }
    }
    artifacts
}
