//! When a daemon that was asked to end does so.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use klamm_core::api::{RunState, RunView, Want};
use klamm_core::model::{ClusterId, Sha256};

use klamm_store::{ClusterRecord, Intent};

use crate::{Contact, Server, ServerOptions};

/// A server of one cluster with its newest run.
async fn server_of(want: Want, run: RunState) -> (Arc<Server>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions { folder: folder.path().to_owned(), supplies: BTreeMap::new() };
    let server = Server::open(options).unwrap();
    let (id, name) = (ClusterId::from_random([1; 16]), "other".parse().unwrap());
    let state = server.clusters.state(id, &name).await.unwrap();
    let record = ClusterRecord { id, name: name.clone(), want, spec: Sha256::of(b"spec") };
    let intent = Intent { record, blobs: BTreeMap::new(), run: None };
    server.store.with(move |store| store.begin(intent, Timestamp::UNIX_EPOCH)).await.unwrap();
    state.run.send_replace(Some(RunView {
        run: 1,
        cluster: name,
        state: run,
        steps: vec![],
        slots: BTreeMap::new(),
        started: Timestamp::UNIX_EPOCH,
    }));
    (server, folder)
}

#[tokio::test]
async fn a_daemon_stays_while_a_cluster_is_wanted_up_or_still_goes_down() {
    for (want, run, ends) in [
        (Want::Up, RunState::Done, false),
        (Want::Down, RunState::Running, false),
        (Want::Destroyed, RunState::Running, false),
        (Want::Down, RunState::Done, true),
        (Want::Down, RunState::Failed { reason: "nodes-0 does not stop".into() }, true),
    ] {
        let told = format!("{want:?} {run:?}");
        let (server, _folder) = server_of(want, run).await;
        assert_eq!(server.stop_if_idle(0).await.unwrap(), ends, "{told}");
        assert_eq!(*server.stopping.borrow(), ends, "{told}");
    }
}

#[tokio::test]
async fn a_daemon_does_not_end_under_somebody_who_asks() {
    let (server, _folder) = server_of(Want::Down, RunState::Done).await;
    for other in [Some(7), None] {
        let (first, second) = (server.visitors.enter(other), server.visitors.enter(Some(8)));
        assert!(!server.stop_if_idle(1).await.unwrap());
        drop(first);
        server.visitors.at_most(1).await;
        assert!(server.stop_if_idle(1).await.unwrap());
        drop(second);
    }
}

#[tokio::test]
async fn the_connections_of_one_process_are_one_visitor() {
    let (server, _folder) = server_of(Want::Down, RunState::Done).await;
    let (first, second) = (server.visitors.enter(Some(7)), server.visitors.enter(Some(7)));
    assert!(!server.stop_if_idle(0).await.unwrap());
    drop(first);
    assert!(!server.stop_if_idle(0).await.unwrap(), "its second connection is open");
    assert!(server.stop_if_idle(1).await.unwrap());
    drop(second);
    server.visitors.at_most(0).await;
}

#[tokio::test]
async fn a_server_that_hosts_join_does_not_end_because_nothing_is_wanted() {
    let (server, _folder) = server_of(Want::Down, RunState::Done).await;
    let contact = Contact { url: "https://10.0.0.5:7420".into(), names: vec![], addresses: vec![] };
    server.contact.set(contact).unwrap();
    assert!(!server.stop_if_idle(0).await.unwrap());
}
