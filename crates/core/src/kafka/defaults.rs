//! What Klamm sets that differs from Kafka's and Java's own defaults: one table, with the reason for each.
//!
//! A key that is not here stays Kafka's default unless the spec sets it. What makes a node this node (ids,
//! directories, listeners, security) is no default: the renderer writes it. Changing anything here restarts
//! running clusters, so that a newer table is offered as a change and never slipped in.

mod jvm;

pub use jvm::{HeapChoice, JvmFlag, gc_log_option, heap, jvm_flags, jvm_options};

use super::{KafkaLine, KafkaVersion, NodeRole, Profile};

/// A property that Klamm sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Kafka's key.
    pub key: &'static str,
    /// The value.
    pub value: String,
    /// Why it is not Kafka's own default, given in brackets.
    pub reason: &'static str,
}

/// What the values depend on besides role, profile and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Nodes that hold partitions, in the whole cluster.
    pub brokers: usize,
    /// Data directories of this node.
    pub directories: usize,
    /// Processors of its host; `None` where that is not known yet.
    pub processors: Option<u32>,
}

impl Size {
    /// Copies of each partition: three, or as many as there are brokers.
    fn replicas(self) -> usize {
        self.brokers.clamp(1, 3)
    }

    /// Copies that must have a record before it is acknowledged: one less than there are, so that one node may
    /// stop; never less than one.
    fn in_sync(self) -> usize {
        (self.replicas() - 1).max(1)
    }
}

/// Eligible leader replicas are on for new clusters from this line. From then on `min.insync.replicas` is the
/// cluster's and not a broker's, and a controller that finds none in the cluster's metadata writes its own static
/// value there when it first becomes active (measured on 4.3.1: the file's 2 became the cluster's 2).
pub const ELIGIBLE_LEADER_REPLICAS: KafkaLine = KafkaLine::new(4, 1);

/// What goes into a node's `server.properties`, by key. The layers of the spec go over it.
pub fn settings(role: NodeRole, profile: Profile, version: KafkaVersion, size: &Size) -> Vec<Setting> {
    let mut table = Table(Vec::new());
    table.set(
        "socket.listen.backlog.size",
        1024,
        "[50] after an outage all clients reconnect in the same second",
    );
    if role.is_broker() {
        set_for_brokers(&mut table, profile, version.line(), *size);
    }
    let holds_min_in_sync = role.is_controller() || version.line() < ELIGIBLE_LEADER_REPLICAS;
    if holds_min_in_sync {
        table.set(
            "min.insync.replicas",
            size.in_sync(),
            "[1] with 1 an acknowledged record may be on one disk only; the first controller makes this the cluster's",
        );
    }
    match profile {
        Profile::Laptop => set_for_laptops(&mut table, role, version.line(), *size),
        Profile::Production => {}
    }
    table.0.sort_by_key(|setting| setting.key);
    table.0
}

/// What goes onto each listener for clients, with its prefix (`listener.name.NAME.`); it must not slow the
/// listeners that nodes use among themselves.
pub fn client_listener_settings(profile: Profile) -> Vec<Setting> {
    let mut table = Table(Vec::new());
    match profile {
        Profile::Laptop => {}
        Profile::Production => table.set(
            "max.connection.creation.rate",
            200,
            "[no limit] handshakes are the dearest thing a client can ask for; a reconnect storm must not starve \
             replication",
        ),
    }
    table.0
}

/// What is set in the cluster's metadata as the default of all brokers, and nowhere else. Set it only where it
/// differs: writing `min.insync.replicas`, even to the same value, empties every set of eligible leaders.
pub fn cluster_dynamic_settings(version: KafkaVersion, brokers: usize) -> Vec<Setting> {
    let mut table = Table(Vec::new());
    if version.line() >= ELIGIBLE_LEADER_REPLICAS {
        let size = Size { brokers, directories: 1, processors: None };
        table.set(
            "min.insync.replicas",
            size.in_sync(),
            "[1] with eligible leader replicas the cluster's value counts and a broker's file does not",
        );
    }
    table.0
}

struct Table(Vec<Setting>);

impl Table {
    fn set(&mut self, key: &'static str, value: impl ToString, reason: &'static str) {
        self.0.push(Setting { key, value: value.to_string(), reason });
    }
}

fn set_for_brokers(table: &mut Table, profile: Profile, line: KafkaLine, size: Size) {
    table.set(
        "default.replication.factor",
        size.replicas(),
        "[1] one disk that dies must not take the only copy with it",
    );
    table.set(
        "auto.create.topics.enable",
        false,
        "[true] a typo in a client makes a topic with the wrong shape, and shapes are hard to change",
    );
    table.set(
        "offsets.retention.minutes",
        30 * 24 * 60,
        "[7 days] a consumer that rests over a holiday begins again at the wrong end",
    );
    if size.replicas() < 3 {
        set_internal_replication(table, line, size);
    }
    if line < KafkaLine::new(4, 0) {
        table.set(
            "log.message.timestamp.after.max.ms",
            60 * 60 * 1000,
            "[no limit] records of a client whose clock is ahead would never be deleted; 4.0 has this default",
        );
    }
    match profile {
        Profile::Laptop => {}
        Profile::Production => {
            table.set("num.replica.fetchers", 4, "[1] one fetcher a source broker catches up too slowly");
            table.set("num.network.threads", 8, "[3] encryption happens on these threads");
            if let Some(threads) = recovery_threads(size) {
                table.set(
                    "num.recovery.threads.per.data.dir",
                    threads,
                    "[2, in 3.9 1] after a crash each log is read to its end: use all processors, at most 8 a disk",
                );
            }
        }
    }
}

/// Kafka's own values, 3 copies and 2 in sync, cannot be had with fewer than three brokers: the topics would
/// never be made.
fn set_internal_replication(table: &mut Table, line: KafkaLine, size: Size) {
    const REASON: &str = "[3] the cluster has fewer than three brokers";
    const REASON_IN_SYNC: &str = "[2] the cluster has fewer than three brokers";
    table.set("offsets.topic.replication.factor", size.replicas(), REASON);
    table.set("transaction.state.log.replication.factor", size.replicas(), REASON);
    table.set("transaction.state.log.min.isr", size.in_sync(), REASON_IN_SYNC);
    if has_share_groups(line) {
        table.set("share.coordinator.state.topic.replication.factor", size.replicas(), REASON);
        table.set("share.coordinator.state.topic.min.isr", size.in_sync(), REASON_IN_SYNC);
    }
}

fn set_for_laptops(table: &mut Table, role: NodeRole, line: KafkaLine, size: Size) {
    table.set(
        "controller.quorum.fetch.timeout.ms",
        5000,
        "[2000] a machine that wakes up or is busy must not change its leader each time",
    );
    if !role.is_broker() {
        return;
    }
    const FEW: &str = "[50] each partition is files and start-up work on every broker";
    // More partitions than Kafka's own would be no saving; three spread over three brokers.
    let partitions = size.replicas().max(3);
    table.set("offsets.topic.num.partitions", partitions, FEW);
    table.set("transaction.state.log.num.partitions", partitions, FEW);
    if has_share_groups(line) {
        table.set("share.coordinator.state.topic.num.partitions", partitions, FEW);
    }
    table.set(
        "group.initial.rebalance.delay.ms",
        0,
        "[3000] nobody waits for more consumers to join on a laptop",
    );
    table.set("log.cleaner.dedupe.buffer.size", 16 << 20, "[128 MiB] it is a quarter of the small heap");
    table.set(
        "log.segment.bytes",
        64 << 20,
        "[1 GiB] old records are deleted by whole segments, and disks are small",
    );
}

/// Share groups and their state topic came with 4.0.
fn has_share_groups(line: KafkaLine) -> bool {
    line >= KafkaLine::new(4, 0)
}

fn recovery_threads(size: Size) -> Option<u32> {
    let directories = u32::try_from(size.directories.max(1)).ok()?;
    Some((size.processors? / directories).clamp(1, 8))
}

#[cfg(test)]
mod tests;
