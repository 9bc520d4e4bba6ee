//! Feature levels: `metadata.version`, `kraft.version` and the rest.

use std::collections::BTreeMap;

use crate::cluster::{Cluster, OperationError, Route};
use crate::codec::calls::versions::ApiVersions;
use crate::deadline::Deadline;

/// A range of levels of one feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureLevels {
    /// The lowest.
    pub min: i16,
    /// The highest; of a finalized feature, the level in force.
    pub max: i16,
}

/// What the node that answered supports and what its cluster has settled on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    /// Rises with each change of the finalized ones; none while the node has not read any metadata.
    pub epoch: Option<i64>,
    /// In force in the cluster, by name. A feature at level 0 is absent.
    pub finalized: BTreeMap<String, FeatureLevels>,
    /// Possible on this node, by name.
    pub supported: BTreeMap<String, FeatureLevels>,
}

impl Cluster {
    /// The features of some node and of the cluster.
    pub async fn features(&self, deadline: impl Into<Deadline>) -> Result<Features, OperationError> {
        self.run(Route::Any, &ApiVersions, deadline.into()).await.map(|spoken| spoken.features)
    }

    /// The features of node `id`, as [`Cluster::features`]. Through controllers the active one answers.
    pub async fn features_of(
        &self,
        id: i32,
        deadline: impl Into<Deadline>,
    ) -> Result<Features, OperationError> {
        self.run(Route::Node(id), &ApiVersions, deadline.into()).await.map(|spoken| spoken.features)
    }
}
