//! The administrative operations of a [`Cluster`](crate::Cluster) and what they tell: one file per noun.

mod acls;
mod cluster;
mod configs;
mod features;
mod leaders;
mod log_dirs;
mod quorum;
mod reassignments;
mod topics;

pub use acls::{Acl, AclFilter, AclOperation, AclPermission, PatternType, ResourceType};
pub use cluster::{ClusterDescription, NodeDescription};
pub use configs::{
    ConfigChange, ConfigEdit, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, ConfigSynonym,
};
pub use features::{FeatureLevels, Features};
pub use leaders::Election;
pub use log_dirs::{LogDir, LogDirReplica};
pub use quorum::{QuorumDescription, QuorumListener, QuorumNode, QuorumReplica};
pub use reassignments::Reassignment;
pub use topics::{
    CreatedTopic, NewTopic, PartitionDescription, TopicDescription, TopicPartition, TopicSelection,
};
