//! The words of the domain as types that cannot be wrong once they are parsed.

pub mod cluster;
pub mod digest;
pub mod ids;
pub mod inventory;
pub mod moment;
pub mod plan;
pub mod run;
pub mod target;
pub mod units;

pub use cluster::Cluster;
pub use digest::Sha256;
pub use ids::{
    ClusterId, ClusterName, DirectoryId, Epoch, HostId, InvalidName, ListenerName, NodeId, PoolName,
    SlotName, TargetNumber, UserName,
};
pub use moment::Moment;
pub use units::ByteCount;
