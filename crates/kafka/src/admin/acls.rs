//! Access control lists.

use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::acls::{CreateAcls, DeleteAcls, DescribeAcls};
use crate::deadline::Deadline;
use crate::refusal::Refusal;

/// An enum whose variants are Kafka's, each with its number on the wire.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal as $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub(crate) fn code(self) -> i8 {
                match self { $(Self::$variant => $code),+ }
            }

            pub(crate) fn from_code(code: i8) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.code() == code)
            }

            /// Kafka's name in lower case with dashes, such as `describe-configs`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

wire_enum! {
    /// What an ACL protects.
    ResourceType {
        /// A topic.
        Topic = 2 as "topic",
        /// A consumer group.
        Group = 3 as "group",
        /// The cluster; its name is always `kafka-cluster`.
        Cluster = 4 as "cluster",
        /// A transactional id.
        TransactionalId = 5 as "transactional-id",
        /// A delegation token.
        DelegationToken = 6 as "delegation-token",
        /// A user, as the owner of delegation tokens.
        User = 7 as "user",
    }
}

wire_enum! {
    /// How an ACL's resource name is meant.
    PatternType {
        /// Exactly this name; `*` is every name.
        Literal = 3 as "literal",
        /// Every name that starts with it.
        Prefixed = 4 as "prefixed",
    }
}

wire_enum! {
    /// What an ACL is about.
    AclOperation {
        /// Everything.
        All = 2 as "all",
        /// Reading; implies describing.
        Read = 3 as "read",
        /// Writing; implies describing.
        Write = 4 as "write",
        /// Creating.
        Create = 5 as "create",
        /// Deleting; implies describing.
        Delete = 6 as "delete",
        /// Altering; implies describing.
        Alter = 7 as "alter",
        /// Describing.
        Describe = 8 as "describe",
        /// What brokers do among themselves.
        ClusterAction = 9 as "cluster-action",
        /// Reading configs.
        DescribeConfigs = 10 as "describe-configs",
        /// Changing configs; implies reading them.
        AlterConfigs = 11 as "alter-configs",
        /// Producing idempotently (needed before Kafka 2.8 only).
        IdempotentWrite = 12 as "idempotent-write",
        /// Making delegation tokens for others.
        CreateTokens = 13 as "create-tokens",
        /// Describing delegation tokens of others.
        DescribeTokens = 14 as "describe-tokens",
        /// Two-phase commit.
        TwoPhaseCommit = 15 as "two-phase-commit",
    }
}

wire_enum! {
    /// What an ACL decides. Deny wins over allow.
    AclPermission {
        /// Refuses.
        Deny = 2 as "deny",
        /// Grants.
        Allow = 3 as "allow",
    }
}

/// An access control entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acl {
    /// What it protects.
    pub resource: ResourceType,
    /// Which one; `*` for all.
    pub name: String,
    /// How the name is meant.
    pub pattern: PatternType,
    /// Whom it is about, such as `User:alice`.
    pub principal: String,
    /// From where, an address; `*` for everywhere.
    pub host: String,
    /// What it is about.
    pub operation: AclOperation,
    /// What it decides.
    pub permission: AclPermission,
}

/// Which entries are meant: those that agree with everything that is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AclFilter {
    /// What is protected.
    pub resource: Option<ResourceType>,
    /// The name exactly as in the entry.
    pub name: Option<String>,
    /// How the name is meant in the entry.
    pub pattern: Option<PatternType>,
    /// Whom it is about.
    pub principal: Option<String>,
    /// From where.
    pub host: Option<String>,
    /// What it is about.
    pub operation: Option<AclOperation>,
    /// What it decides.
    pub permission: Option<AclPermission>,
}

impl From<&Acl> for AclFilter {
    /// The filter that means exactly this entry.
    fn from(acl: &Acl) -> Self {
        Self {
            resource: Some(acl.resource),
            name: Some(acl.name.clone()),
            pattern: Some(acl.pattern),
            principal: Some(acl.principal.clone()),
            host: Some(acl.host.clone()),
            operation: Some(acl.operation),
            permission: Some(acl.permission),
        }
    }
}

impl Cluster {
    /// The entries that `filter` means, in order.
    pub async fn describe_acls(
        &self,
        filter: AclFilter,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<Acl>, OperationError> {
        self.run(Route::Controller, &DescribeAcls { filter }, deadline.into()).await
    }

    /// Makes entries; one result for each, in the same order. An entry that is there already succeeds.
    pub async fn create_acls(
        &self,
        acls: Vec<Acl>,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<Result<(), Refusal>>, OperationError> {
        self.run(Route::Controller, &CreateAcls { acls }, deadline.into()).await
    }

    /// Removes what each filter means; for each, in the same order, what was removed. No second attempt
    /// after a lost answer.
    pub async fn delete_acls(
        &self,
        filters: Vec<AclFilter>,
        deadline: impl Into<Deadline>,
    ) -> Result<Vec<Result<Vec<Acl>, Refusal>>, OperationError> {
        self.run(Route::Controller, &DeleteAcls { filters }, deadline.into()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_has_a_number_of_its_own() {
        for operation in AclOperation::ALL {
            assert_eq!(AclOperation::from_code(operation.code()), Some(*operation));
        }
        for resource in ResourceType::ALL {
            assert_eq!(ResourceType::from_code(resource.code()), Some(*resource));
        }
        assert_eq!(PatternType::from_code(2), None); // MATCH exists in filters only
    }
}
