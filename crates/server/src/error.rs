//! The server's errors, and how the API tells them.

use std::error::Error as _;
use std::time::Duration;

use thiserror::Error;

use klamm_core::api::Failure;
use klamm_core::machines::permits::NotYours;
use klamm_core::model::{ClusterName, HostId, InvalidName, SlotName, TargetNumber};
use klamm_core::planner::PlanRefused;

use crate::certify::CertifyError;
use crate::kafka_link::KafkaLinkError;
use crate::keys::KeysError;
use klamm_store::StoreError;

/// Everything that can keep the server from answering.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys and authorities.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Issuing.
    #[error(transparent)]
    Certify(#[from] CertifyError),
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] KafkaLinkError),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanRefused),
    /// The spec has problems.
    #[error("{file} has {count} {}", if *count == 1 { "problem" } else { "problems" })]
    Spec {
        /// The spec's file name.
        file: String,
        /// How many.
        count: usize,
        /// All of them, ready to print.
        rendered: String,
    },
    /// No such cluster.
    #[error("there is no cluster {0}")]
    NoCluster(ClusterName),
    /// No such slot.
    #[error("cluster {cluster} has no node {slot}")]
    NoSlot {
        /// The cluster.
        cluster: ClusterName,
        /// The slot.
        slot: SlotName,
    },
    /// A name is not one.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Somebody else's run is in the way.
    #[error("cluster {cluster}: run {run} is still going on")]
    Busy {
        /// The cluster.
        cluster: ClusterName,
        /// The run.
        run: u64,
    },
    /// No such run.
    #[error("cluster {cluster} has no run {run}")]
    NoRun {
        /// The cluster.
        cluster: ClusterName,
        /// The run.
        run: u64,
    },
    /// The run has ended: there is nothing to end or to go on with.
    #[error("run {run} has ended")]
    RunEnded {
        /// The run.
        run: u64,
    },
    /// The run was told to end and is still in the middle of an act.
    #[error("run {run} was told to end and has not yet")]
    RunNotEnded {
        /// The run.
        run: u64,
    },
    /// Something newer is wanted of the cluster than what the run leads to.
    #[error("run {run} was overtaken: something newer is wanted of the cluster")]
    RunOvertaken {
        /// The run.
        run: u64,
    },
    /// The plan that a person has seen is not the one of now.
    #[error("the plan for cluster {0} has changed since it was shown")]
    PlanChanged(ClusterName),
    /// No such target.
    #[error("cluster {cluster} never had a target {number}")]
    NoTarget {
        /// The cluster.
        cluster: ClusterName,
        /// Its number.
        number: TargetNumber,
    },
    /// The spec was never given.
    #[error("cluster {0} was never given a spec")]
    NoSpec(ClusterName),
    /// This Klamm does not carry the lock file.
    #[error("this Klamm carries no lock file of Kafka {0}")]
    NoLock(String),
    /// The host's agent did not connect.
    #[error(
        "the log of {slot} cannot be read: the agent of its host {host} did not connect within {waited:?}"
    )]
    AgentAway {
        /// The slot.
        slot: SlotName,
        /// Its host.
        host: HostId,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The host's agent is connected and does not send.
    #[error("the log of {slot} cannot be read: the agent of its host {host} sent nothing within {waited:?}")]
    AgentSilent {
        /// The slot.
        slot: SlotName,
        /// Its host.
        host: HostId,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The listener is not there.
    #[error("cluster {0} has no listener for clients with mTLS")]
    NoClientListener(ClusterName),
    /// The agent asks for what is not its.
    #[error(transparent)]
    NotYours(#[from] NotYours),
    /// The server ends in the middle of a request.
    #[error("the server is stopping")]
    Stopping,
    /// A destroy was not finished: half of the cluster's data may be gone.
    #[error("cluster {0} is half destroyed")]
    HalfDestroyed(ClusterName),
    /// The store has no such blob.
    #[error("there is no such content")]
    NoBlob,
    /// Nobody waits for this log any more.
    #[error("nobody reads this log any more")]
    NoReader,
    /// A laptop's daemon has its own agent and takes no other.
    #[error("this server takes no other hosts")]
    NoContact,
    /// A token that is good for ever is a password.
    #[error("a token is good for at most {longest:#}, and for some time")]
    TokenLifetime {
        /// The longest.
        longest: jiff::SignedDuration,
    },
    /// The token is unknown, used or too old.
    #[error(
        "the token is not good: unknown, used by another host, for hosts of other names, or its time is over"
    )]
    TokenRefused,
    /// The host joined with another key.
    #[error("{host} has joined with another key")]
    HostOfOtherKey {
        /// Which.
        host: HostId,
    },
    /// The agent is of another version.
    #[error("version {version} of joining is not known here")]
    JoinVersion {
        /// The agent's.
        version: u32,
    },
}

impl ServerError {
    /// Stable code, HTTP status, and what to do.
    fn facts(&self) -> (&'static str, u16, Option<String>) {
        match self {
            Self::Store(StoreError::RunGoesOn { .. }) => (
                "klamm/run/busy",
                409,
                Some("wait for it, or end it: `klamm run show`, `klamm run abort`".to_owned()),
            ),
            Self::Store(StoreError::NotCurrent { .. }) => ("klamm/plan/overtaken", 409, None),
            Self::Store(
                StoreError::Sqlite { .. }
                | StoreError::Newer { .. }
                | StoreError::Unreadable { .. }
                | StoreError::Superseded { .. },
            ) => ("klamm/server/store", 500, None),
            Self::Keys(_) => ("klamm/server/keys", 500, None),
            Self::Certify(_) => ("klamm/certificate/refused", 422, None),
            Self::Kafka(_) => (
                "klamm/kafka/no-answer",
                503,
                Some("look at `klamm status`, then at `klamm logs NODE`".to_owned()),
            ),
            Self::Plan(PlanRefused::NoHost { .. }) => (
                "klamm/plan/no-host",
                422,
                Some("the log of the agent, or of the daemon, says why".to_owned()),
            ),
            Self::Plan(_) => ("klamm/plan/refused", 422, None),
            Self::Spec { rendered, .. } => ("klamm/spec/invalid", 422, Some(rendered.clone())),
            Self::NoCluster(_) => (
                "klamm/cluster/unknown",
                404,
                Some("`klamm up` makes one; `klamm list` shows those there are".to_owned()),
            ),
            Self::NoSlot { .. } => {
                ("klamm/node/unknown", 404, Some("`klamm status` lists the nodes".to_owned()))
            }
            Self::Name(_) => ("klamm/name/invalid", 422, None),
            Self::Busy { .. } => (
                "klamm/run/busy",
                409,
                Some("wait for it, or end it: `klamm run show`, `klamm run abort`".to_owned()),
            ),
            Self::NoRun { .. } => ("klamm/run/unknown", 404, Some("`klamm run list` shows them".to_owned())),
            Self::RunEnded { .. } => {
                ("klamm/run/ended", 409, Some("`klamm apply` plans what is still missing".to_owned()))
            }
            Self::RunNotEnded { .. } => {
                ("klamm/run/ending", 503, Some("`klamm run show` tells when it has".to_owned()))
            }
            Self::RunOvertaken { .. } => {
                ("klamm/run/overtaken", 409, Some("`klamm apply` plans what is wanted now".to_owned()))
            }
            Self::PlanChanged(_) => {
                ("klamm/plan/changed", 409, Some("nothing was done; look at the new plan".to_owned()))
            }
            Self::NoTarget { .. } => {
                ("klamm/target/unknown", 404, Some("`klamm history` lists them".to_owned()))
            }
            Self::NoSpec(_) => {
                ("klamm/spec/missing", 404, Some("give one: `klamm up -f cluster.yaml`".to_owned()))
            }
            Self::NoLock(_) => {
                ("klamm/artifacts/no-lock", 422, Some("choose another `kafka:` version".to_owned()))
            }
            Self::AgentAway { .. } | Self::AgentSilent { .. } => (
                "klamm/agent/away",
                503,
                Some(
                    "the log of the agent, or of the daemon, says why; `klamm versions` names its folder"
                        .to_owned(),
                ),
            ),
            Self::NoClientListener(_) => (
                "klamm/listener/missing",
                422,
                Some("add a listener with `auth: mtls` to the spec".to_owned()),
            ),
            Self::NotYours(_) => ("klamm/claim/foreign", 403, None),
            Self::Stopping => ("klamm/server/stopping", 503, Some("try again".to_owned())),
            Self::HalfDestroyed(_) => {
                ("klamm/cluster/half-destroyed", 409, Some("`klamm destroy` finishes it".to_owned()))
            }
            Self::NoBlob => ("klamm/blob/unknown", 404, None),
            Self::NoReader => ("klamm/log/unread", 410, None),
            Self::NoContact => (
                "klamm/server/laptop",
                409,
                Some("hosts join a server of its own: `klamm server --listen ADDRESS:PORT`".to_owned()),
            ),
            Self::TokenLifetime { .. } => ("klamm/token/lifetime", 422, None),
            Self::TokenRefused => {
                ("klamm/token/refused", 403, Some("make a new one: `klamm token create`".to_owned()))
            }
            Self::HostOfOtherKey { .. } => (
                "klamm/host/other-key",
                403,
                Some(
                    "a copied machine must join as itself: remove its copy of the agent's folder".to_owned(),
                ),
            ),
            Self::JoinVersion { .. } => {
                ("klamm/host/version", 422, Some("server and agent differ in version".to_owned()))
            }
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.facts().1
    }

    /// As the API tells it.
    pub fn to_failure(&self) -> Failure {
        let (code, _, hint) = self.facts();
        let mut causes = Vec::new();
        let mut cause = self.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        Failure { code: code.to_owned(), message: self.to_string(), causes, hint }
    }
}

/// An error and its causes on one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
