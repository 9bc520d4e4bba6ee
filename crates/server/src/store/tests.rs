//! Durability, compare-and-set, and refusal of what is newer.

use std::collections::BTreeMap;

use klamm_core::model::target::TARGET_VERSION;
use klamm_core::model::{NodeId, TargetNumber};

use super::*;

fn target(number: u64) -> Target {
    Target {
        version: TARGET_VERSION,
        cluster: ClusterId::from_random([1; 16]),
        name: "dev".parse().unwrap(),
        number: TargetNumber(number),
        parent: None,
        spec: Sha256::of(b"spec"),
        next_node_id: NodeId(1),
        slices: BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_target_becomes_current_only_if_its_parent_is() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(&folder.path().join("store.db")).unwrap();
    store.publish(&target(1)).await.unwrap();
    store.publish(&target(2)).await.unwrap();
    let doubled = store.publish(&target(2)).await;
    assert!(matches!(doubled, Err(StoreError::NotCurrent { .. })), "{doubled:?}");
    assert_eq!(store.current_target(target(1).cluster).await.unwrap(), Some(target(2)));
}

#[tokio::test]
async fn each_start_has_a_higher_epoch_and_finds_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, first) = Store::open(&path).unwrap();
    store.publish(&target(1)).await.unwrap();
    drop(store);
    let (store, second) = Store::open(&path).unwrap();
    assert!(second > first);
    assert_eq!(store.current_target(target(1).cluster).await.unwrap(), Some(target(1)));
}

#[test]
fn a_newer_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(Store::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 99, .. })));
}
