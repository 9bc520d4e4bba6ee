//! Formatting and deleting, cut short at every write.

use std::collections::BTreeMap;

use super::*;
use crate::crash::at_every_write;
use klamm_core::model::DirectoryId;
use klamm_disk::RealDisk;

fn host() -> HostId {
    "h1".parse().unwrap()
}

fn slot() -> SlotName {
    "brokers-0".parse().unwrap()
}

fn owner<'a>(slot: &'a SlotName, host: &'a HostId) -> Owner<'a> {
    let cluster = ClusterId::from_random([3; 16]);
    Owner { cluster, slot, node_id: NodeId(1), host, claim: Epoch(1) }
}

fn contents() -> BTreeMap<&'static str, Vec<u8>> {
    let id = ClusterId::from_random([3; 16]);
    let directory = DirectoryId::from_random([4; 16]);
    let meta = format!("version=1\ncluster.id={id}\nnode.id=1\ndirectory.id={directory}\n");
    BTreeMap::from([
        ("__cluster_metadata-0/00000000000000000000-0000000000.checkpoint", b"checkpoint".to_vec()),
        ("bootstrap.checkpoint", b"bootstrap".to_vec()),
        (MetaProperties::FILE, meta.into_bytes()),
    ])
}

fn directory(folder: &Path) -> DataDirectory {
    let seeds = contents().into_iter().map(|(path, content)| (path.to_owned(), Sha256::of(&content)));
    DataDirectory {
        path: folder.join("data/brokers-0").display().to_string(),
        id: DirectoryId::from_random([4; 16]),
        seeds: seeds.collect(),
    }
}

fn lookup(digest: Sha256) -> Option<Vec<u8>> {
    contents().into_values().find(|content| Sha256::of(content) == digest)
}

fn format_at(disk: &dyn Disk, folder: &Path) -> Result<(), FillError> {
    let (slot, host) = (slot(), host());
    format(disk, &[directory(folder)], owner(&slot, &host), &lookup)
}

fn is_ours(folder: &Path) -> bool {
    let (slot, host) = (slot(), host());
    is_own(&RealDisk, &directory(folder), owner(&slot, &host)).unwrap()
}

#[test]
fn formatting_that_was_cut_short_anywhere_goes_on_and_is_never_taken_for_foreign() {
    let writes = at_every_write(
        |folder, disk| format_at(disk, folder).is_ok(),
        |folder| {
            let found = inspect(&RealDisk, &directory(folder)).unwrap();
            let known = matches!(
                found,
                DirectoryFacts::Empty | DirectoryFacts::HalfFormatted | DirectoryFacts::Formatted { .. }
            );
            assert!(known, "{found:?}");
            format_at(&RealDisk, folder).unwrap();
            for (path, content) in contents() {
                let path = folder.join("data/brokers-0").join(path);
                assert_eq!(RealDisk.read_file(&path).unwrap(), Some(content), "{}", path.display());
            }
            assert!(matches!(
                inspect(&RealDisk, &directory(folder)).unwrap(),
                DirectoryFacts::Formatted { node: NodeId(1), claim: Some(_), .. }
            ));
        },
    );
    assert_eq!(writes, 4);
}

#[test]
fn deleting_that_was_cut_short_anywhere_leaves_what_is_still_known_as_the_slots_own() {
    at_every_write(
        |folder, disk| {
            format_at(&RealDisk, folder).unwrap();
            RealDisk.replace_file(&folder.join("data/brokers-0/orders-0/0.log"), b"records").unwrap();
            delete(disk, &directory(folder)).is_ok()
        },
        |folder| {
            let there = RealDisk.exists(&folder.join("data/brokers-0")).unwrap();
            assert_eq!(is_ours(folder), there, "what is left is not known");
            delete(&RealDisk, &directory(folder)).unwrap();
            assert!(!RealDisk.exists(&folder.join("data/brokers-0")).unwrap());
        },
    );
}

#[test]
fn a_formatted_directory_is_claimed_anew_and_its_seeds_are_never_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/brokers-0");
    format_at(&RealDisk, folder.path()).unwrap();
    RealDisk.replace_file(&path.join("bootstrap.checkpoint"), b"Kafka went on").unwrap();
    let (slot, other) = (slot(), "h2".parse().unwrap());
    let newer = Owner { claim: Epoch(2), ..owner(&slot, &other) };
    format(&RealDisk, &[directory(folder.path())], newer, &|_| None).unwrap();
    let kept = RealDisk.read_file(&path.join("bootstrap.checkpoint")).unwrap();
    assert_eq!(kept.as_deref(), Some(b"Kafka went on".as_slice()));
    let DirectoryFacts::Formatted { claim, .. } = inspect(&RealDisk, &directory(folder.path())).unwrap()
    else {
        panic!("it is formatted")
    };
    assert_eq!(claim, Some(Claim { owner: other, epoch: Epoch(2) }));
}

#[test]
fn what_somebody_else_keeps_in_a_directory_is_foreign_and_not_the_slots_to_delete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/brokers-0");
    RealDisk.replace_file(&path.join("photos/cat.jpg"), b"cat").unwrap();
    assert!(matches!(
        inspect(&RealDisk, &directory(folder.path())).unwrap(),
        DirectoryFacts::Foreign { found } if found.contains("photos")
    ));
    assert!(!is_ours(folder.path()));
    format_at(&RealDisk, folder.path()).unwrap();
    let (slot, host) = (slot(), host());
    let other = Owner { node_id: NodeId(2), ..owner(&slot, &host) };
    assert!(!is_own(&RealDisk, &directory(folder.path()), other).unwrap(), "of another node");
}
