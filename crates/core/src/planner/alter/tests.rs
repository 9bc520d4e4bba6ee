//! Edits of brokers that keep what they are told, as Kafka does.

use super::*;

/// Brokers as Kafka has them: the file of the start, then what was altered.
struct Brokers {
    files: BTreeMap<NodeId, BTreeMap<String, String>>,
    of_cluster: BTreeMap<String, String>,
    of_brokers: BTreeMap<NodeId, BTreeMap<String, String>>,
}

impl Brokers {
    fn started_with(files: &[(u32, &str, &str)]) -> Self {
        let mut all: BTreeMap<NodeId, BTreeMap<String, String>> = BTreeMap::new();
        for (id, key, value) in files {
            let file = all.entry(NodeId(*id)).or_default();
            if !value.is_empty() {
                file.insert((*key).to_owned(), (*value).to_owned());
            }
        }
        Self { files: all, of_cluster: BTreeMap::new(), of_brokers: BTreeMap::new() }
    }

    fn view(&self, keys: &[&str]) -> KafkaView {
        let setting = |id: &NodeId, key: &str| {
            let started_with = self.files[id].get(key).cloned();
            let of_cluster = self.of_cluster.get(key).cloned();
            let of_broker = self.of_brokers.get(id).and_then(|own| own.get(key)).cloned();
            let in_force = of_broker.clone().or(of_cluster.clone()).or(started_with.clone());
            BrokerSetting { in_force, started_with, of_cluster, of_broker }
        };
        let broker_config = self
            .files
            .keys()
            .map(|id| (*id, keys.iter().map(|key| ((*key).to_owned(), setting(id, key))).collect()));
        KafkaView {
            broker_config: broker_config.collect(),
            cluster_config: self.of_cluster.clone(),
            ..KafkaView::default()
        }
    }

    /// Edits until nothing is left; gives each round's edits.
    fn settle(&mut self, settings: &BTreeMap<String, LiveSetting>) -> Vec<Edits> {
        let keys: Vec<&str> = settings.keys().map(String::as_str).collect();
        let mut rounds = Vec::new();
        loop {
            let edits = edits(settings, &self.view(&keys));
            if edits.is_empty() {
                assert_eq!(reason_not_in_force(settings, &self.view(&keys)), None);
                return rounds;
            }
            assert!(rounds.len() < 10, "the edits have no end: {rounds:?}");
            apply(&mut self.of_cluster, &edits.of_cluster);
            for (id, edits) in &edits.of_brokers {
                apply(self.of_brokers.entry(*id).or_default(), edits);
            }
            rounds.push(edits);
        }
    }
}

fn apply(settings: &mut BTreeMap<String, String>, edits: &BTreeMap<String, Option<String>>) {
    for (key, edit) in edits {
        match edit {
            Some(value) => settings.insert(key.clone(), value.clone()),
            None => settings.remove(key),
        };
    }
}

fn wanted(scope: LiveScope, key: &str, values: &[(u32, Option<&str>)]) -> BTreeMap<String, LiveSetting> {
    let values = values.iter().map(|(id, value)| (NodeId(*id), value.map(str::to_owned))).collect();
    BTreeMap::from([(key.to_owned(), LiveSetting { scope, values })])
}

const KEY: &str = "log.retention.ms";

#[test]
fn one_value_for_all_is_altered_once_and_taken_away_when_the_files_are_right_without_it() {
    let mut brokers = Brokers::started_with(&[(1, KEY, ""), (2, KEY, "")]);
    let rounds = brokers.settle(&wanted(LiveScope::Cluster, KEY, &[(1, Some("5")), (2, Some("5"))]));
    assert_eq!(rounds.len(), 1);
    assert_eq!(brokers.of_cluster, BTreeMap::from([(KEY.to_owned(), "5".to_owned())]));
    brokers.settle(&wanted(LiveScope::Cluster, KEY, &[(1, None), (2, None)]));
    assert_eq!(brokers.of_cluster, BTreeMap::new(), "unset at the scope where it was set");
}

#[test]
fn a_broker_that_started_from_an_older_file_is_told_the_default_itself() {
    let mut brokers = Brokers::started_with(&[(1, "num.io.threads", "9"), (2, "num.io.threads", "8")]);
    brokers.settle(&wanted(LiveScope::Cluster, "num.io.threads", &[(1, Some("8")), (2, Some("8"))]));
    assert_eq!(brokers.of_cluster["num.io.threads"], "8");
}

#[test]
fn what_hides_the_wanted_value_on_one_broker_goes() {
    let mut brokers = Brokers::started_with(&[(1, KEY, "5"), (2, KEY, "5")]);
    brokers.of_brokers.insert(NodeId(2), BTreeMap::from([(KEY.to_owned(), "1".to_owned())]));
    brokers.of_cluster.insert(KEY.to_owned(), "2".to_owned());
    brokers.settle(&wanted(LiveScope::Cluster, KEY, &[(1, Some("5")), (2, Some("5"))]));
    assert_eq!((brokers.of_cluster.len(), brokers.of_brokers[&NodeId(2)].len()), (0, 0));
}

#[test]
fn brokers_that_differ_are_altered_one_by_one_and_nothing_stays_for_all() {
    let mut brokers = Brokers::started_with(&[(1, KEY, "5"), (2, KEY, "5"), (3, KEY, "5")]);
    brokers.of_cluster.insert(KEY.to_owned(), "7".to_owned());
    let values = [(1, Some("5")), (2, Some("6")), (3, Some("7"))];
    brokers.settle(&wanted(LiveScope::Cluster, KEY, &values));
    assert_eq!(brokers.of_cluster, BTreeMap::new());
    assert_eq!(brokers.of_brokers[&NodeId(3)][KEY], "7");
    let back =
        brokers.settle(&wanted(LiveScope::Node, KEY, &[(1, Some("5")), (2, Some("5")), (3, Some("5"))]));
    assert!(back.iter().all(|edits| edits.of_cluster.is_empty()));
    assert!(brokers.of_brokers[&NodeId(2)].is_empty() && brokers.of_brokers[&NodeId(3)].is_empty());
}

#[test]
fn threads_are_halved_on_the_way_down_also_where_the_value_is_only_taken_away() {
    let key = "num.io.threads";
    let mut brokers = Brokers::started_with(&[(1, key, "8"), (2, key, "8")]);
    let rounds = brokers.settle(&wanted(LiveScope::Cluster, key, &[(1, Some("3")), (2, Some("3"))]));
    let values: Vec<_> = rounds.iter().map(|edits| edits.of_cluster[key].clone()).collect();
    assert_eq!(values, [Some("4".to_owned()), Some("3".to_owned())]);
    let rounds = brokers.settle(&wanted(LiveScope::Cluster, key, &[(1, Some("8")), (2, Some("8"))]));
    let values: Vec<_> = rounds.iter().map(|edits| edits.of_cluster[key].clone()).collect();
    assert_eq!(values, [Some("6".to_owned()), None]);
}

#[test]
fn a_broker_with_a_value_of_its_own_does_not_keep_the_others_from_theirs() {
    let key = "num.io.threads";
    let mut brokers = Brokers::started_with(&[(1, key, "1"), (2, key, "8")]);
    brokers.of_brokers.insert(NodeId(1), BTreeMap::from([(key.to_owned(), "3".to_owned())]));
    brokers.settle(&wanted(LiveScope::Cluster, key, &[(1, Some("8")), (2, Some("8"))]));
    assert_eq!((brokers.of_cluster[key].as_str(), brokers.of_brokers[&NodeId(1)].len()), ("8", 0));
}

#[test]
fn a_broker_that_does_not_tell_is_not_taken_for_one_that_has_it() {
    let settings = wanted(LiveScope::Cluster, KEY, &[(1, Some("5"))]);
    let reason = reason_not_in_force(&settings, &KafkaView::default());
    assert_eq!(reason.as_deref(), Some("broker 1 does not tell its settings"));
}

proptest::proptest! {
    #[test]
    fn whatever_was_altered_before_the_edits_end_and_what_is_wanted_is_in_force(
        files in proptest::collection::vec(0..4_u8, 3),
        own in proptest::collection::vec(proptest::option::of(1..4_u8), 3),
        of_cluster in proptest::option::of(1..4_u8),
        wanted_values in proptest::collection::vec(1..4_u8, 3),
        node_only in proptest::bool::ANY,
    ) {
        let text = |value: &u8| if *value == 0 { String::new() } else { value.to_string() };
        let mut brokers = Brokers { files: BTreeMap::new(), of_cluster: BTreeMap::new(), of_brokers: BTreeMap::new() };
        let mut values = BTreeMap::new();
        for id in 0..3 {
            let node = NodeId(id as u32 + 1);
            let file = Some(text(&files[id])).filter(|value| !value.is_empty());
            brokers.files.insert(node, file.into_iter().map(|value| (KEY.to_owned(), value)).collect());
            let altered = own[id].map(|value| (KEY.to_owned(), text(&value)));
            brokers.of_brokers.insert(node, altered.into_iter().collect());
            values.insert(node, Some(text(&wanted_values[id])));
        }
        if !node_only {
            brokers.of_cluster.extend(of_cluster.map(|value| (KEY.to_owned(), text(&value))));
        }
        let scope = if node_only { LiveScope::Node } else { LiveScope::Cluster };
        let settings = BTreeMap::from([(KEY.to_owned(), LiveSetting { scope, values })]);
        brokers.settle(&settings);
        assert!(brokers.settle(&settings).is_empty(), "a second time does nothing");
    }
}
