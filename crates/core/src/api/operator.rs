//! `/v1`: what a person's tools and the server say to each other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::inventory::{CertificateReport, KafkaView, Observed, ProcessReport, Stage};
use crate::model::plan::{Explanation, Plan};
use crate::model::run::RunState;
use crate::model::{ClusterId, ClusterName, HostId, NodeId, SlotName, TargetNumber};

/// What a person wants of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// As the spec says, running.
    Up,
    /// Stopped, with all data.
    Down,
    /// Gone, with all data.
    Destroyed,
}

/// Asks what would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRequest {
    /// What is wanted.
    pub want: Want,
    /// The spec's text; none takes the one last applied.
    pub spec: Option<String>,
    /// The spec's file name, for messages.
    pub file: String,
    /// Whether existing nodes take what this Klamm would make of them from nothing, with the restarts that it needs.
    #[serde(default)]
    pub refresh_defaults: bool,
    /// Slots whose processes are to be stopped and started although nothing of them changed.
    #[serde(default)]
    pub roll: BTreeSet<SlotName>,
}

impl PlanRequest {
    /// Only that; `file` is the spec's name for messages.
    pub fn new(want: Want, spec: Option<String>, file: impl Into<String>) -> Self {
        Self { want, spec, file: file.into(), refresh_defaults: false, roll: BTreeSet::new() }
    }
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanAnswer {
    /// The steps and their reasons.
    pub plan: Plan,
    /// How sizes were chosen, slot by slot.
    #[serde(default)]
    pub explanations: Vec<Explanation>,
    /// Warnings about the spec, ready to print.
    pub warnings: Vec<String>,
}

/// Asks to do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyRequest {
    /// The same as for the plan.
    pub request: PlanRequest,
    /// Who asks, for the journal.
    pub actor: String,
    /// Why, for the journal, where the spec alone does not tell.
    #[serde(default)]
    pub why: Option<String>,
    /// The plan that the person has seen and wants: another one is refused.
    #[serde(default)]
    pub shown: Option<Plan>,
}

/// A run was started, or there was nothing to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The plan, as in [`PlanAnswer`].
    pub plan: Plan,
    /// Warnings about the spec.
    pub warnings: Vec<String>,
    /// The run; none where the plan is empty.
    pub run: Option<u64>,
}

/// One run as it stands; the event stream repeats it whole at each change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// Its number.
    pub run: u64,
    /// Of which cluster.
    pub cluster: ClusterName,
    /// Where it is.
    pub state: RunState,
    /// Its steps.
    pub steps: Vec<StepView>,
    /// What each slot concerned does now.
    pub slots: BTreeMap<SlotName, Stage>,
    /// When it was started.
    pub started: Timestamp,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// One line.
    pub title: String,
    /// Where it is.
    pub state: StepState,
}

/// Where a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun.
    Running {
        /// What it waits for, one line.
        waits_for: String,
    },
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Begun, and left when the run was aborted.
    Aborted,
}

/// All clusters of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clusters {
    /// The server's version.
    pub klamm: String,
    /// One row a cluster.
    pub clusters: Vec<ClusterRow>,
}

/// A cluster in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRow {
    /// Its name.
    pub name: ClusterName,
    /// Its id.
    pub id: ClusterId,
    /// The target in force.
    pub target: TargetNumber,
    /// What is wanted of it.
    pub want: Want,
}

/// A cluster on one screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// Its name.
    pub name: ClusterName,
    /// Its id.
    pub id: ClusterId,
    /// What is wanted of it.
    pub want: Want,
    /// When the last run that made it so had ended; none while one goes on, after one that stopped half-way, and where a
    /// server of an older version was asked.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// The Kafka version of its target.
    pub kafka: String,
    /// The target in force.
    pub target: TargetNumber,
    /// The bootstrap list of each clients' listener by its name in the spec.
    pub bootstrap: BTreeMap<String, String>,
    /// One row a node.
    pub nodes: Vec<NodeRow>,
    /// Hosts that keep them.
    pub hosts: Vec<HostRow>,
    /// Kafka itself; none while it cannot be asked.
    pub kafka_view: Option<Observed<KafkaView>>,
    /// What runs now.
    pub run: Option<RunView>,
    /// The server's wall clock, so that ages can be told.
    pub now: Timestamp,
}

/// A host on the status screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRow {
    /// Its id.
    pub id: HostId,
    /// Its own name.
    pub name: String,
    /// When it last reported.
    pub seen: Timestamp,
}

/// A node on the status screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Its slot.
    pub slot: SlotName,
    /// Kafka's id.
    pub node_id: NodeId,
    /// `controller`, `broker` or `controller+broker`.
    pub roles: String,
    /// Its host.
    pub host: HostId,
    /// The stage and when it was reported; none while nothing is known.
    pub stage: Option<Observed<Stage>>,
    /// What is amiss although the node does its work.
    #[serde(default)]
    pub remark: Option<String>,
    /// The process, while there is one.
    pub process: Option<ProcessReport>,
    /// How often it came back by itself.
    pub restarts: u32,
    /// The certificate on disk.
    pub certificate: Option<CertificateReport>,
    /// `HOST:PORT` by Kafka's listener name.
    pub listeners: BTreeMap<String, String>,
}

/// Asks for a user certificate with a key that the asker made itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCertificateRequest {
    /// PKCS#10 in PEM.
    pub request: String,
    /// How long it shall live; none takes the cluster's certificate lifetime.
    pub lifetime_seconds: Option<u64>,
    /// What for, for the issuance log.
    pub purpose: String,
}

/// A user certificate and all that its holder needs to connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCertificate {
    /// The leaf first, PEM.
    pub chain: String,
    /// What the nodes' certificates are verified with, PEM.
    pub trust: String,
    /// `HOST:PORT,…` of a listener for clients with mTLS.
    pub bootstrap: String,
    /// Last moment of its life.
    pub not_after: Timestamp,
    /// Whether the spec lists the user or gives it any access.
    pub known_user: bool,
}

/// Every certificate that the server knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificates {
    /// One row a certificate.
    pub certificates: Vec<CertificateRow>,
}

/// A certificate in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRow {
    /// `authority`, `node`, `user`, `server` or `agent`.
    pub kind: String,
    /// Its subject, RFC 2253.
    pub subject: String,
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// Its issuer, RFC 2253.
    pub issuer: String,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
    /// Where it is, or what it was issued for.
    pub place: String,
}

/// Whether a daemon that was asked to end, if nothing needs it, does so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleAnswer {
    /// Whether it ends now. If not, something is wanted up, a run goes on, or somebody else is being answered; it
    /// ends by itself once the last one has gone and nothing needs it.
    pub ends: bool,
}

/// An error as the API tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable code, `klamm/AREA/NAME`.
    pub code: String,
    /// What failed, on which object.
    pub message: String,
    /// Causes, the nearest first.
    pub causes: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
}
