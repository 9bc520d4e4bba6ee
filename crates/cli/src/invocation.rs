//! What every command is given: the folders, the terminal, the cluster that is meant.

use klamm_core::model::ClusterName;

use crate::api::Api;
use crate::error::CliError;
use crate::output::Terminal;
use crate::root::Root;
use crate::specs;

/// What `klamm up` calls a cluster when nobody does.
pub(crate) const DEFAULT_CLUSTER: &str = "dev";

/// One call of `klamm`.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) root: Root,
    pub(crate) terminal: Terminal,
    /// `--cluster`.
    pub(crate) cluster: Option<ClusterName>,
}

impl Invocation {
    /// A client of this installation's server.
    pub(crate) fn api(&self) -> Result<Api, CliError> {
        Api::new(&self.root)
    }

    /// The cluster that is meant, among those that `api` has: `--cluster`, else the only one, else the spec's, else
    /// `dev`.
    pub(crate) async fn choose_cluster(&self, api: &Api) -> Result<ClusterName, CliError> {
        if let Some(cluster) = &self.cluster {
            return Ok(cluster.clone());
        }
        let clusters = api.clusters().await?.clusters;
        if let [only] = clusters.as_slice() {
            return Ok(only.name.clone());
        }
        let named = specs::in_current_folder()?.and_then(|text| specs::cluster_of(&text));
        let chosen = named.unwrap_or_else(default_cluster);
        if clusters.is_empty() || clusters.iter().any(|row| row.name == chosen) {
            return Ok(chosen);
        }
        Err(CliError::WhichCluster { names: clusters.iter().map(|row| row.name.to_string()).collect() })
    }

    /// How this call was begun, for commands that are shown to be typed next.
    pub(crate) fn command(&self) -> String {
        let mut command = "klamm".to_owned();
        // KLAMM_ROOT stays set in the shell, an option must be given again.
        if let Some(root) = self.root.given().filter(|_| std::env::var_os("KLAMM_ROOT").is_none()) {
            command.push_str(&format!(" --root {}", root.display()));
        }
        if let Some(cluster) = &self.cluster {
            command.push_str(&format!(" --cluster {cluster}"));
        }
        command
    }
}

/// The name of a cluster that nobody named.
pub(crate) fn default_cluster() -> ClusterName {
    DEFAULT_CLUSTER.parse().expect("the default name is a name")
}
