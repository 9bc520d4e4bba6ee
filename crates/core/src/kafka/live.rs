//! Which settings of a running broker can be altered without a restart, and by which of Kafka's rules.

use crate::kafka::defaults::ELIGIBLE_LEADER_REPLICAS;
use crate::kafka::properties::{
    Default as KafkaDefault, PropertyKind, PropertyTable, Scope, UpdateMode, split_listener_prefix,
};
use crate::kafka::{KafkaLine, NodeRole};
use crate::model::plan::LiveScope;

/// When a changed line of `server.properties` acts on a node that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// When the process starts.
    AtStart,
    /// At once, when it is altered.
    Live(LiveScope),
    /// Never: the node has no use for the key, or the cluster's metadata decide.
    Nowhere,
}

/// Keys that Kafka can alter live and Klamm does not: listeners and security are one with certificates and
/// addresses, classes are loaded by a start that shows whether they are there.
const LEFT_TO_A_START: [&str; 5] = [
    "config.providers",
    "listener.security.protocol.map",
    "listeners",
    "metric.reporters",
    "principal.builder.class",
];

/// What a node that only controls reads of the keys that brokers can alter (`ControllerServer`,
/// `DynamicBrokerConfig.addReconfigurables`). It answers no client that could read them back, so that it is restarted.
const READ_BY_CONTROLLERS: [&str; 7] = [
    "max.connection.creation.rate",
    "max.connections",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
    "num.io.threads",
    "num.network.threads",
    "unclean.leader.election.enable",
];

/// When `key` acts on a running node.
pub fn effect(line: KafkaLine, role: NodeRole, key: &str) -> Effect {
    let Some(table) = PropertyTable::for_line(line) else { return Effect::AtStart };
    let Some(property) = table.get(key) else { return Effect::AtStart };
    let base = split_listener_prefix(key).map_or(key, |prefixed| prefixed.key);
    let secret = property.kind == PropertyKind::Password;
    let security = base.starts_with("ssl.") || base.starts_with("sasl.");
    // Secrets that are altered live are stored in the clear in the metadata log.
    if secret || security || LEFT_TO_A_START.contains(&base) || property.scope != Scope::Node {
        return Effect::AtStart;
    }
    if base == "min.insync.replicas" && line >= ELIGIBLE_LEADER_REPLICAS {
        return Effect::Nowhere;
    }
    let scope = match table.update_mode(key) {
        Some(UpdateMode::ClusterWide) => LiveScope::Cluster,
        Some(UpdateMode::PerNode) => LiveScope::Node,
        Some(UpdateMode::ReadOnly | UpdateMode::PerListener | UpdateMode::Topic) | None => {
            return Effect::AtStart;
        }
    };
    if role.is_broker() {
        Effect::Live(scope)
    } else if READ_BY_CONTROLLERS.contains(&base) {
        Effect::AtStart
    } else {
        Effect::Nowhere
    }
}

/// What Kafka does without `key`; none where another key decides then, or nothing that could be written.
pub fn default_of(line: KafkaLine, key: &str) -> Option<&'static str> {
    // With a listener's prefix the key without it decides.
    if split_listener_prefix(key).is_some() {
        return None;
    }
    match PropertyTable::for_line(line)?.get(key)?.default {
        KafkaDefault::Value(value) => Some(value),
        KafkaDefault::Required | KafkaDefault::Null => None,
    }
}

/// Whether the value of `key` must not be printed: by its type, and by its name where Kafka does not know the key.
pub fn is_secret(line: KafkaLine, key: &str) -> bool {
    match PropertyTable::for_line(line).and_then(|table| table.get(key)) {
        Some(property) => property.kind == PropertyKind::Password,
        None => {
            let key = key.to_ascii_lowercase();
            ["password", "secret", "token", "credential", "jaas", "key"].iter().any(|word| key.contains(word))
        }
    }
}

/// Whether Kafka takes two texts for the same value: it writes numbers and lists in its own way.
pub fn is_same_value(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    if a == b {
        return true;
    }
    if let (Ok(a), Ok(b)) = (a.parse::<i128>(), b.parse::<i128>()) {
        return a == b;
    }
    if let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) {
        return a == b;
    }
    let is_truth = |text: &str| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    if is_truth(a) && is_truth(b) {
        return a.eq_ignore_ascii_case(b);
    }
    a.contains(',') && a.split(',').map(str::trim).eq(b.split(',').map(str::trim))
}

/// Pools of threads: Kafka refuses to more than double or halve one at once (`DynamicThreadPool`, `LogCleaner`,
/// `SocketServer`, `DynamicRemoteLogConfig`).
fn is_thread_pool(key: &str) -> bool {
    let base = split_listener_prefix(key).map_or(key, |prefixed| prefixed.key);
    matches!(
        base,
        "background.threads"
            | "log.cleaner.threads"
            | "num.io.threads"
            | "num.network.threads"
            | "num.recovery.threads.per.data.dir"
            | "num.replica.fetchers"
            | "remote.log.reader.threads"
    ) || base.starts_with("remote.log.manager.") && base.ends_with(".pool.size")
}

/// The value on the way from what is in force on some brokers to `wanted` that Kafka does not refuse for being too
/// far away; none where `wanted` itself is near enough.
pub fn value_on_the_way<'a>(
    key: &str,
    in_force: impl Iterator<Item = &'a str> + Clone,
    wanted: &str,
) -> Option<String> {
    if !is_thread_pool(key) {
        return None;
    }
    let wanted: i64 = wanted.trim().parse().ok()?;
    let sizes = in_force.filter_map(|value| value.trim().parse::<i64>().ok());
    let least = sizes.clone().map(|size| (size / 2).max(1)).max()?;
    let most = sizes.map(|size| size.saturating_mul(2)).min()?;
    // Brokers that are too far from each other have no such value: Kafka says so.
    let near = wanted.max(least).min(most);
    (least <= most && near != wanted).then(|| near.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: KafkaLine = KafkaLine::new(4, 3);

    #[test]
    fn what_acts_at_once_on_a_broker_may_mean_nothing_to_a_controller_or_need_its_restart() {
        let of = |role, key| effect(LINE, role, key);
        assert_eq!(of(NodeRole::Broker, "log.retention.ms"), Effect::Live(LiveScope::Cluster));
        assert_eq!(of(NodeRole::Controller, "log.retention.ms"), Effect::Nowhere);
        assert_eq!(of(NodeRole::Combined, "num.io.threads"), Effect::Live(LiveScope::Cluster));
        assert_eq!(of(NodeRole::Controller, "num.io.threads"), Effect::AtStart);
        assert_eq!(of(NodeRole::Broker, "cordoned.log.dirs"), Effect::Live(LiveScope::Node));
        let prefixed = "listener.name.clients.max.connections";
        assert_eq!(of(NodeRole::Broker, prefixed), Effect::Live(LiveScope::Node));
        assert_eq!(of(NodeRole::Broker, "num.partitions"), Effect::AtStart);
        assert_eq!(of(NodeRole::Broker, "listeners"), Effect::AtStart);
        assert_eq!(of(NodeRole::Broker, "listener.name.clients.ssl.keystore.location"), Effect::AtStart);
        assert_eq!(of(NodeRole::Combined, "min.insync.replicas"), Effect::Nowhere);
        let older = effect(KafkaLine::new(3, 9), NodeRole::Broker, "min.insync.replicas");
        assert_eq!(older, Effect::Live(LiveScope::Cluster));
    }

    #[test]
    fn a_pool_of_threads_goes_by_doubling_and_halving() {
        let way = |from: &[&str], to| value_on_the_way("num.io.threads", from.iter().copied(), to);
        assert_eq!(way(&["8", "8"], "3").as_deref(), Some("4"));
        assert_eq!(way(&["4", "8"], "3").as_deref(), Some("4"));
        assert_eq!(way(&["4"], "3"), None);
        assert_eq!(way(&["3"], "64").as_deref(), Some("6"));
        assert_eq!(value_on_the_way("log.retention.ms", ["1"].into_iter(), "1000"), None);
    }

    #[test]
    fn kafka_writes_numbers_and_lists_in_its_own_way() {
        assert!(is_same_value("0.50", "0.5") && is_same_value("compact, delete", "compact,delete"));
        assert!(is_same_value("TRUE", "true") && is_same_value("1.0E10", "10000000000"));
        assert!(!is_same_value("delete", "compact") && !is_same_value("1", "2"));
    }

    #[test]
    fn secrets_are_known_by_their_type_and_else_by_their_name() {
        assert!(is_secret(LINE, "ssl.key.password") && is_secret(LINE, "sasl.jaas.config"));
        assert!(is_secret(LINE, "confluent.license.key"));
        assert!(!is_secret(LINE, "num.io.threads") && !is_secret(LINE, "sasl.kerberos.service.name"));
    }
}
