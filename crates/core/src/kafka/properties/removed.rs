//! Keys that older lines knew, with what to write instead. Kafka ignores them without a word.

use crate::kafka::KafkaLine;

/// A key that a line no longer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovedKey {
    /// The key, or its beginning if it ends with a dot.
    pub key: &'static str,
    /// The first line without it.
    pub since: KafkaLine,
    /// What to do, to be read after "was removed in …: ".
    pub instead: &'static str,
}

const V4_0: KafkaLine = KafkaLine::new(4, 0);
const V4_1: KafkaLine = KafkaLine::new(4, 1);
const V4_3: KafkaLine = KafkaLine::new(4, 3);

const NO_ZOOKEEPER: &str = "there is no ZooKeeper any more; leave it out";
const FEATURE: &str = "features are finalised in the cluster now; leave it out";

/// Checked against the generated tables: exactly what one has and the next has not.
#[rustfmt::skip] // one row a key
const REMOVED: &[(&str, KafkaLine, &str)] = &[
    ("alter.config.policy.kraft.compatibility.enable", V4_0, "it only served the migration from ZooKeeper; leave it out"),
    ("auto.include.jmx.reporter", V4_0, "name org.apache.kafka.common.metrics.JmxReporter in metric.reporters to have it"),
    ("broker.id.generation.enable", V4_0, NO_ZOOKEEPER),
    ("control.plane.listener.name", V4_0, "controllers have listeners of their own: controller.listener.names"),
    ("controlled.shutdown.max.retries", V4_0, NO_ZOOKEEPER),
    ("controlled.shutdown.retry.backoff.ms", V4_0, NO_ZOOKEEPER),
    ("delegation.token.master.key", V4_0, "write delegation.token.secret.key"),
    ("eligible.leader.replicas.enable", V4_0, FEATURE),
    ("group.coordinator.new.enable", V4_1, FEATURE),
    ("group.share.enable", V4_3, FEATURE),
    ("group.share.max.groups", V4_1, "share groups are no longer limited by number; leave it out"),
    ("inter.broker.protocol.version", V4_0, FEATURE),
    ("leader.imbalance.per.broker.percentage", V4_0, NO_ZOOKEEPER),
    ("log.message.downconversion.enable", V4_0, "records are never converted to old formats any more; leave it out"),
    ("log.message.format.version", V4_0, "there is one record format; leave it out"),
    ("log.message.timestamp.difference.max.ms", V4_0, "write log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms"),
    ("metadata.log.segment.min.bytes", V4_1, "it only served tests; write metadata.log.segment.bytes"),
    ("offsets.commit.required.acks", V4_0, "offsets are always committed with acks=all; leave it out"),
    ("password.encoder.", V4_0, NO_ZOOKEEPER),
    ("reserved.broker.max.id", V4_0, NO_ZOOKEEPER),
    ("share.fetch.max.fetch.records", V4_1, "it was an early-access setting; leave it out"),
    ("zookeeper.", V4_0, NO_ZOOKEEPER),
];

/// The entry of a key that `line` no longer knows; `None` if it still does, or if no line ever did.
pub fn removed_key(line: KafkaLine, key: &str) -> Option<RemovedKey> {
    REMOVED
        .iter()
        .filter(|(removed, since, _)| *since <= line && covers(removed, key))
        .map(|&(key, since, instead)| RemovedKey { key, since, instead })
        .next()
}

fn covers(removed: &str, key: &str) -> bool {
    if removed.ends_with('.') { key.starts_with(removed) } else { key == removed }
}
