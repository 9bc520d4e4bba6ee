//! A partition as the broker sees it that leads it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use klamm_core::model::NodeId;

use super::{HostNumber, ProcessNumber, RecordNumber};

/// A partition that the broker believes to lead.
#[derive(Debug, Clone)]
pub(super) struct Lead {
    pub(super) epoch: u32,
    pub(super) high_watermark: u64,
    pub(super) followers: BTreeMap<NodeId, Pull>,
    /// Whether something was appended that followers do not have yet.
    pub(super) ahead: bool,
    pub(super) pending: VecDeque<Pending>,
}

/// A follower as the leader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pull {
    /// Does not fetch; out of the in-sync set from `shrink_at` on.
    Away { shrink_at: Duration },
    /// Fetches and is behind.
    CatchingUp { process: ProcessNumber, since: Duration, until: Duration, shrink_at: Duration },
    /// Has what the leader has; joins the in-sync set with a fetch at `joins_at` if it may.
    InStep { process: ProcessNumber, joins_at: Option<Duration> },
}

/// A record that waits for the in-sync replicas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) record: RecordNumber,
    pub(super) offset: u64,
    pub(super) from: HostNumber,
    pub(super) until: Duration,
}
