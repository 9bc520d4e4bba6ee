//! Random small fleets and random edits: what holds for all of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::world::{World, pool, titles, user};
use crate::kafka::{NodeRole, Profile};
use crate::model::SlotName;
use crate::model::cluster::{Cluster, Heap, Topic};
use crate::model::plan::{Act, ChangeClass};
use crate::model::{ByteCount, NodeId};
use crate::planner::Planned;

/// Keys of every kind: read at the start, altered live with and without a default, thread pools, of the cluster alone, of
/// one broker alone, of a listener, unknown to the table of controllers.
const KEYS: [(&str, &[&str]); 9] = [
    ("num.partitions", &["1", "3", "6"]),
    ("log.retention.ms", &["5000", "604800000"]),
    ("log.cleaner.min.cleanable.ratio", &["0.50", "0.3"]),
    ("num.io.threads", &["1", "3", "8", "40"]),
    ("log.cleanup.policy", &["delete", "compact, delete"]),
    ("min.insync.replicas", &["1", "2"]),
    ("cordoned.log.dirs", &["*"]),
    ("listener.name.clients.max.connections", &["100", "200"]),
    ("unclean.leader.election.enable", &["true", "false"]),
];

/// One edit of a spec.
#[derive(Debug, Clone)]
enum Edit {
    Cluster { key: Index, value: Index },
    Pool { pool: Index, key: Index, value: Index },
    Unset { key: Index },
    Heap { pool: Index, gibibytes: u64 },
    User { user: Index, rule: Index },
    RemoveUser { user: Index },
    Topic { topic: Index, more: u32, setting: Option<Index> },
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), index()).prop_map(|(key, value)| Edit::Cluster { key, value }),
        3 => (index(), index(), index()).prop_map(|(pool, key, value)| Edit::Pool { pool, key, value }),
        2 => index().prop_map(|key| Edit::Unset { key }),
        1 => (index(), 1..4_u64).prop_map(|(pool, gibibytes)| Edit::Heap { pool, gibibytes }),
        1 => (index(), index()).prop_map(|(user, rule)| Edit::User { user, rule }),
        1 => index().prop_map(|user| Edit::RemoveUser { user }),
        1 => (index(), 0..3_u32, proptest::option::of(index()))
            .prop_map(|(topic, more, setting)| Edit::Topic { topic, more, setting }),
    ]
}

fn fleet() -> impl Strategy<Value = Cluster> {
    (select(vec![Profile::Laptop, Profile::Production]), 1..4_u16, 0..3_u16).prop_map(
        |(profile, brokers, others)| {
            let mut cluster = super::world::cluster();
            cluster.profile = profile;
            let roles = match profile {
                Profile::Laptop => vec![("nodes", pool(NodeRole::Combined, brokers))],
                Profile::Production => {
                    vec![
                        ("brokers", pool(NodeRole::Broker, brokers)),
                        ("voters", pool(NodeRole::Controller, 3)),
                    ]
                }
            };
            cluster.pools = roles.into_iter().map(|(name, pool)| (name.parse().unwrap(), pool)).collect();
            if others > 0 {
                cluster.pools.insert("others".parse().unwrap(), pool(NodeRole::Broker, others));
            }
            cluster
        },
    )
}

fn make(cluster: &mut Cluster, edit: &Edit) {
    let pick = |key: &Index| KEYS[key.index(KEYS.len())];
    let pools = cluster.pools.len();
    let nth = |cluster: &'_ mut Cluster, pool: &Index| -> crate::model::PoolName {
        cluster.pools.keys().nth(pool.index(pools)).unwrap().clone()
    };
    match edit {
        Edit::Cluster { key, value } => {
            let (key, values) = pick(key);
            cluster.config.insert(key.to_owned(), values[value.index(values.len())].to_owned());
        }
        Edit::Pool { pool, key, value } => {
            let ((key, values), name) = (pick(key), nth(cluster, pool));
            let value = values[value.index(values.len())].to_owned();
            // What the cluster decides alone is no pool's to say.
            if key != "min.insync.replicas" {
                cluster.pools.get_mut(&name).unwrap().config.insert(key.to_owned(), value);
            }
        }
        Edit::Unset { key } => {
            let (key, _) = pick(key);
            cluster.config.remove(key);
            cluster.pools.values_mut().for_each(|pool| drop(pool.config.remove(key)));
        }
        Edit::Heap { pool, gibibytes } => {
            let name = nth(cluster, pool);
            cluster.pools.get_mut(&name).unwrap().heap = Heap::Exactly(ByteCount::gibibytes(*gibibytes));
        }
        Edit::User { user: index, rule } => {
            let name = ["alice", "bob"][index.index(2)].parse().unwrap();
            let rules = ["read topic:a", "read,write topic:a", "describe cluster"];
            cluster.users.insert(name, user(rules[rule.index(3)]));
        }
        Edit::RemoveUser { user } => {
            cluster.users.remove(&["alice", "bob"][user.index(2)].parse().unwrap());
        }
        Edit::Topic { topic, more, setting } => {
            let name = ["orders", "payments"][topic.index(2)].to_owned();
            let topic = cluster.topics.entry(name).or_insert(Topic {
                partitions: 1,
                replicas: 1,
                config: BTreeMap::new(),
            });
            topic.partitions += more;
            topic.config.clear();
            let settings = [("retention.ms", "7"), ("cleanup.policy", "compact")];
            if let Some((key, value)) = setting.map(|index| settings[index.index(2)]) {
                topic.config.insert(key.to_owned(), value.to_owned());
            }
        }
    }
}

/// How often each slot is disturbed.
fn disturbances(planned: &Planned) -> BTreeMap<SlotName, usize> {
    let mut times = BTreeMap::new();
    for step in &planned.plan.steps {
        let disturbs = match &step.act {
            Act::Restart { .. } | Act::Stop { .. } | Act::Remove { .. } => true,
            Act::Create { .. }
            | Act::Start { .. }
            | Act::Refresh { .. }
            | Act::Await { .. }
            | Act::Configure { .. }
            | Act::Alter { .. }
            | Act::Grant { .. }
            | Act::Revoke { .. }
            | Act::CreateTopic { .. }
            | Act::AddPartitions { .. }
            | Act::ConfigureTopic { .. } => false,
        };
        assert_eq!(disturbs, step.class >= ChangeClass::Restart, "{}", step.act.title());
        if disturbs {
            step.act.slots().into_iter().for_each(|slot| *times.entry(slot).or_insert(0) += 1);
        }
    }
    times
}

/// What is in force of every key, on every broker.
fn in_force(world: &World) -> BTreeMap<(NodeId, &'static str), Option<String>> {
    let brokers = &world.inventory.kafka.as_ref().unwrap().value.brokers;
    let each = brokers.iter().flat_map(|id| KEYS.iter().map(move |(key, _)| (*id, *key)));
    each.map(|(id, key)| {
        ((id, key), world.kafka.settings(id).get(key).and_then(|seen| seen.in_force.clone()))
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_second_plan_is_empty_and_reverting_an_edit_recovers(
        fleet in fleet(),
        rounds in proptest::collection::vec((proptest::collection::vec(edit(), 1..4), any::<bool>(), any::<Index>()), 1..4),
    ) {
        let mut world = World::running(fleet);
        for (edits, crashes, which) in rounds {
            let (before, was_in_force) = (world.cluster.clone(), in_force(&world));
            edits.iter().for_each(|edit| make(&mut world.cluster, edit));
            let planned = world.plan().unwrap();
            let same = world.plan().unwrap();
            prop_assert_eq!(&planned, &same, "the same input gives the same bytes");
            prop_assert!(disturbances(&planned).values().all(|times| *times == 1));
            world.starts.clear();
            world.carry_out(&planned);
            let restarted: Vec<SlotName> = disturbances(&planned).into_keys().collect();
            let mut started = std::mem::take(&mut world.starts);
            started.sort();
            prop_assert_eq!(started, restarted, "what is restarted is what the plan says");
            prop_assert_eq!(titles(&world.plan().unwrap()), Vec::<String>::new(), "a second plan");
            if crashes {
                let slots: Vec<SlotName> = world.current.as_ref().unwrap().slots().into_keys().cloned().collect();
                world.crash(&slots[which.index(slots.len())]);
                prop_assert_eq!(titles(&world.plan().unwrap()), Vec::<String>::new(), "after a crash");
            }
            if which.index(2) == 0 {
                // Topics never shrink: that they grew is no edit that can be reverted.
                let topics = world.cluster.topics.clone();
                world.cluster = Cluster { topics, ..before };
                world.up();
                prop_assert_eq!(in_force(&world), was_in_force, "reverted");
                prop_assert_eq!(titles(&world.plan().unwrap()), Vec::<String>::new(), "after the way back");
            }
        }
    }
}
