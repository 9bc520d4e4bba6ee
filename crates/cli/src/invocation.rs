//! What every command is given: the folders, the terminal, the cluster that is meant.

use klamm_core::model::ClusterName;

use crate::api::{Api, Start};
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
    /// Asks this installation's server through `work`. One that had to be started for this ends again afterwards, if
    /// nothing needs it.
    pub(crate) async fn ask<T>(
        &self,
        start: Start,
        work: impl AsyncFnOnce(&Api) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        if start == Start::InUse && !self.root.is_in_use() {
            return Err(CliError::NoCluster { wanted: self.cluster.clone(), names: vec![] });
        }
        let api = Api::new(&self.root, start)?;
        let result = work(&api).await;
        api.leave().await;
        result
    }

    /// As [`Invocation::ask`], about the cluster that is meant.
    pub(crate) async fn ask_about<T>(
        &self,
        work: impl AsyncFnOnce(&Api, &ClusterName) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        self.ask(Start::InUse, async |api| {
            let cluster = self.choose_cluster(api).await?;
            work(api, &cluster).await
        })
        .await
    }

    /// The cluster that is meant, among those that `api` has: `--cluster`, else the only one, else the spec's, else
    /// `dev`.
    pub(crate) async fn choose_cluster(&self, api: &Api) -> Result<ClusterName, CliError> {
        let clusters = api.clusters().await?.clusters;
        let is_there = |name: &ClusterName| clusters.iter().any(|row| row.name == *name);
        let names = || clusters.iter().map(|row| row.name.to_string()).collect();
        match (&self.cluster, clusters.as_slice()) {
            (Some(wanted), _) if is_there(wanted) => Ok(wanted.clone()),
            (wanted @ Some(_), _) => Err(CliError::NoCluster { wanted: wanted.clone(), names: names() }),
            (None, []) => Err(CliError::NoCluster { wanted: None, names: vec![] }),
            (None, [only]) => Ok(only.name.clone()),
            (None, _) => {
                let named = specs::in_current_folder()?.and_then(|text| specs::cluster_of(&text));
                let chosen = named.unwrap_or_else(default_cluster);
                if is_there(&chosen) { Ok(chosen) } else { Err(CliError::WhichCluster { names: names() }) }
            }
        }
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
