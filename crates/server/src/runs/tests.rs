//! Runs through the server's own doors, with a host that only reports.

use std::collections::{BTreeMap, BTreeSet};

use klamm_core::api::{PlanRequest, RunOrder};
use klamm_core::model::inventory::{HostFolders, HostReport};
use klamm_core::model::{ByteCount, Sha256};
use klamm_core::planner::Supply;

use super::orders::{abort, list, resume, show};
use super::*;
use crate::ServerOptions;

fn server(folder: &std::path::Path) -> Arc<Server> {
    let supply = Supply { lock: Sha256::of(b"lock"), jar: Sha256::of(b"jar"), java: vec![25] };
    let options =
        ServerOptions { folder: folder.to_owned(), supplies: BTreeMap::from([("4.3.1".to_owned(), supply)]) };
    let server = Server::open(options).unwrap();
    let report = HostReport {
        version: 1,
        name: "h1".into(),
        klamm: "0".into(),
        folders: HostFolders { state: "/s".into(), logs: "/l".into() },
        memory: ByteCount::gibibytes(16),
        processors: 4,
        address: "127.0.0.1".parse().unwrap(),
        advertised: "localhost".into(),
        ports_taken: BTreeSet::new(),
        clusters: BTreeMap::new(),
        refused: BTreeMap::new(),
    };
    server.hosts.take_report("h1".parse().unwrap(), report);
    server
}

fn dev() -> ClusterName {
    "dev".parse().unwrap()
}

fn wish(spec: &str) -> ApplyRequest {
    let request = PlanRequest::new(Want::Up, Some(spec.to_owned()), "klamm.yaml");
    ApplyRequest { request, actor: "alice".into(), why: None, shown: None }
}

fn order(actor: &str) -> RunOrder {
    RunOrder { actor: actor.into() }
}

async fn begun(server: &Arc<Server>) -> u64 {
    apply(server, &dev(), wish(klamm_spec::default_laptop())).await.unwrap().run.unwrap()
}

/// Waits until the run has published its first target.
async fn published(server: &Arc<Server>) {
    let record = crate::status::record(server, &dev()).await.unwrap();
    let waiting = async {
        let mut targets = server.hosts.published();
        while server.store.with(move |store| store.current_target(record.id)).await.unwrap().is_none() {
            targets.changed().await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.expect("a target is published");
}

#[tokio::test]
async fn a_run_is_aborted_and_resumed_and_can_be_aborted_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    let run = begun(&server).await;
    published(&server).await;
    for by in ["bob", "carol"] {
        abort(&server, &dev(), run, order(by)).await.unwrap();
        let detail = show(&server, &dev(), run).await.unwrap();
        assert_eq!(detail.row.state, RunState::Aborted { by: by.into() });
        assert!(matches!(abort(&server, &dev(), run, order(by)).await, Err(ServerError::RunEnded { .. })));
        resume(&server, &dev(), run, order("dave")).await.unwrap();
        let detail = show(&server, &dev(), run).await.unwrap();
        assert_eq!((detail.row.state, detail.view.state), (RunState::Running, RunState::Running));
    }
    let events = show(&server, &dev(), run).await.unwrap().journal;
    let events: Vec<String> = events.into_iter().map(|line| line.entry.event).collect();
    assert_eq!(
        events,
        [
            "begins a run of 3 steps: cluster up",
            "target 1 for create nodes-0, nodes-1, nodes-2",
            "aborted by bob",
            "resumed by dave",
            "aborted by carol",
            "resumed by dave"
        ]
    );
}

#[tokio::test]
async fn one_run_goes_on_at_a_time_and_an_overtaken_one_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    let first = begun(&server).await;
    published(&server).await;
    let second = apply(&server, &dev(), wish(klamm_spec::default_laptop())).await;
    assert!(matches!(second, Err(ServerError::Busy { run, .. }) if run == first), "{second:?}");
    abort(&server, &dev(), first, order("bob")).await.unwrap();
    let edited = format!("{}config: {{ num.io.threads: 3 }}\n", klamm_spec::default_laptop());
    let second = apply(&server, &dev(), wish(&edited)).await.unwrap().run.unwrap();
    abort(&server, &dev(), second, order("bob")).await.unwrap();
    let overtaken = resume(&server, &dev(), first, order("bob")).await;
    assert!(matches!(overtaken, Err(ServerError::RunOvertaken { .. })), "{overtaken:?}");
    resume(&server, &dev(), second, order("bob")).await.unwrap();
    let runs = list(&server, &dev()).await.unwrap().runs;
    assert_eq!(runs.iter().map(|row| row.run).collect::<Vec<_>>(), [second, first]);
}

#[tokio::test]
async fn another_plan_than_the_one_that_was_shown_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    let mut shown = wish(klamm_spec::default_laptop());
    let plan = crate::planning::preview(&server, &dev(), &shown.request).await.unwrap().plan;
    shown.shown = Some(klamm_core::model::plan::Plan { steps: vec![], ..plan.clone() });
    let refused = apply(&server, &dev(), shown.clone()).await;
    assert!(matches!(refused, Err(ServerError::PlanChanged(_))), "{refused:?}");
    assert_eq!(server.store.with(|store| store.clusters()).await.unwrap(), []);
    shown.shown = Some(plan);
    assert!(apply(&server, &dev(), shown).await.unwrap().run.is_some());
}
