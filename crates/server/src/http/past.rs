//! `/v1/clusters/NAME/runs`, `…/history`, `…/diff`: what was done, and what it changed.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use serde::Deserialize;

use klamm_core::api::{History, RunDetail, RunOrder, Runs, TargetDiff};
use klamm_core::model::{ClusterName, TargetNumber};

use crate::error::ServerError;
use crate::runs::orders;
use crate::{Server, history};

type Answer<T> = Result<Json<T>, ServerError>;

pub(super) fn router() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/clusters/{name}/runs", get(runs))
        .route("/v1/clusters/{name}/runs/{run}", get(run))
        .route("/v1/clusters/{name}/runs/{run}/abort", post(abort))
        .route("/v1/clusters/{name}/runs/{run}/resume", post(resume))
        .route("/v1/clusters/{name}/history", get(targets))
        .route("/v1/clusters/{name}/history/{target}/spec", get(spec))
        .route("/v1/clusters/{name}/diff", get(diff))
}

async fn runs(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Answer<Runs> {
    Ok(Json(orders::list(&server, &name.parse()?).await?))
}

async fn run(State(server): State<Arc<Server>>, Path((name, run)): Path<(String, u64)>) -> Answer<RunDetail> {
    Ok(Json(orders::show(&server, &name.parse()?, run).await?))
}

async fn abort(
    State(server): State<Arc<Server>>,
    Path((name, run)): Path<(String, u64)>,
    Json(order): Json<RunOrder>,
) -> Result<StatusCode, ServerError> {
    orders::abort(&server, &name.parse()?, run, order).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn resume(
    State(server): State<Arc<Server>>,
    Path((name, run)): Path<(String, u64)>,
    Json(order): Json<RunOrder>,
) -> Result<StatusCode, ServerError> {
    let name: ClusterName = name.parse()?;
    // On a task of its own: a person who goes away in the middle must not leave a run that nobody carries out.
    let resumed = tokio::spawn(async move { orders::resume(&server, &name, run, order).await });
    resumed.await.map_err(|_| ServerError::Stopping)??;
    Ok(StatusCode::NO_CONTENT)
}

async fn targets(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Answer<History> {
    Ok(Json(history::history(&server, &name.parse()?).await?))
}

async fn spec(
    State(server): State<Arc<Server>>,
    Path((name, target)): Path<(String, u64)>,
) -> Result<String, ServerError> {
    history::spec_of(&server, &name.parse()?, TargetNumber(target)).await
}

#[derive(Debug, Deserialize)]
struct DiffQuery {
    from: Option<u64>,
    to: Option<u64>,
}

async fn diff(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Query(DiffQuery { from, to }): Query<DiffQuery>,
) -> Answer<TargetDiff> {
    let (from, to) = (from.map(TargetNumber), to.map(TargetNumber));
    Ok(Json(history::changes(&server, &name.parse()?, from, to).await?))
}
