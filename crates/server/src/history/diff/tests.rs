//! What a person reads of a change, and that nothing is said of what is the same.

use klamm_core::model::target::{HostSlice, TARGET_VERSION};
use klamm_core::model::{ClusterId, ClusterName, Epoch, NodeId, SlotName, TargetNumber};

use super::*;

fn texts() -> Texts {
    let texts =
        ["cluster: dev\n", "cluster: dev\nconfig: {}\n", "a=1\nb=2\nc=3\n", "a=1\nb=4\nc=3\n", "pem\n"];
    texts.into_iter().map(|text| (Sha256::of(text.as_bytes()), text.to_owned())).collect()
}

fn slot(ordinal: u32) -> SlotName {
    format!("nodes-{ordinal}").parse().unwrap()
}

fn target(number: u64, spec: &str, properties: &str, slots: u32) -> Target {
    let cluster = ClusterId::from_random([4; 16]);
    let name: ClusterName = "dev".parse().unwrap();
    let digest = |text: &str| Sha256::of(text.as_bytes());
    let mut slice = HostSlice::empty(cluster, name.clone());
    for ordinal in 0..slots {
        let target = SlotTarget {
            identity: SlotIdentity {
                node_id: NodeId(ordinal + 1),
                claim: Epoch(1),
                directories: vec![],
                listeners: BTreeMap::new(),
            },
            run: RunState::Running,
            process: ProcessTarget {
                kafka: "4.3.1".into(),
                lock: digest("lock"),
                jar: digest("jar"),
                java: vec![25, 21],
                jvm_options: vec!["-Xmx1g".into(), "-Xms1g".into()],
                main_class: "kafka.Kafka".into(),
                arguments: vec![],
                generation: 0,
            },
            files: BTreeMap::from([("config/server.properties".to_owned(), digest(properties))]),
            launched_with: BTreeMap::new(),
            made_from: None,
            credential: CredentialTarget {
                dns_names: BTreeSet::from(["localhost".to_owned()]),
                addresses: BTreeSet::new(),
                lifetime_seconds: 90 * 24 * 3600,
                trust_nodes: digest("pem\n"),
                trust_users: digest("pem\n"),
            },
        };
        slice.slots.insert(slot(ordinal), target);
    }
    Target {
        version: TARGET_VERSION,
        cluster,
        name,
        number: TargetNumber(number),
        parent: None,
        spec: digest(spec),
        next_node_id: NodeId(4),
        holdings: Default::default(),
        slices: BTreeMap::from([("h1".parse().unwrap(), slice)]),
    }
}

#[test]
fn an_edited_file_is_a_unified_diff_and_the_same_target_differs_in_nothing() {
    let before = target(3, "cluster: dev\n", "a=1\nb=2\nc=3\n", 1);
    let after = target(4, "cluster: dev\nconfig: {}\n", "a=1\nb=4\nc=3\n", 1);
    assert_eq!(texts_wanted(Some(&before), &after).len(), 4, "what is the same is not fetched");
    let found = diff(Some(&before), &after, &texts());
    assert_eq!(found.spec.as_deref(), Some("@@ -1 +1,2 @@\n cluster: dev\n+config: {}\n"));
    let what = "config/server.properties".to_owned();
    let text = "@@ -1,3 +1,3 @@\n a=1\n-b=2\n+b=4\n c=3\n".to_owned();
    assert_eq!(found.changed, BTreeMap::from([(slot(0), vec![Change::Text { what, diff: text }])]));

    let same = diff(Some(&before), &Target { number: TargetNumber(9), ..before.clone() }, &texts());
    let nothing = TargetDiff {
        from: Some(TargetNumber(3)),
        to: TargetNumber(9),
        spec: None,
        added: BTreeSet::new(),
        removed: BTreeSet::new(),
        changed: BTreeMap::new(),
    };
    assert_eq!(same, nothing);
}

#[test]
fn values_and_lists_are_told_by_name() {
    let before = target(3, "cluster: dev\n", "a=1\nb=2\nc=3\n", 1);
    let mut after = before.clone();
    let changed = after.slices.values_mut().next().unwrap().slots.get_mut(&slot(0)).unwrap();
    changed.run = RunState::Stopped;
    changed.process.jvm_options[0] = "-Xmx2g".into();
    let found = diff(Some(&before), &after, &texts());
    let value = |what: &str, before: &str, after: &str| Change::Value {
        what: what.into(),
        before: before.into(),
        after: after.into(),
    };
    let diff = "@@ -1,2 +1,2 @@\n--Xmx1g\n+-Xmx2g\n -Xms1g\n".to_owned();
    let expected =
        vec![value("run state", "running", "stopped"), Change::Text { what: "JVM options".into(), diff }];
    assert_eq!(found.changed, BTreeMap::from([(slot(0), expected)]));
}

#[test]
fn slots_that_come_and_go_are_named_and_the_first_target_adds_all() {
    let (small, large) = (
        target(1, "cluster: dev\n", "a=1\nb=2\nc=3\n", 1),
        target(2, "cluster: dev\n", "a=1\nb=2\nc=3\n", 3),
    );
    let grown = diff(Some(&small), &large, &texts());
    assert_eq!((grown.added, grown.removed), (BTreeSet::from([slot(1), slot(2)]), BTreeSet::new()));
    let shrunk = diff(Some(&large), &small, &texts());
    assert_eq!((shrunk.added, shrunk.removed), (BTreeSet::new(), BTreeSet::from([slot(1), slot(2)])));
    let first = diff(None, &small, &texts());
    assert_eq!((first.from, first.added), (None, BTreeSet::from([slot(0)])));
    assert_eq!(first.spec.as_deref(), Some("@@ -0,0 +1 @@\n+cluster: dev\n"));
}
