//! Runs, history and differences, as the server tells them.

use klamm_core::api::{History, RunDetail, RunOrder, Runs, TargetDiff};
use klamm_core::model::{ClusterName, TargetNumber};
use reqwest::Method;

use super::{Api, PATIENCE, read};
use crate::error::CliError;

impl Api {
    pub(crate) async fn runs(&self, cluster: &ClusterName) -> Result<Runs, CliError> {
        self.get(&format!("/v1/clusters/{cluster}/runs")).await
    }

    pub(crate) async fn run_detail(&self, cluster: &ClusterName, run: u64) -> Result<RunDetail, CliError> {
        self.get(&format!("/v1/clusters/{cluster}/runs/{run}")).await
    }

    /// `abort` or `resume`.
    pub(crate) async fn order_run(
        &self,
        cluster: &ClusterName,
        run: u64,
        verb: &str,
        order: &RunOrder,
    ) -> Result<(), CliError> {
        let path = format!("/v1/clusters/{cluster}/runs/{run}/{verb}");
        let request = self.request(Method::POST, &path).timeout(PATIENCE).json(order);
        self.send(&path, request).await.map(drop)
    }

    pub(crate) async fn history(&self, cluster: &ClusterName) -> Result<History, CliError> {
        self.get(&format!("/v1/clusters/{cluster}/history")).await
    }

    /// The spec that a target was planned from.
    pub(crate) async fn spec_of(
        &self,
        cluster: &ClusterName,
        target: TargetNumber,
    ) -> Result<String, CliError> {
        let path = format!("/v1/clusters/{cluster}/history/{target}/spec");
        let response = self.send(&path, self.request(Method::GET, &path).timeout(PATIENCE)).await?;
        response.text().await.map_err(|source| CliError::Talk { path, source })
    }

    /// What changed; see the server for what stands in where a number is missing.
    pub(crate) async fn diff(
        &self,
        cluster: &ClusterName,
        from: Option<TargetNumber>,
        to: Option<TargetNumber>,
    ) -> Result<TargetDiff, CliError> {
        let path = format!("/v1/clusters/{cluster}/diff");
        let given = [("from", from), ("to", to)].into_iter();
        let query: Vec<_> = given.filter_map(|(name, number)| Some((name, number?.to_string()))).collect();
        let request = self.request(Method::GET, &path).timeout(PATIENCE).query(&query);
        read(&path, self.send(&path, request).await?).await
    }
}
