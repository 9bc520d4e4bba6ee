//! What travels between the CLI, the server and the agents: the `/v1` and `/agent/v1` bodies.
//!
//! Readers ignore fields that they do not know, so that two versions can talk to each other.

mod agent;
mod history;
mod join;
mod operator;
mod runs;

pub use agent::{
    CertificateIssued, CertificateWanted, Delivery, LogChunk, LogWanted, PermitAnswer, PermitWanted,
    ReportAnswer, ServerMessage, SignedRoot,
};
pub use history::{Change, History, HistoryRow, TargetDiff};
pub use join::{
    IdentityWanted, InvalidToken, JOIN_VERSION, JoinToken, JoinWanted, Joined, JoinedHost, JoinedHosts,
    Secret, TokenMade, TokenWanted,
};
pub use operator::{
    ApplyRequest, CertificateRow, Certificates, ClusterRow, ClusterStatus, Clusters, Failure, HostRow,
    IdleAnswer, NodeRow, PlanAnswer, PlanRequest, RunStarted, RunView, StepState, StepView, UserCertificate,
    UserCertificateRequest, Want,
};
pub use runs::{RunDetail, RunOrder, RunRow, Runs};

pub use crate::model::run::RunState;
