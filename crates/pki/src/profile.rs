//! What a certificate of Klamm can be: whose it is, what it may be used for, which names it answers to.

use std::collections::BTreeSet;

use rcgen::ExtendedKeyUsagePurpose;

use crate::{AltName, AuthorityKind, Subject, SubjectName};

/// The organisation of everything that speaks for Klamm itself and not for one cluster.
const KLAMM: &str = "klamm";

/// A certificate's holder. Subject, purposes and authority follow from it (`system.md` §13, principals), so that
/// no certificate can be asked for whose parts do not belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// A slot's Kafka process: `O=CLUSTER, OU=nodes, CN=SLOT`, serves and dials. From the node authority.
    Node {
        /// The cluster.
        cluster: SubjectName,
        /// The slot.
        slot: SubjectName,
        /// Names and addresses of its listeners; at least one.
        names: BTreeSet<AltName>,
    },
    /// Klamm's server as a client of a cluster: `O=CLUSTER, OU=klamm, CN=server`, dials only. From the node authority.
    ClusterServer {
        /// The cluster.
        cluster: SubjectName,
    },
    /// A user of a cluster: `O=CLUSTER, OU=users, CN=NAME`, dials only. From the user authority.
    User {
        /// The cluster.
        cluster: SubjectName,
        /// The user, `User:NAME` in Kafka.
        name: SubjectName,
    },
    /// An agent as a client of the server: `O=klamm, OU=agents, CN=HOST`, dials only. From Klamm's authority.
    Agent {
        /// The host's id.
        host: SubjectName,
    },
    /// Klamm's server: `O=klamm, OU=servers, CN=server`, serves and dials. From Klamm's authority.
    Server {
        /// Names and addresses that agents and the CLI dial; at least one.
        names: BTreeSet<AltName>,
    },
}

impl Profile {
    /// The subject of the certificate.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Node { cluster, slot, names: _ } => Subject::new(cluster.as_str(), "nodes", slot.as_str()),
            Self::ClusterServer { cluster } => Subject::new(cluster.as_str(), "klamm", "server"),
            Self::User { cluster, name } => Subject::new(cluster.as_str(), "users", name.as_str()),
            Self::Agent { host } => Subject::new(KLAMM, "agents", host.as_str()),
            Self::Server { names: _ } => Subject::new(KLAMM, "servers", "server"),
        }
    }

    /// The only kind of authority that issues it.
    pub fn authority(&self) -> AuthorityKind {
        match self {
            Self::Node { .. } | Self::ClusterServer { .. } => AuthorityKind::Nodes,
            Self::User { .. } => AuthorityKind::Users,
            Self::Agent { .. } | Self::Server { .. } => AuthorityKind::Klamm,
        }
    }

    /// The cluster that it belongs to; none for what belongs to the installation.
    pub fn cluster(&self) -> Option<&SubjectName> {
        match self {
            Self::Node { cluster, .. } | Self::ClusterServer { cluster } | Self::User { cluster, .. } => {
                Some(cluster)
            }
            Self::Agent { .. } | Self::Server { .. } => None,
        }
    }

    /// Whether its holder accepts connections, and so has to answer to names.
    pub fn serves(&self) -> bool {
        match self {
            Self::Node { .. } | Self::Server { .. } => true,
            Self::ClusterServer { .. } | Self::User { .. } | Self::Agent { .. } => false,
        }
    }

    /// The names that the certificate answers to, in order.
    pub fn names(&self) -> impl Iterator<Item = &AltName> {
        let names = match self {
            Self::Node { names, .. } | Self::Server { names } => Some(names),
            Self::ClusterServer { .. } | Self::User { .. } | Self::Agent { .. } => None,
        };
        names.into_iter().flatten()
    }

    pub(crate) fn key_purposes(&self) -> Vec<ExtendedKeyUsagePurpose> {
        if self.serves() {
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
        } else {
            vec![ExtendedKeyUsagePurpose::ClientAuth]
        }
    }
}
