//! Whether an agent obeys a target that was handed to it.

mod slice;

use thiserror::Error;

use crate::api::Delivery;
use crate::model::inventory::HostFolders;
use crate::model::target::{HostSlice, TargetRoot};
use crate::model::{ClusterId, Epoch, HostId, Sha256, SlotName, TargetNumber};
use crate::mutant::{Mutant, is_on};
use crate::signature::{SignatureError, VerifyingKey};

/// What an agent measures every target by.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The server's key, pinned when the host was enrolled.
    pub key: VerifyingKey,
    /// Who the agent is.
    pub host: HostId,
    /// Where it keeps its slots.
    pub folders: HostFolders,
}

/// What an agent holds of a cluster: the root it obeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The epoch of the root.
    pub epoch: Epoch,
    /// The number of the target.
    pub number: TargetNumber,
    /// The root itself.
    pub root: TargetRoot,
}

/// A target that may be obeyed, once it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The verified root.
    pub root: TargetRoot,
    /// This host's slice of it.
    pub slice: HostSlice,
}

/// Why a target is not obeyed.
#[derive(Debug, Error)]
pub enum Refusal {
    /// Not signed by the pinned key, or unreadable.
    #[error("the target of the server was refused")]
    Signature(#[from] SignatureError),
    /// The slice is not the one that the root names.
    #[error("cluster {cluster}: the slice has digest {found}, the signed root says {expected}")]
    SliceDigest {
        /// Whose target.
        cluster: ClusterId,
        /// What was signed.
        expected: Sha256,
        /// What came.
        found: Sha256,
    },
    /// The slice is signed and yet unreadable: from a version of Klamm that this one does not understand.
    #[error("cluster {cluster}: the slice is not readable")]
    SliceUnreadable {
        /// Whose target.
        cluster: ClusterId,
        /// What the reader found.
        #[source]
        source: serde_json::Error,
    },
    /// The slice belongs to another cluster than the root.
    #[error("cluster {cluster}: the slice is of cluster {slice}")]
    SliceOfOther {
        /// The root's.
        cluster: ClusterId,
        /// The slice's.
        slice: ClusterId,
    },
    /// A server that lost its place speaks.
    #[error("cluster {cluster}: epoch {offered} is older than epoch {held}")]
    OldEpoch {
        /// Whose target.
        cluster: ClusterId,
        /// What was offered.
        offered: Epoch,
        /// What is obeyed.
        held: Epoch,
    },
    /// An older target than the one obeyed.
    #[error("cluster {cluster}: target {offered} is older than target {held}")]
    OldNumber {
        /// Whose target.
        cluster: ClusterId,
        /// What was offered.
        offered: TargetNumber,
        /// What is obeyed.
        held: TargetNumber,
    },
    /// The same number with another body: two planners act at once.
    #[error("cluster {cluster}: another target {number} is already obeyed")]
    OtherBody {
        /// Whose target.
        cluster: ClusterId,
        /// The number that both carry.
        number: TargetNumber,
    },
    /// It asks for something that agents do not do, whoever signs it.
    #[error("cluster {cluster}: {slot}: {problem}")]
    Unfit {
        /// Whose target.
        cluster: ClusterId,
        /// Which slot.
        slot: SlotName,
        /// What, and what is allowed.
        problem: String,
    },
}

/// Verifies a delivery and decides whether it replaces what is `held` of that cluster.
/// A delivery equal to what is held is admitted again, so that repeating is harmless.
pub fn admit(
    delivery: &Delivery,
    terms: &Terms,
    held: impl FnOnce(ClusterId) -> Option<Held>,
) -> Result<Admitted, Refusal> {
    let admitted = verify(delivery, terms)?;
    let root = &admitted.root;
    let cluster = root.cluster;
    if let Some(held) = held(cluster).filter(|_| !is_on(Mutant::ObeysOlder)) {
        let (offered, number) = (root.epoch, root.number);
        if offered < held.epoch {
            return Err(Refusal::OldEpoch { cluster, offered, held: held.epoch });
        }
        if number < held.number {
            return Err(Refusal::OldNumber { cluster, offered: number, held: held.number });
        }
        let same_body = TargetRoot { epoch: held.epoch, ..root.clone() } == held.root;
        if number == held.number && !same_body {
            return Err(Refusal::OtherBody { cluster, number });
        }
    }
    match slice::problem_of(&admitted.slice, terms) {
        Some((slot, problem)) => Err(Refusal::Unfit { cluster, slot, problem }),
        None => Ok(admitted),
    }
}

/// Reads a delivery that was admitted before, by whatever rules were in force then.
pub fn verify(delivery: &Delivery, terms: &Terms) -> Result<Admitted, Refusal> {
    let root = terms.key.verify(&delivery.signed)?;
    let slice = read_slice(delivery, &root, &terms.host)?;
    Ok(Admitted { root, slice })
}

/// Reads the slice that the root names for `host`; a root that does not name the host asks nothing of it.
fn read_slice(delivery: &Delivery, root: &TargetRoot, host: &HostId) -> Result<HostSlice, Refusal> {
    let cluster = root.cluster;
    let Some(expected) = root.slices.get(host).copied() else {
        return Ok(HostSlice::empty(cluster, root.name.clone()));
    };
    let found = Sha256::of(delivery.slice.as_bytes());
    if found != expected {
        return Err(Refusal::SliceDigest { cluster, expected, found });
    }
    let slice: HostSlice = serde_json::from_str(&delivery.slice)
        .map_err(|source| Refusal::SliceUnreadable { cluster, source })?;
    if slice.cluster != cluster {
        return Err(Refusal::SliceOfOther { cluster, slice: slice.cluster });
    }
    Ok(slice)
}

#[cfg(test)]
mod tests;
