//! The nodes behind a listener.

use crate::address::Address;
use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::cluster::DescribeCluster;
use crate::deadline::Deadline;

/// A cluster's id, nodes and controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id as formatted into its disks.
    pub cluster_id: String,
    /// On controllers' listeners the active controller. On brokers' listeners some broker, which forwards.
    pub controller: Option<i32>,
    /// By id: brokers on a broker's listener, controllers on a controller's.
    pub nodes: Vec<NodeDescription>,
}

/// A node as its registration advertises it on the kind of listener that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDescription {
    /// The node id.
    pub id: i32,
    /// The advertised address.
    pub address: Address,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Registered but not serving. Brokers before 4.0 leave such nodes out instead.
    pub fenced: bool,
}

impl Cluster {
    /// The cluster's nodes and id, fenced brokers included where Kafka tells them (4.0 and newer).
    pub async fn describe_cluster(
        &self,
        deadline: impl Into<Deadline>,
    ) -> Result<ClusterDescription, OperationError> {
        self.run(Route::Any, &DescribeCluster { endpoint: self.endpoint() }, deadline.into()).await
    }
}
