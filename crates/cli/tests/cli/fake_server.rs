//! A server that says what a test wants said, and remembers what it was asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use klamm_core::api::{
    ApplyRequest, ClusterRow, ClusterStatus, Clusters, Failure, IdleAnswer, PlanAnswer, PlanRequest,
    RunOrder, RunStarted, RunView, TargetDiff, UserCertificate, UserCertificateRequest, Want,
};
use klamm_core::model::plan::Plan;
use klamm_pki::{
    Authority, AuthorityKind, CertificateRequest, Grant, NewAuthority, PrivateKey, Profile, Serial, Validity,
};
use serde::Serialize;

use crate::program::Lab;
use crate::{past_world, world};

const DAY: Duration = Duration::from_secs(86_400);

/// What it says.
pub(crate) struct World {
    pub(crate) clusters: Vec<ClusterStatus>,
    pub(crate) plan: Plan,
    pub(crate) warnings: Vec<String>,
    /// Said once each; a stream that ends before the run does is asked for again.
    pub(crate) runs: Vec<Vec<RunView>>,
    /// The cluster that the first apply makes.
    pub(crate) made: Option<ClusterStatus>,
    /// Whether the first apply finds another run in its way.
    pub(crate) busy: bool,
    pub(crate) known_user: bool,
    pub(crate) bootstrap: String,
}

impl World {
    pub(crate) fn of(clusters: Vec<ClusterStatus>) -> Self {
        Self {
            clusters,
            plan: world::empty_plan(),
            warnings: vec![],
            runs: vec![],
            made: None,
            busy: false,
            known_user: true,
            bootstrap: "localhost:9092".into(),
        }
    }
}

/// One request: method and path, and the body where there was one.
pub(crate) type Asked = (String, String);

struct Shared {
    socket: PathBuf,
    world: Mutex<World>,
    asked: Mutex<Vec<Asked>>,
    nodes: Authority,
    users: Authority,
}

/// The server; ends when it is dropped.
pub(crate) struct FakeServer {
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn authority(kind: AuthorityKind) -> Authority {
    let new = NewAuthority {
        kind,
        owner: "dev".parse().expect("a subject name"),
        generation: 1,
        validity: Validity::starting(Timestamp::now(), DAY * 3650).expect("a life"),
        serial: Serial::from_random([1; 16]),
    };
    Authority::create(new, PrivateKey::generate().expect("a key")).expect("an authority")
}

impl FakeServer {
    pub(crate) fn start(lab: &Lab, world: World) -> Self {
        let shared = Arc::new(Shared {
            socket: lab.socket(),
            world: Mutex::new(world),
            asked: Mutex::default(),
            nodes: authority(AuthorityKind::Nodes),
            users: authority(AuthorityKind::Users),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        std::fs::create_dir_all(lab.folder().join("run")).expect("a folder");
        std::fs::create_dir_all(lab.folder().join("state/clusters")).expect("a folder");
        let listener = {
            let _guard = runtime.enter();
            tokio::net::UnixListener::bind(lab.socket()).expect("a socket")
        };
        let router = router(shared.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { shared, runtime: Some(runtime) }
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("no test panics with it").clone()
    }

    /// The trust that users are given.
    pub(crate) fn nodes_authority(&self) -> &Authority {
        &self.shared.nodes
    }

    /// What users' certificates are signed by.
    pub(crate) fn users_authority(&self) -> &Authority {
        &self.shared.users
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/clusters", get(clusters))
        .route("/v1/clusters/{name}", get(cluster))
        .route("/v1/clusters/{name}/plan", post(plan))
        .route("/v1/clusters/{name}/apply", post(apply))
        .route("/v1/clusters/{name}/run", get(run))
        .route("/v1/clusters/{name}/spec", get(|| async { "cluster: dev\n" }))
        .route("/v1/clusters/{name}/certificates", get(|| async { Json(world::certificates()) }))
        .route("/v1/clusters/{name}/users/{user}/certificate", post(certificate))
        .route("/v1/clusters/{name}/nodes/{slot}/log", get(log))
        .route("/v1/stop-if-idle", post(stop_if_idle))
        .route("/v1/clusters/{name}/runs", get(|| async { Json(past_world::runs()) }))
        .route("/v1/clusters/{name}/runs/{run}", get(|| async { Json(past_world::run_detail()) }))
        .route("/v1/clusters/{name}/runs/{run}/{verb}", post(order_run))
        .route("/v1/clusters/{name}/history", get(|| async { Json(past_world::history()) }))
        .route("/v1/clusters/{name}/history/{target}/spec", get(spec_of))
        .route("/v1/clusters/{name}/diff", get(diff))
        .with_state(shared)
}

impl Shared {
    fn note(&self, what: &str, body: &impl Serialize) {
        let body = serde_json::to_string(body).expect("bodies are JSON");
        self.asked.lock().expect("no test panics with it").push((what.to_owned(), body));
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut World) -> T) -> T {
        use_it(&mut self.world.lock().expect("no test panics with it"))
    }
}

async fn clusters(State(shared): State<Arc<Shared>>) -> Json<Clusters> {
    let row = |status: &ClusterStatus| ClusterRow {
        name: status.name.clone(),
        id: status.id,
        target: status.target,
        want: status.want,
    };
    let clusters = shared.with(|world| world.clusters.iter().map(row).collect());
    Json(Clusters { klamm: "0.1.0".into(), clusters })
}

async fn cluster(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let found =
        shared.with(|world| world.clusters.iter().find(|status| status.name.as_str() == name).cloned());
    match found {
        Some(status) => Json(status).into_response(),
        None => {
            let failure = Failure {
                code: "klamm/cluster/unknown".into(),
                message: format!("there is no cluster {name}"),
                causes: vec![],
                hint: Some("`klamm up` makes one; `klamm list` shows those there are".into()),
            };
            (StatusCode::NOT_FOUND, Json(failure)).into_response()
        }
    }
}

async fn plan(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Json(request): Json<PlanRequest>,
) -> Json<PlanAnswer> {
    shared.note(&format!("plan {name}"), &request);
    Json(shared.with(|world| PlanAnswer {
        plan: world.plan.clone(),
        explanations: Vec::new(),
        warnings: world.warnings.clone(),
    }))
}

async fn apply(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Json(request): Json<ApplyRequest>,
) -> Response {
    shared.note(&format!("apply {name}"), &request);
    shared.with(|world| {
        world.clusters.extend(world.made.take());
        let known = world.clusters.iter_mut().find(|status| status.name.as_str() == name);
        known.into_iter().for_each(|status| status.want = request.request.want);
    });
    if shared.with(|world| std::mem::take(&mut world.busy)) {
        let failure = Failure {
            code: "klamm/run/busy".into(),
            message: format!("cluster {name}: another run is still going on"),
            causes: vec![],
            hint: None,
        };
        return (StatusCode::CONFLICT, Json(failure)).into_response();
    }
    let started = shared.with(|world| RunStarted {
        plan: world.plan.clone(),
        warnings: world.warnings.clone(),
        run: world.runs.first().and_then(|views| Some(views.last()?.run)),
    });
    Json(started).into_response()
}

async fn order_run(
    State(shared): State<Arc<Shared>>,
    Path((name, run, verb)): Path<(String, u64, String)>,
    Json(order): Json<RunOrder>,
) -> StatusCode {
    shared.note(&format!("{verb} {name} {run}"), &order);
    StatusCode::NO_CONTENT
}

async fn spec_of(Path((_, target)): Path<(String, u64)>) -> String {
    format!("cluster: dev\n# as it was in {target}\n")
}

async fn diff(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Json<TargetDiff> {
    shared.note("diff", &query);
    Json(past_world::diff())
}

async fn run(State(shared): State<Arc<Shared>>) -> Response {
    let views = shared.with(|world| if world.runs.is_empty() { vec![] } else { world.runs.remove(0) });
    let text: String = views
        .iter()
        .map(|view| format!("data: {}\n\n", serde_json::to_string(view).expect("a view is JSON")))
        .collect();
    ([("content-type", "text/event-stream")], text).into_response()
}

async fn certificate(
    State(shared): State<Arc<Shared>>,
    Path((name, user)): Path<(String, String)>,
    Json(asked): Json<UserCertificateRequest>,
) -> Json<UserCertificate> {
    let told = BTreeMap::from([
        ("purpose", asked.purpose.clone()),
        ("lifetime", format!("{:?}", asked.lifetime_seconds)),
    ]);
    shared.note(&format!("certificate {name} {user}"), &told);
    let request = CertificateRequest::parse_pem(&asked.request).expect("a request");
    let profile = Profile::User {
        cluster: name.parse().expect("a subject name"),
        name: user.parse().expect("a subject name"),
    };
    let lifetime = asked.lifetime_seconds.map_or(DAY * 90, Duration::from_secs);
    let validity = Validity::starting(Timestamp::now(), lifetime).expect("a life");
    let grant = Grant { profile, validity, serial: Serial::from_random([9; 16]) };
    let issued = shared.users.issue(&request, &grant).expect("a certificate");
    let (known_user, bootstrap) = shared.with(|world| (world.known_user, world.bootstrap.clone()));
    Json(UserCertificate {
        chain: issued.chain_pem,
        trust: shared.nodes.certificate_pem().to_owned(),
        bootstrap,
        not_after: issued.facts.not_after,
        known_user,
    })
}

async fn log(
    State(shared): State<Arc<Shared>>,
    Path((_, slot)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> String {
    shared.note(&format!("log {slot}"), &query);
    format!("first line of {slot}\nsecond line\n")
}

/// As the daemon: nobody can connect once it is asked to stop with nothing wanted up.
async fn stop_if_idle(State(shared): State<Arc<Shared>>, _body: Bytes) -> Json<IdleAnswer> {
    shared.note("stop-if-idle", &());
    let ends = shared.with(|world| world.clusters.iter().all(|status| status.want != Want::Up));
    if ends {
        std::fs::remove_file(&shared.socket).expect("it is there");
    }
    Json(IdleAnswer { ends })
}
