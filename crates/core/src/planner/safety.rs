//! The one question before every disruptive act: may these nodes stop now? Answers a typed reason or nothing.
//!
//! The rules are those of `KafkaQuorumCheck` and `KafkaAvailability` of the best existing operator, with what
//! is missing or stale counted as unsafe.

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::NodeId;
use crate::model::inventory::{KafkaView, Observed, PartitionView, QuorumView};
use crate::mutant::{Mutant, is_on};

/// An older look at Kafka does not permit anything: in-sync sets change within `replica.lag.time.max.ms` (30 s),
/// sessions end after 9 s.
pub const VIEW_MAY_BE_OLD: SignedDuration = SignedDuration::from_secs(5);

/// How far a voter may be behind the leader and still count: `controller.quorum.fetch.timeout.ms`.
const VOTER_MAY_LAG_MS: i64 = 2000;

/// Why a node must not stop now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Unsafe {
    /// Kafka could not be asked.
    NotObserved,
    /// The last look is too old.
    Stale {
        /// How old, in milliseconds.
        age_ms: i64,
    },
    /// The quorum could not be asked, or has no leader.
    NoQuorumLeader,
    /// Too few voters would be left that are caught up.
    QuorumLost {
        /// Voters that would be left and are caught up.
        caught_up: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A partition would have fewer in-sync replicas than writes with acks=all need.
    BelowMinIsr {
        /// The partition, `TOPIC-INDEX`.
        partition: String,
        /// In-sync replicas that would be left.
        left: usize,
        /// `min.insync.replicas`.
        needed: u32,
    },
    /// A partition is being moved to or from the node.
    Moving {
        /// The partition, `TOPIC-INDEX`.
        partition: String,
    },
    /// A partition's `min.insync.replicas` is unknown.
    MinIsrUnknown {
        /// Its topic.
        topic: String,
    },
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotObserved => f.write_str("Kafka could not be asked"),
            Self::Stale { age_ms } => write!(f, "the last look at Kafka is {age_ms} ms old"),
            Self::NoQuorumLeader => f.write_str("the controllers have no leader"),
            Self::QuorumLost { caught_up, needed } => {
                write!(f, "{caught_up} caught-up controllers would be left, {needed} are needed")
            }
            Self::BelowMinIsr { partition, left, needed } => {
                write!(f, "{partition} would have {left} in-sync replicas, min.insync.replicas is {needed}")
            }
            Self::Moving { partition } => write!(f, "{partition} is being moved"),
            Self::MinIsrUnknown { topic } => write!(f, "min.insync.replicas of {topic} is unknown"),
        }
    }
}

/// Whether the nodes with the given ids may stop together; none means yes.
pub fn reason_not_to_stop(
    nodes: &BTreeSet<NodeId>,
    view: Option<&Observed<KafkaView>>,
    now: Timestamp,
) -> Option<Unsafe> {
    let Some(view) = view else {
        return (!is_on(Mutant::UnknownIsSafe)).then_some(Unsafe::NotObserved);
    };
    let age = now.duration_since(view.at);
    if age > VIEW_MAY_BE_OLD || age.is_negative() {
        return Some(Unsafe::Stale { age_ms: i64::try_from(age.as_millis()).unwrap_or(i64::MAX) });
    }
    reason_of_quorum(nodes, view.value.quorum.as_ref()).or_else(|| {
        view.value.partitions.iter().find_map(|partition| reason_of_partition(nodes, partition, &view.value))
    })
}

fn reason_of_quorum(nodes: &BTreeSet<NodeId>, quorum: Option<&QuorumView>) -> Option<Unsafe> {
    let Some(quorum) = quorum else { return Some(Unsafe::NoQuorumLeader) };
    if quorum.leader.is_none() {
        return Some(Unsafe::NoQuorumLeader);
    }
    let total = quorum.voters.len();
    if !quorum.voters.keys().any(|voter| nodes.contains(voter)) {
        return None;
    }
    // A single controller has no majority to lose: stopping it is an outage whatever is done.
    if total == 1 {
        return None;
    }
    let left = quorum.voters.iter().filter(|(id, _)| !nodes.contains(id));
    let caught_up = left.filter(|(id, _)| is_caught_up(quorum, **id)).count();
    // Of two voters both make the majority; then the other one being caught up must do.
    let needed = if total == 2 { 1 } else { total / 2 + 1 };
    (caught_up < needed).then_some(Unsafe::QuorumLost { caught_up, needed })
}

/// Whether a voter leads the quorum or has what its leader has.
pub fn is_caught_up(quorum: &QuorumView, voter: NodeId) -> bool {
    let Some(leader) = quorum.leader else { return false };
    let caught_up_ms = |id: NodeId| quorum.voters.get(&id).and_then(|voter| voter.caught_up_ms);
    voter == leader
        || caught_up_ms(leader)
            .zip(caught_up_ms(voter))
            .is_some_and(|(leader, voter)| leader - voter < VOTER_MAY_LAG_MS)
}

fn reason_of_partition(
    nodes: &BTreeSet<NodeId>,
    partition: &PartitionView,
    view: &KafkaView,
) -> Option<Unsafe> {
    if !partition.replicas.iter().any(|replica| nodes.contains(replica)) {
        return None;
    }
    let name = || format!("{}-{}", partition.topic, partition.index);
    if partition.moving {
        return Some(Unsafe::Moving { partition: name() });
    }
    let Some(needed) = view.min_isr.get(&partition.topic).copied() else {
        return Some(Unsafe::MinIsrUnknown { topic: partition.topic.clone() });
    };
    let left = partition.in_sync.iter().filter(|replica| !nodes.contains(replica)).count();
    // With no more replicas than min.insync.replicas the rule can never hold. Then one in-sync replica must be
    // left, unless there is only the one replica: stopping its node is an outage whenever it is done.
    let never_holds = partition.replicas.len() <= needed as usize;
    let needed = match (never_holds, partition.replicas.len()) {
        (true, 0 | 1) => 0,
        (true, _) => 1,
        (false, _) => needed,
    };
    let enough = left >= needed as usize || is_on(Mutant::ReadyIsEnough);
    (!enough).then(|| Unsafe::BelowMinIsr { partition: name(), left, needed })
}

#[cfg(test)]
mod tests;
