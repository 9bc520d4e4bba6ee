//! `/v1`: what people's tools ask.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde::Deserialize;

use klamm_core::api::{
    ApplyRequest, Certificates, ClusterStatus, Clusters, IdleAnswer, JoinedHosts, LogWanted, PlanAnswer,
    PlanRequest, RunStarted, RunState, TokenMade, TokenWanted, UserCertificate, UserCertificateRequest,
};
use klamm_core::model::{ClusterId, ClusterName, SlotName, UserName};

use super::{event, events};
use crate::Server;
use crate::certify::{self, Issuance};
use crate::error::{ServerError, chain};
use crate::hosts::NoLog;
use crate::{joining, planning, runs, status};

/// How long a daemon that ends waits for its agent to let go of what was destroyed.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long it waits for others who ask at the same moment; commands that only look take a fraction of this.
const OTHERS_LEAVE: Duration = Duration::from_secs(1);
/// Who asks the daemon to end is connected.
const THE_ASKER: usize = 1;
/// How long a log waits for its host's agent: right after a start it dials at once, and again every half second.
const AGENT_COMES: Duration = Duration::from_secs(15);

type Answer<T> = Result<Json<T>, ServerError>;

pub(super) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/v1/clusters", get(clusters))
        .route("/v1/clusters/{name}", get(cluster))
        .route("/v1/clusters/{name}/plan", post(plan))
        .route("/v1/clusters/{name}/apply", post(apply))
        .route("/v1/clusters/{name}/run", get(run))
        .route("/v1/clusters/{name}/spec", get(spec))
        .route("/v1/clusters/{name}/certificates", get(certificates))
        .route("/v1/clusters/{name}/users/{user}/certificate", post(user_certificate))
        .route("/v1/clusters/{name}/nodes/{slot}/log", get(log))
        .route("/v1/hosts", get(hosts))
        .route("/v1/tokens", post(token))
        .route("/v1/stop-if-idle", post(stop_if_idle))
        .merge(super::past::router())
        .with_state(server)
}

async fn clusters(State(server): State<Arc<Server>>) -> Answer<Clusters> {
    Ok(Json(status::clusters(&server).await?))
}

async fn cluster(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Answer<ClusterStatus> {
    Ok(Json(status::status(&server, &name.parse()?).await?))
}

async fn plan(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Json(request): Json<PlanRequest>,
) -> Answer<PlanAnswer> {
    Ok(Json(planning::preview(&server, &name.parse()?, &request).await?))
}

async fn apply(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Json(request): Json<ApplyRequest>,
) -> Answer<RunStarted> {
    let name: ClusterName = name.parse()?;
    // On a task of its own: a person who goes away in the middle must not leave a run half begun.
    let applied = tokio::spawn(async move { runs::apply(&server, &name, request).await });
    Ok(Json(applied.await.map_err(|_| ServerError::Stopping)??))
}

/// The newest run, whole at each change, until it has ended.
async fn run(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Result<Response, ServerError> {
    let record = status::record(&server, &name.parse()?).await?;
    let state = server.clusters.state(record.id, &record.name).await?;
    let mut changes = state.run.subscribe();
    changes.mark_changed();
    let views = stream::unfold(Some(changes), |changes| async move {
        let mut changes = changes?;
        changes.changed().await.ok()?;
        let view = changes.borrow_and_update().clone()?;
        let goes_on = view.state == RunState::Running;
        Some((event(&view), goes_on.then_some(changes)))
    });
    Ok(events(views))
}

async fn spec(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Result<String, ServerError> {
    let record = status::record(&server, &name.parse()?).await?;
    planning::stored_spec(&server, &record).await
}

async fn certificates(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Answer<Certificates> {
    Ok(Json(status::certificates(&server, &name.parse()?).await?))
}

async fn user_certificate(
    State(server): State<Arc<Server>>,
    Path((name, user)): Path<(String, String)>,
    Json(asked): Json<UserCertificateRequest>,
) -> Answer<UserCertificate> {
    let (name, user): (ClusterName, UserName) = (name.parse()?, user.parse()?);
    let record = status::record(&server, &name).await?;
    let target = status::target(&server, &record).await?;
    let state = server.clusters.state(record.id, &record.name).await?;
    let text = planning::stored_spec(&server, &record).await?;
    let (cluster, _) = planning::read_spec(&server, &text, "the spec", Some(&record)).await?;
    let bootstrap = status::bootstrap(&target).into_iter().find(|(listener, _)| {
        let listener = cluster.listeners.iter().find(|(name, _)| name.as_str() == listener);
        listener.is_some_and(|(_, listener)| listener.auth == klamm_core::model::cluster::ListenerAuth::Mtls)
    });
    let (_, bootstrap) = bootstrap.ok_or(ServerError::NoClientListener(name))?;
    let lifetime = asked.lifetime_seconds.map_or(cluster.certificates.lifetime, Duration::from_secs);
    let issuance = Issuance {
        profile: certify::user_profile(&record.name, &user)?,
        lifetime,
        cluster: Some(record.id),
        purpose: asked.purpose,
    };
    let issued = certify::issue(&server.store, &state.authorities.users, &asked.request, issuance).await?;
    let granted =
        state.last_look().is_some_and(|look| look.value.access.iter().any(|entry| entry.user == user));
    Ok(Json(UserCertificate {
        chain: issued.chain_pem,
        trust: state.authorities.nodes.certificate_pem().to_owned(),
        bootstrap,
        not_after: issued.facts.not_after,
        known_user: granted || cluster.users.contains_key(&user),
    }))
}

#[derive(Debug, Deserialize)]
struct LogQuery {
    #[serde(default = "LogQuery::screenful")]
    lines: usize,
    #[serde(default)]
    follow: bool,
}

impl LogQuery {
    fn screenful() -> usize {
        50
    }
}

async fn log(
    State(server): State<Arc<Server>>,
    Path((name, slot)): Path<(String, String)>,
    Query(query): Query<LogQuery>,
) -> Result<Response, ServerError> {
    let (name, slot): (ClusterName, SlotName) = (name.parse()?, slot.parse()?);
    let record = status::record(&server, &name).await?;
    let target = status::target(&server, &record).await?;
    let host = target.slots().get(&slot).map(|(host, _)| (*host).clone());
    let host = host.ok_or_else(|| ServerError::NoSlot { cluster: name, slot: slot.clone() })?;
    let wanted = |id| LogWanted {
        id,
        cluster: record.id,
        slot: slot.clone(),
        lines: query.lines,
        follow: query.follow,
    };
    let text = server.hosts.ask_for_log(&host, wanted, AGENT_COMES).await.map_err(|reason| match reason {
        NoLog::Away => ServerError::AgentAway { slot: slot.clone(), host: host.clone(), waited: AGENT_COMES },
        NoLog::Silent => {
            ServerError::AgentSilent { slot: slot.clone(), host: host.clone(), waited: AGENT_COMES }
        }
    })?;
    let text = stream::unfold(text, |mut text| async move {
        let piece = text.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), text))
    });
    Ok(([("content-type", "text/plain; charset=utf-8")], Body::from_stream(text)).into_response())
}

async fn hosts(State(server): State<Arc<Server>>) -> Answer<JoinedHosts> {
    Ok(Json(joining::hosts(&server).await?))
}

async fn token(State(server): State<Arc<Server>>, Json(wanted): Json<TokenWanted>) -> Answer<TokenMade> {
    Ok(Json(joining::make_token(&server, wanted).await?))
}

/// Ends the daemon of a laptop that nothing needs any more, now or when the last of those who ask has gone. A server
/// of its own answers that it stays.
async fn stop_if_idle(State(server): State<Arc<Server>>) -> Answer<IdleAnswer> {
    if !server.is_idle().await? {
        return Ok(Json(IdleAnswer { ends: false }));
    }
    let clusters = server.store.with(|store| store.clusters()).await?;
    let known: Vec<ClusterId> = clusters.iter().map(|cluster| cluster.id).collect();
    server.hosts.forgotten_all_but(&known, LAST_WORDS).await;
    let others_left = tokio::time::timeout(OTHERS_LEAVE, server.visitors.at_most(THE_ASKER)).await.is_ok();
    if !others_left {
        tokio::spawn(async move {
            server.visitors.at_most(0).await;
            if let Err(error) = server.stop_if_idle(0).await {
                tracing::warn!(
                    error = chain(&error),
                    "whether anything needs the daemon is not known; it stays"
                );
            }
        });
        return Ok(Json(IdleAnswer { ends: false }));
    }
    Ok(Json(IdleAnswer { ends: server.stop_if_idle(THE_ASKER).await? }))
}
