//! Durability, atomicity, compare-and-set, the fence, and refusal of what is newer.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;

use klamm_core::api::Want;
use klamm_core::model::plan::Plan;
use klamm_core::model::run::{JournalEntry, Run, RunState};
use klamm_core::model::target::{TARGET_VERSION, Target};
use klamm_core::model::{ClusterId, NodeId, Sha256, TargetNumber};

use crate::{ClusterRecord, Intent, Issued, NewRun, Store, StoreError};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn cluster() -> ClusterId {
    ClusterId::from_random([1; 16])
}

fn child_of(parent: Option<&Target>) -> Target {
    Target {
        version: TARGET_VERSION,
        cluster: cluster(),
        name: "dev".parse().unwrap(),
        number: TargetNumber(parent.map_or(0, |parent| parent.number.0) + 1),
        parent: parent.map(Target::digest),
        spec: Sha256::of(b"spec"),
        next_node_id: NodeId(1),
        holdings: Default::default(),
        slices: BTreeMap::new(),
    }
}

fn entry(event: &str) -> JournalEntry {
    JournalEntry { cluster: cluster(), run: None, actor: "alice".into(), event: event.into() }
}

fn intent(from: Option<TargetNumber>, goal: Target) -> Intent {
    let spec = Sha256::of(b"spec");
    let plan = Plan { cluster: "dev".parse().unwrap(), from, steps: vec![], notes: vec![] };
    Intent {
        record: ClusterRecord { id: cluster(), name: "dev".parse().unwrap(), want: Want::Up, spec },
        blobs: BTreeMap::from([(spec, b"spec".to_vec())]),
        run: Some(NewRun { actor: "alice".into(), event: "begins".into(), plan, goal }),
    }
}

fn events(store: &mut Store) -> Vec<String> {
    store.journal(cluster()).unwrap().into_iter().map(|line| line.entry.event).collect()
}

fn schema_of(path: &Path) -> u32 {
    Connection::open(path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_target_becomes_current_only_if_its_parent_is() {
    let mut store = Store::in_memory().unwrap();
    let first = child_of(None);
    let second = child_of(Some(&first));
    store.publish(&first, &entry("first"), at(1)).unwrap();
    let other = Target { next_node_id: NodeId(9), ..child_of(None) };
    let orphan = child_of(Some(&other));
    let refused = store.publish(&orphan, &entry("of another parent"), at(2));
    assert!(matches!(refused, Err(StoreError::NotCurrent { .. })), "{refused:?}");
    store.publish(&second, &entry("second"), at(2)).unwrap();
    let doubled = store.publish(&second, &entry("again"), at(3));
    assert!(matches!(doubled, Err(StoreError::NotCurrent { .. })), "{doubled:?}");

    assert_eq!(store.current_target(cluster()).unwrap(), Some(second));
    assert_eq!(store.target(cluster(), TargetNumber(1)).unwrap().as_ref(), Some(&first));
    assert_eq!(events(&mut store), ["first", "second"], "what was refused left no line");
    let history = store.targets(cluster()).unwrap();
    assert_eq!(history.iter().map(|record| record.number.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((history[1].parent, history[1].at), (Some(first.digest()), at(2)));
    assert_eq!(history[1].entry, Some(entry("second")));
}

#[test]
fn what_is_wanted_the_blobs_and_the_run_begin_together_or_not_at_all() {
    let mut store = Store::in_memory().unwrap();
    let stale = store.begin(intent(Some(TargetNumber(4)), child_of(None)), at(1));
    assert!(matches!(stale, Err(StoreError::NotCurrent { .. })), "{stale:?}");
    assert_eq!(store.clusters().unwrap(), []);
    assert_eq!(store.blob(Sha256::of(b"spec")).unwrap(), None);
    assert_eq!(events(&mut store), Vec::<String>::new());

    let run = store.begin(intent(None, child_of(None)), at(1)).unwrap().unwrap();
    assert_eq!(store.clusters().unwrap().len(), 1);
    assert_eq!(store.blob(Sha256::of(b"spec")).unwrap().as_deref(), Some(&b"spec"[..]));
    assert_eq!(store.latest_run(cluster()).unwrap().as_ref(), Some(&run));
    assert_eq!(events(&mut store), ["begins"]);
}

#[test]
fn one_run_of_a_cluster_goes_on_at_a_time() {
    let mut store = Store::in_memory().unwrap();
    let first = store.begin(intent(None, child_of(None)), at(1)).unwrap().unwrap();
    let second = store.begin(intent(None, child_of(None)), at(2));
    assert!(matches!(second, Err(StoreError::RunGoesOn { run, .. }) if run == first.id), "{second:?}");
    let ended = RunState::Aborted { by: "bob".into() };
    store.advance(first.id, 0, &ended, Some(&entry("aborted by bob")), at(3)).unwrap();
    let second = store.begin(intent(None, child_of(None)), at(4)).unwrap().unwrap();
    assert!(second.id > first.id);
    assert_eq!(store.run(first.id).unwrap(), Some(Run { state: ended, changed: at(3), ..first.clone() }));
    let runs = store.runs(cluster()).unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [first.id, second.id]);
    assert_eq!(events(&mut store), ["begins", "aborted by bob", "begins"]);
}

#[test]
fn each_start_has_a_higher_epoch_and_finds_what_the_last_commit_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut store = Store::open(&path).unwrap();
    let first = store.raise_epoch().unwrap();
    store.publish(&child_of(None), &entry("first"), at(1)).unwrap();
    // A crash in the middle of a transaction: nothing is closed, and the file is what it was after the last commit.
    let begun = Connection::open(&path).unwrap();
    begun.execute_batch("BEGIN IMMEDIATE; DELETE FROM targets;").unwrap();
    std::mem::forget(store);
    drop(begun);
    let mut store = Store::open(&path).unwrap();
    assert!(store.raise_epoch().unwrap() > first);
    assert_eq!(store.current_target(cluster()).unwrap(), Some(child_of(None)));
    assert_eq!(events(&mut store), ["first"]);
}

#[test]
fn a_server_that_was_superseded_writes_nothing_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut old = Store::open(&path).unwrap();
    old.raise_epoch().unwrap();
    let mut new = Store::open(&path).unwrap();
    new.raise_epoch().unwrap();
    let refused = old.publish(&child_of(None), &entry("late"), at(1));
    assert!(matches!(refused, Err(StoreError::Superseded { .. })), "{refused:?}");
    let refused = old.begin(intent(None, child_of(None)), at(1));
    assert!(matches!(refused, Err(StoreError::Superseded { .. })), "{refused:?}");
    new.publish(&child_of(None), &entry("first"), at(2)).unwrap();
    assert_eq!(old.current_target(cluster()).unwrap(), Some(child_of(None)), "it may still read");
}

#[test]
fn a_newer_store_is_refused_with_the_way_back_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(Store::open(&path).unwrap());
    let known = schema_of(&path);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = Store::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 99, backup: None, .. }), "{refused:?}");
    let backup = folder.path().join(format!("store.schema-{known}.backup"));
    std::fs::write(&backup, b"a copy").unwrap();
    let refused = Store::open(&path).unwrap_err();
    assert!(refused.to_string().contains(&backup.display().to_string()), "{refused}");
    assert_eq!(schema_of(&path), 99);
}

#[test]
fn an_older_store_is_migrated_with_a_copy_of_it_beside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(crate::schema::MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    let body = serde_json::to_string(&child_of(None)).unwrap();
    let row = (cluster().to_string(), 1, body, at(1).to_string());
    old.execute("INSERT INTO targets (cluster, number, body, at) VALUES (?1, ?2, ?3, ?4)", row).unwrap();
    drop(old);
    let mut store = Store::open(&path).unwrap();
    let history = store.targets(cluster()).unwrap();
    assert_eq!((history.len(), history[0].entry.as_ref()), (1, None));
    assert_eq!(schema_of(&folder.path().join("store.schema-1.backup")), 1);
    assert!(schema_of(&path) > 1);
}

#[test]
fn a_destroyed_cluster_is_forgotten_and_its_journal_stays() {
    let mut store = Store::in_memory().unwrap();
    let run = store.begin(intent(None, child_of(None)), at(1)).unwrap().unwrap();
    store.publish(&child_of(None), &entry("first"), at(2)).unwrap();
    store.advance(run.id, 1, &RunState::Done, Some(&entry("done")), at(3)).unwrap();
    store.forget_cluster(cluster()).unwrap();
    assert_eq!(store.clusters().unwrap(), []);
    assert_eq!(store.current_target(cluster()).unwrap(), None);
    assert_eq!(events(&mut store), ["begins", "first", "done"]);
}

#[test]
fn the_issuance_log_forgets_what_expired_long_ago() {
    let mut store = Store::in_memory().unwrap();
    let issued = |serial: &str, not_after| Issued {
        serial: serial.into(),
        cluster: Some(cluster()),
        kind: "user".into(),
        subject: "CN=alice".into(),
        issuer: "CN=users".into(),
        not_before: at(0),
        not_after,
        purpose: "klamm produce".into(),
    };
    const DAY: i64 = 24 * 3600;
    store.record_issued(&issued("a", at(600)), at(0)).unwrap();
    store.record_issued(&issued("b", at(60 * DAY)), at(DAY)).unwrap();
    let serials = |store: &mut Store, now| -> Vec<String> {
        store.issued(Some(cluster()), now).unwrap().into_iter().map(|issued| issued.serial).collect()
    };
    assert_eq!(serials(&mut store, at(1)), ["a", "b"]);
    assert_eq!(serials(&mut store, at(DAY)), ["b"]);
    store.record_issued(&issued("c", at(60 * DAY)), at(40 * DAY)).unwrap();
    assert_eq!(serials(&mut store, at(1)), ["b", "c"], "the first one is no longer there at all");
}
