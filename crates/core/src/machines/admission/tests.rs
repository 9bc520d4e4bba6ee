//! Old, foreign, tampered and doubled targets.

use std::collections::BTreeMap;

use super::*;
use crate::model::NodeId;
use crate::model::target::{TARGET_VERSION, Target};
use crate::signature::SigningKey;

fn host() -> HostId {
    "h1".parse().unwrap()
}

fn terms(key: VerifyingKey) -> Terms {
    let folders = HostFolders { state: "/var/lib/klamm".into(), logs: "/var/log/klamm".into() };
    Terms { key, host: host(), folders }
}

fn target(number: u64, spec: &[u8]) -> Target {
    let cluster = ClusterId::from_random([7; 16]);
    let name: crate::model::ClusterName = "dev".parse().unwrap();
    Target {
        version: TARGET_VERSION,
        cluster,
        name: name.clone(),
        number: TargetNumber(number),
        parent: None,
        spec: Sha256::of(spec),
        next_node_id: NodeId(1),
        holdings: Default::default(),
        slices: BTreeMap::from([(host(), HostSlice::empty(cluster, name))]),
    }
}

fn deliver(target: &Target, epoch: u64, key: &SigningKey) -> Delivery {
    let slice = String::from_utf8(target.slices[&host()].to_bytes()).unwrap();
    Delivery { signed: key.sign(&target.root(Epoch(epoch))), slice }
}

fn held(target: &Target, epoch: u64) -> Held {
    Held { epoch: Epoch(epoch), number: target.number, root: target.root(Epoch(epoch)) }
}

#[test]
fn a_newer_number_or_epoch_is_obeyed_and_an_older_one_is_not() {
    let key = SigningKey::from_seed(&[1; 32]);
    let verifying = key.verifying_key();
    let offer = |number, epoch, held: Option<Held>| {
        admit(&deliver(&target(number, b"a"), epoch, &key), &terms(verifying.clone()), |_| held)
    };
    assert!(offer(1, 1, None).is_ok());
    assert!(offer(3, 2, Some(held(&target(2, b"a"), 2))).is_ok());
    assert!(offer(2, 3, Some(held(&target(2, b"a"), 2))).is_ok(), "the same body under a newer epoch");
    assert!(matches!(offer(3, 1, Some(held(&target(2, b"a"), 2))), Err(Refusal::OldEpoch { .. })));
    assert!(matches!(offer(1, 2, Some(held(&target(2, b"a"), 2))), Err(Refusal::OldNumber { .. })));
}

#[test]
fn another_body_under_the_same_number_is_refused() {
    let key = SigningKey::from_seed(&[1; 32]);
    let offered = deliver(&target(2, b"b"), 2, &key);
    let verdict = admit(&offered, &terms(key.verifying_key()), |_| Some(held(&target(2, b"a"), 2)));
    assert!(matches!(verdict, Err(Refusal::OtherBody { .. })));
}

#[test]
fn a_foreign_signature_a_changed_root_and_a_changed_slice_are_refused() {
    let key = SigningKey::from_seed(&[1; 32]);
    let good = deliver(&target(1, b"a"), 1, &key);
    let foreign = SigningKey::from_seed(&[2; 32]).verifying_key();
    assert!(matches!(admit(&good, &terms(foreign), |_| None), Err(Refusal::Signature(_))));

    let mut changed = good.clone();
    changed.signed.root = changed.signed.root.replace("\"number\":1", "\"number\":9");
    assert!(matches!(admit(&changed, &terms(key.verifying_key()), |_| None), Err(Refusal::Signature(_))));

    let mut changed = good;
    changed.slice = changed.slice.replace("dev", "dew");
    assert!(matches!(
        admit(&changed, &terms(key.verifying_key()), |_| None),
        Err(Refusal::SliceDigest { .. })
    ));
}
