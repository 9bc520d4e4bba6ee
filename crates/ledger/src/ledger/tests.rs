//! The ledger across crashes, damage and older commands.

use std::collections::BTreeMap;

use super::*;
use crate::crash::at_every_write;
use klamm_core::model::inventory::HostFolders;
use klamm_core::model::target::{HostSlice, TARGET_VERSION, Target};
use klamm_core::model::{Epoch, HostId, NodeId, TargetNumber};
use klamm_core::signature::SigningKey;
use klamm_disk::RealDisk;

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn host() -> HostId {
    "h1".parse().unwrap()
}

fn cluster() -> ClusterId {
    ClusterId::from_random([7; 16])
}

fn deliver(number: u64, epoch: u64) -> Delivery {
    let name: klamm_core::model::ClusterName = "dev".parse().unwrap();
    let slice = HostSlice::empty(cluster(), name.clone());
    let target = Target {
        version: TARGET_VERSION,
        cluster: cluster(),
        name,
        number: TargetNumber(number),
        parent: None,
        spec: Sha256::of(b"spec"),
        next_node_id: NodeId(1),
        holdings: Default::default(),
        slices: BTreeMap::from([(host(), slice.clone())]),
    };
    let slice = String::from_utf8(slice.to_bytes()).unwrap();
    Delivery { signed: key().sign(&target.root(Epoch(epoch))), slice }
}

fn open_with(folder: &Path, key: &SigningKey) -> Opened {
    let folders = HostFolders { state: "/var/lib/klamm".into(), logs: "/var/log/klamm".into() };
    let terms = Terms { key: key.verifying_key(), host: host(), folders };
    Ledger::open(&RealDisk, folder.join("ledger"), terms).unwrap()
}

fn open(folder: &Path) -> Ledger {
    let opened = open_with(folder, &key());
    assert!(opened.passed_over.is_empty(), "{:?}", opened.passed_over);
    opened.ledger
}

fn number(ledger: &Ledger) -> Option<u64> {
    ledger.cluster(cluster()).map(|admitted| admitted.root.number.0)
}

#[test]
fn a_target_that_was_being_stored_is_there_or_the_one_before_is_and_what_was_formatted_stays_known() {
    let slot: SlotName = "brokers-0".parse().unwrap();
    at_every_write(
        |folder, disk| {
            let mut ledger = open(folder);
            ledger.obey(&RealDisk, deliver(1, 1)).unwrap();
            let noted = ledger.note_formatted(disk, cluster(), &slot);
            if noted.is_err() {
                assert!(!ledger.was_formatted(cluster(), &slot), "told before it is durable");
                return false;
            }
            let obeyed = ledger.obey(disk, deliver(2, 1));
            assert_eq!(
                number(&ledger),
                Some(if obeyed.is_ok() { 2 } else { 1 }),
                "acted upon before it is durable"
            );
            obeyed.is_ok()
        },
        |folder| {
            let mut ledger = open(folder);
            let (number, formatted) = (number(&ledger), ledger.was_formatted(cluster(), &slot));
            assert!(matches!((number, formatted), (Some(1), _) | (Some(2), true)), "{number:?} {formatted}");
            ledger.obey(&RealDisk, deliver(2, 1)).unwrap();
            assert_eq!(ledger.was_formatted(cluster(), &slot), formatted);
        },
    );
}

#[test]
fn a_refused_target_is_remembered_until_one_is_obeyed_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path());
    ledger.obey(&RealDisk, deliver(2, 5)).unwrap();
    ledger.obey(&RealDisk, deliver(3, 4)).unwrap_err();
    let refused = &ledger.refused()[&cluster()];
    assert_eq!((refused.epoch, refused.number), (Epoch(4), TargetNumber(3)));
    assert!(refused.reason.contains("epoch 4 is older than epoch 5"), "{}", refused.reason);
    assert_eq!(number(&ledger), Some(2));
    ledger.obey(&RealDisk, deliver(3, 6)).unwrap();
    assert!(ledger.refused().is_empty());
}

#[test]
fn a_damaged_page_and_one_of_another_server_are_passed_over_and_told() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).obey(&RealDisk, deliver(1, 1)).unwrap();
    let page = folder.path().join(format!("ledger/{}.json", cluster()));
    std::fs::write(folder.path().join("ledger/other.json"), b"{\"version\": 1, \"deli").unwrap();
    let opened = open_with(folder.path(), &key());
    assert_eq!((number(&opened.ledger), opened.passed_over.len()), (Some(1), 1));
    let foreign = open_with(folder.path(), &SigningKey::from_seed(&[2; 32]));
    assert_eq!((number(&foreign.ledger), foreign.passed_over.len()), (None, 2));
    let newer = String::from_utf8(std::fs::read(&page).unwrap()).unwrap();
    std::fs::write(&page, newer.replacen("\"version\": 1", "\"version\": 2", 1)).unwrap();
    let opened = open_with(folder.path(), &key());
    assert!(opened.passed_over.iter().any(|page| matches!(page.error, LedgerError::Newer { found: 2, .. })));
}
