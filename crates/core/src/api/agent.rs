//! `/agent/v1`: what an agent and its server say to each other over mTLS.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{ClusterId, Sha256, SlotName};

/// A signed root: the exact bytes that were signed, and the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRoot {
    /// The JSON of a [`crate::model::target::TargetRoot`], byte for byte.
    pub root: String,
    /// Ed25519 over `root`, base64.
    pub signature: String,
}

/// A target for one host: the signed root, and the slice that the root names by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What was signed.
    pub signed: SignedRoot,
    /// The JSON of a [`crate::model::target::HostSlice`], byte for byte.
    pub slice: String,
}

/// One message of the server's event stream to an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "kebab-case")]
pub enum ServerMessage {
    /// A target to obey. Repeated on every connection: agents know what they have.
    Target(Delivery),
    /// The server has forgotten a cluster, see [`ReportAnswer::destroyed`].
    Destroyed {
        /// Which.
        cluster: ClusterId,
    },
    /// A person wants to read a log.
    Log(LogWanted),
}

/// A request for a slot's log; answered by a streamed `POST /agent/v1/logs/ID`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogWanted {
    /// Names the answer.
    pub id: u64,
    /// Which cluster.
    pub cluster: ClusterId,
    /// Which slot.
    pub slot: SlotName,
    /// How many of the last lines to begin with.
    pub lines: usize,
    /// Whether to go on as the log grows.
    pub follow: bool,
}

/// A piece of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChunk {
    /// Text, whole lines.
    pub text: String,
}

/// The answer to an agent's report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportAnswer {
    /// The server's wall clock, so that an agent can tell how far off its own is.
    pub server_time: jiff::Timestamp,
    /// Clusters of the report that the server does not have. An agent forgets them if it has deleted all their
    /// slots, and keeps them otherwise: a server that lost its disk knows none.
    #[serde(default)]
    pub destroyed: BTreeSet<ClusterId>,
}

/// An agent asks whether it may stop a running process now, to start it with its new launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitWanted {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which slot.
    pub slot: SlotName,
    /// What it would be started with, [`crate::model::target::SlotTarget::launch`].
    pub launch: Sha256,
}

/// The answer: now, or not now and why. A permit is for this moment and is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitAnswer {
    /// Why not; none where it may.
    pub refused: Option<String>,
}

/// An agent asks for a node certificate with a key it made itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateWanted {
    /// For which cluster.
    pub cluster: ClusterId,
    /// For which slot; the agent's host must hold its claim.
    pub slot: SlotName,
    /// PKCS#10 in PEM.
    pub request: String,
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateIssued {
    /// The leaf first, PEM.
    pub chain: String,
}
