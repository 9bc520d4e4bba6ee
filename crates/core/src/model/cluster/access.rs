//! What a user may do: lines such as `read topic:orders group:billing-*`, parsed once.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One line of a user's rights: each operation on each resource.
///
/// Written `OPERATION[,OPERATION…] RESOURCE…`. A resource is `topic:NAME`, `group:NAME`,
/// `transactional-id:NAME` or `cluster`; a name may end with `*` for everything that begins so. `all` alone is
/// every operation on every resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccessRule {
    operations: BTreeSet<AclOperation>,
    resources: BTreeSet<ResourcePattern>,
}

impl AccessRule {
    /// Every operation on every resource.
    pub fn everything() -> Self {
        let any = ResourcePattern::any;
        Self {
            operations: BTreeSet::from([AclOperation::All]),
            resources: ResourceKind::ALL.into_iter().map(any).collect(),
        }
    }

    /// The operations.
    pub fn operations(&self) -> &BTreeSet<AclOperation> {
        &self.operations
    }

    /// The resources.
    pub fn resources(&self) -> &BTreeSet<ResourcePattern> {
        &self.resources
    }

    /// Kafka's ACL entries for it.
    pub fn acls(&self) -> impl Iterator<Item = (ResourcePattern, AclOperation)> {
        self.resources
            .iter()
            .flat_map(|resource| self.operations.iter().map(move |operation| (resource.clone(), *operation)))
    }
}

/// An operation of Kafka's authorizer (`org.apache.kafka.common.acl.AclOperation`). Read, write, delete and alter
/// imply describe, alter-configs implies describe-configs: Kafka's own rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AclOperation {
    /// Every operation that the resource has.
    All,
    /// Fetch records; join a group and commit its offsets.
    Read,
    /// Produce records.
    Write,
    /// Create topics.
    Create,
    /// Delete.
    Delete,
    /// Change partitions, quotas, users' rights.
    Alter,
    /// See that it exists.
    Describe,
    /// What brokers do among themselves.
    ClusterAction,
    /// Read configuration.
    DescribeConfigs,
    /// Change configuration.
    AlterConfigs,
    /// Idempotent produce, for clients before 2.8.
    IdempotentWrite,
}

impl AclOperation {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::All,
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::Alter,
        Self::Describe,
        Self::ClusterAction,
        Self::DescribeConfigs,
        Self::AlterConfigs,
        Self::IdempotentWrite,
    ];

    /// As the spec writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Alter => "alter",
            Self::Describe => "describe",
            Self::ClusterAction => "cluster-action",
            Self::DescribeConfigs => "describe-configs",
            Self::AlterConfigs => "alter-configs",
            Self::IdempotentWrite => "idempotent-write",
        }
    }

    /// Its number in Kafka's protocol and records.
    pub fn code(self) -> i8 {
        match self {
            Self::All => 2,
            Self::Read => 3,
            Self::Write => 4,
            Self::Create => 5,
            Self::Delete => 6,
            Self::Alter => 7,
            Self::Describe => 8,
            Self::ClusterAction => 9,
            Self::DescribeConfigs => 10,
            Self::AlterConfigs => 11,
            Self::IdempotentWrite => 12,
        }
    }
}

/// A kind of resource of Kafka's authorizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A topic.
    Topic,
    /// A consumer, share or streams group.
    Group,
    /// The cluster itself.
    Cluster,
    /// A producer's transactional id.
    TransactionalId,
}

impl ResourceKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Topic, Self::Group, Self::Cluster, Self::TransactionalId];

    /// As the spec writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Group => "group",
            Self::Cluster => "cluster",
            Self::TransactionalId => "transactional-id",
        }
    }

    /// Its number in Kafka's protocol and records (`ResourceType`).
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Group => 3,
            Self::Cluster => 4,
            Self::TransactionalId => 5,
        }
    }

    /// What can be allowed on it (`AclEntry.supportedOperations`).
    pub fn operations(self) -> &'static [AclOperation] {
        use AclOperation::{
            All, Alter, AlterConfigs, ClusterAction, Create, Delete, Describe, DescribeConfigs,
            IdempotentWrite, Read, Write,
        };
        match self {
            Self::Topic => {
                &[All, Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs]
            }
            Self::Group => &[All, Read, Delete, Describe, DescribeConfigs, AlterConfigs],
            Self::Cluster => {
                &[All, Create, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite]
            }
            Self::TransactionalId => &[All, Write, Describe],
        }
    }
}

/// One resource, or all whose names begin alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourcePattern {
    /// Exactly this name; the name of the cluster is Kafka's `kafka-cluster`, and `*` alone is every name.
    Literal(ResourceKind, String),
    /// Every name that begins with it.
    Prefixed(ResourceKind, String),
}

impl ResourcePattern {
    /// Everything of a kind.
    pub fn any(kind: ResourceKind) -> Self {
        match kind {
            ResourceKind::Cluster => Self::Literal(kind, "kafka-cluster".to_owned()),
            ResourceKind::Topic | ResourceKind::Group | ResourceKind::TransactionalId => {
                Self::Literal(kind, "*".to_owned())
            }
        }
    }

    /// The kind of resource.
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::Literal(kind, _) | Self::Prefixed(kind, _) => *kind,
        }
    }

    /// The name, or what it begins with.
    pub fn name(&self) -> &str {
        match self {
            Self::Literal(_, name) | Self::Prefixed(_, name) => name,
        }
    }

    /// The number of the pattern type in Kafka's protocol and records (`PatternType`).
    pub fn pattern_code(&self) -> i8 {
        match self {
            Self::Literal(..) => 3,
            Self::Prefixed(..) => 4,
        }
    }
}

impl fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(ResourceKind::Cluster, _) => f.write_str("cluster"),
            Self::Literal(kind, name) => write!(f, "{}:{name}", kind.as_str()),
            Self::Prefixed(kind, name) => write!(f, "{}:{name}*", kind.as_str()),
        }
    }
}

/// Why a line does not say what a user may do. `part` is the word that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidAccessRule {
    /// Nothing in it.
    #[error("the rule is empty")]
    Empty,
    /// Not an operation.
    #[error("{part:?} is not an operation")]
    UnknownOperation {
        /// The word.
        part: String,
    },
    /// Operations without resources.
    #[error("the rule names no resource")]
    NoResource,
    /// Not a resource.
    #[error("{part:?} is not a resource")]
    UnknownResource {
        /// The word.
        part: String,
    },
    /// The name is empty, or a `*` stands elsewhere than at its end.
    #[error("{part:?} is not a name with at most one `*`, at its end")]
    BadPattern {
        /// The word.
        part: String,
    },
    /// Kafka has no such right.
    #[error("{operation} cannot be allowed on a {kind}", operation = operation.as_str(), kind = kind.as_str())]
    NotApplicable {
        /// The operation.
        operation: AclOperation,
        /// The kind of resource.
        kind: ResourceKind,
    },
}

impl FromStr for ResourcePattern {
    type Err = InvalidAccessRule;
    fn from_str(part: &str) -> Result<Self, InvalidAccessRule> {
        if part == ResourceKind::Cluster.as_str() {
            return Ok(Self::any(ResourceKind::Cluster));
        }
        let unknown = || InvalidAccessRule::UnknownResource { part: part.to_owned() };
        let (kind, name) = part.split_once(':').ok_or_else(unknown)?;
        let kind = ResourceKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind && *known != ResourceKind::Cluster)
            .ok_or_else(unknown)?;
        let (stem, is_prefix) = name.strip_suffix('*').map_or((name, false), |stem| (stem, true));
        if name.is_empty() || stem.contains('*') {
            return Err(InvalidAccessRule::BadPattern { part: part.to_owned() });
        }
        Ok(match (is_prefix, stem.is_empty()) {
            (true, true) => Self::any(kind),
            (true, false) => Self::Prefixed(kind, stem.to_owned()),
            (false, _) => Self::Literal(kind, name.to_owned()),
        })
    }
}

impl FromStr for AccessRule {
    type Err = InvalidAccessRule;
    fn from_str(value: &str) -> Result<Self, InvalidAccessRule> {
        let mut words = value.split_whitespace();
        let verbs = words.next().ok_or(InvalidAccessRule::Empty)?;
        let operation = |word: &str| {
            AclOperation::ALL
                .into_iter()
                .find(|known| known.as_str() == word)
                .ok_or_else(|| InvalidAccessRule::UnknownOperation { part: word.to_owned() })
        };
        let operations: BTreeSet<_> = verbs.split(',').map(operation).collect::<Result<_, _>>()?;
        let resources: BTreeSet<ResourcePattern> = words.map(str::parse).collect::<Result<_, _>>()?;
        if resources.is_empty() {
            let everything = operations.contains(&AclOperation::All) && operations.len() == 1;
            return if everything { Ok(Self::everything()) } else { Err(InvalidAccessRule::NoResource) };
        }
        for kind in resources.iter().map(ResourcePattern::kind) {
            if let Some(operation) = operations.iter().find(|wanted| !kind.operations().contains(wanted)) {
                return Err(InvalidAccessRule::NotApplicable { operation: *operation, kind });
            }
        }
        Ok(Self { operations, resources })
    }
}

impl TryFrom<String> for AccessRule {
    type Error = InvalidAccessRule;
    fn try_from(value: String) -> Result<Self, InvalidAccessRule> {
        value.parse()
    }
}

impl From<AccessRule> for String {
    fn from(rule: AccessRule) -> String {
        rule.to_string()
    }
}

impl fmt::Display for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations: Vec<&str> = self.operations.iter().map(|operation| operation.as_str()).collect();
        f.write_str(&operations.join(","))?;
        self.resources.iter().try_for_each(|resource| write!(f, " {resource}"))
    }
}
