//! `/v1/…/history`: the targets of a cluster, and what changed between two of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Sha256, SlotName, TargetNumber};

/// All targets of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The newest first.
    pub targets: Vec<HistoryRow>,
    /// The server's wall clock, so that ages can be told.
    pub now: Timestamp,
}

/// A target in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Its number.
    pub target: TargetNumber,
    /// When it became current.
    pub at: Timestamp,
    /// Digest of the spec it was planned from.
    pub spec: Sha256,
    /// In which run it was published.
    pub run: Option<u64>,
    /// Who asked for that.
    pub actor: Option<String>,
    /// What for.
    pub event: Option<String>,
}

/// What changed from one target to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetDiff {
    /// The one; none where the other is the first.
    pub from: Option<TargetNumber>,
    /// The other.
    pub to: TargetNumber,
    /// The spec, as a unified diff; none where it is the same.
    pub spec: Option<String>,
    /// Slots that only the other has.
    pub added: BTreeSet<SlotName>,
    /// Slots that only the one has.
    pub removed: BTreeSet<SlotName>,
    /// Slots that both have and that differ.
    pub changed: BTreeMap<SlotName, Vec<Change>>,
}

/// One difference of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A value.
    Value {
        /// Which.
        what: String,
        /// What it was; empty where it was not there.
        before: String,
        /// What it is; empty where it is not there.
        after: String,
    },
    /// A text of several lines.
    Text {
        /// Which, for a file its path in the slot's folder.
        what: String,
        /// A unified diff without a header.
        diff: String,
    },
}
