//! A small fleet with a Kafka that keeps what it is told; plans are carried out by the real executor machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::kafka::properties::{Default as KafkaDefault, PropertyTable, UpdateMode};
use crate::kafka::{NodeRole, Profile};
use crate::machines::executor::{Action, Executor, InsideKafka, Look};
use crate::model::cluster::{
    AccessRule, CertificatePolicy, Cluster, Heap, Listener, ListenerAuth, NodePorts, Policy, Pool, User,
    UserAuth,
};
use crate::model::inventory::{
    AccessEntry, BrokerSetting, ClusterReport, HostFolders, HostReport, Inventory, KafkaView, Observed,
    PartitionView, ProcessReport, QuorumView, SlotReport, Stage, VoterView,
};
use crate::model::plan::Act;
use crate::model::run::{self as runs, Run};
use crate::model::target::{RunState, SlotTarget, Target};
use crate::model::{ByteCount, ClusterId, Epoch, HostId, Moment, NodeId, Sha256, SlotName};
use crate::planner::alter::{Edits, edits};
use crate::planner::{End, Known, PlanInput, PlanRefused, Planned, Supply, TrustBundles, plan, plan_end};
use crate::render::properties::read_properties;

const NOW: &str = "2026-01-01T00:00:00Z";

pub(super) fn pool(roles: NodeRole, count: u16) -> Pool {
    Pool {
        roles,
        count,
        hosts: BTreeSet::new(),
        zones: BTreeSet::new(),
        storage: Vec::new(),
        heap: Heap::Auto,
        jvm: Vec::new(),
        config: BTreeMap::new(),
        slots: BTreeMap::new(),
    }
}

pub(super) fn cluster() -> Cluster {
    let clients = Listener { port: 9092, auth: ListenerAuth::Mtls, bind: None, advertised: None };
    Cluster {
        name: "dev".parse().unwrap(),
        profile: Profile::Laptop,
        kafka: "4.3.1".parse().unwrap(),
        pools: BTreeMap::from([("nodes".parse().unwrap(), pool(NodeRole::Combined, 3))]),
        listeners: BTreeMap::from([("clients".parse().unwrap(), clients)]),
        ports: NodePorts::DEFAULT,
        certificates: CertificatePolicy::DEFAULT,
        topics: BTreeMap::new(),
        users: BTreeMap::from([("admin".parse().unwrap(), user("all"))]),
        config: BTreeMap::new(),
        components: Default::default(),
        monitoring: Default::default(),
        policy: Policy::DEFAULT,
        artifacts: Default::default(),
    }
}

/// Controllers and brokers of their own.
pub(super) fn production() -> Cluster {
    Cluster {
        name: "tele".parse().unwrap(),
        profile: Profile::Production,
        pools: BTreeMap::from([
            ("controllers".parse().unwrap(), pool(NodeRole::Controller, 3)),
            ("brokers".parse().unwrap(), pool(NodeRole::Broker, 3)),
        ]),
        config: BTreeMap::from([("log.retention.ms".to_owned(), "604800000".to_owned())]),
        ..cluster()
    }
}

pub(super) fn user(rule: &str) -> User {
    User { auth: UserAuth::Mtls, allow: vec![rule.parse::<AccessRule>().unwrap()] }
}

pub(super) fn supply(jar: &str) -> Supply {
    Supply { lock: Sha256::of(b"lock"), jar: Sha256::of(jar.as_bytes()), java: vec![25, 21, 17] }
}

/// Kafka as it keeps things.
#[derive(Default)]
pub(super) struct Kafka {
    /// The settings that each broker's process started with.
    pub(super) started_with: BTreeMap<NodeId, BTreeMap<String, String>>,
    pub(super) of_cluster: BTreeMap<String, String>,
    pub(super) of_brokers: BTreeMap<NodeId, BTreeMap<String, String>>,
    pub(super) access: BTreeSet<AccessEntry>,
    /// Partitions and replicas.
    pub(super) topics: BTreeMap<String, (i32, u32)>,
    pub(super) topic_config: BTreeMap<String, BTreeMap<String, String>>,
}

/// The world as a test sees it.
pub(super) struct World {
    pub(super) cluster: Cluster,
    pub(super) current: Option<Target>,
    pub(super) inventory: Inventory,
    pub(super) reserved: BTreeMap<HostId, BTreeSet<u16>>,
    pub(super) known: Known,
    pub(super) supply: Supply,
    pub(super) refresh_defaults: bool,
    pub(super) roll: BTreeSet<SlotName>,
    pub(super) kafka: Kafka,
    /// The launch that each slot's process was started with.
    launched: BTreeMap<SlotName, Sha256>,
    /// Starts of processes, in order.
    pub(super) starts: Vec<SlotName>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::of(cluster())
    }

    pub(super) fn of(cluster: Cluster) -> Self {
        let report = HostReport {
            version: 1,
            name: "laptop".into(),
            klamm: "0.1.0".into(),
            folders: HostFolders { state: "/state".into(), logs: "/logs".into() },
            memory: ByteCount::gibibytes(16),
            processors: 4,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertised: "localhost".into(),
            ports_taken: BTreeSet::new(),
            clusters: BTreeMap::new(),
            refused: BTreeMap::new(),
        };
        let inventory = Inventory { hosts: BTreeMap::from([(host(), seen(report))]), kafka: None };
        Self {
            cluster,
            current: None,
            inventory,
            reserved: BTreeMap::new(),
            known: Known::default(),
            supply: supply("jar"),
            refresh_defaults: false,
            roll: BTreeSet::new(),
            kafka: Kafka::default(),
            launched: BTreeMap::new(),
            starts: Vec::new(),
        }
    }

    /// A running cluster.
    pub(super) fn running(cluster: Cluster) -> Self {
        let mut world = Self::of(cluster);
        world.up();
        world.starts.clear();
        world
    }

    pub(super) fn report(&mut self) -> &mut HostReport {
        &mut self.inventory.hosts.get_mut(&host()).unwrap().value
    }

    /// The text that stands for the spec: whoever has the same model has the same text.
    fn spec(&self) -> String {
        serde_json::to_string(&self.cluster).unwrap()
    }

    pub(super) fn plan(&self) -> Result<Planned, PlanRefused> {
        let spec = self.spec();
        let input = PlanInput {
            cluster: &self.cluster,
            spec: &spec,
            id: id(),
            current: self.current.as_ref(),
            known: &self.known,
            inventory: &self.inventory,
            reserved_ports: &self.reserved,
            supply: &self.supply,
            trust: &TrustBundles { nodes: "nodes".into(), users: "users".into() },
            refresh_defaults: self.refresh_defaults,
            roll: &self.roll,
            now: NOW.parse().unwrap(),
        };
        plan(&input, &mut StdRng::seed_from_u64(1))
    }

    /// Plans and does it; gives the titles.
    pub(super) fn up(&mut self) -> Vec<String> {
        let planned = self.plan().unwrap();
        let titles = titles(&planned);
        self.carry_out(&planned);
        titles
    }

    pub(super) fn end(&mut self, end: End) -> Vec<String> {
        let planned = plan_end(&self.cluster.name, self.current.as_ref(), end);
        let titles = titles(&planned);
        self.carry_out(&planned);
        titles
    }

    /// Does all steps.
    pub(super) fn carry_out(&mut self, planned: &Planned) {
        self.begin(planned);
        for index in 0..planned.plan.steps.len() {
            self.step(planned, index);
        }
    }

    /// What is kept before a run begins.
    pub(super) fn begin(&mut self, planned: &Planned) {
        self.known.files.extend(planned.blobs.clone());
        let spec = self.spec();
        self.known.specs.insert(Sha256::of(spec.as_bytes()), self.cluster.clone());
    }

    /// Does one step as the executor does.
    pub(super) fn step(&mut self, planned: &Planned, index: usize) {
        let now: Timestamp = NOW.parse().unwrap();
        let run = Run {
            id: 1,
            cluster: id(),
            actor: "test".into(),
            plan: planned.plan.clone(),
            goal: planned.goal.clone().unwrap(),
            next_step: index,
            state: runs::RunState::Running,
            started: now,
            changed: now,
        };
        let title = planned.plan.steps[index].act.title();
        let mut moment = Moment { elapsed: Duration::ZERO, wall: now };
        let mut executor = Executor::new(run, moment);
        for _ in 0..100 {
            let look = Look { current: self.current.as_ref(), inventory: &self.inventory };
            match executor.next(&look, moment) {
                Action::Publish { target, .. } => self.obey(*target),
                Action::InsideKafka { call: InsideKafka::Act(act), .. } => {
                    self.act(&act);
                    executor.inside_kafka_answered(Ok(()), moment);
                }
                Action::InsideKafka { call: InsideKafka::ElectPreferred { .. }, .. } => {
                    panic!("{title}: nobody lost the lead")
                }
                Action::Progress { state: runs::RunState::Failed { reason }, .. } => {
                    panic!("{title}: {reason}")
                }
                Action::Progress { .. } => return,
                Action::Wait { again_in } => moment.elapsed += again_in,
                Action::Ended => panic!("{title}: the run had ended"),
            }
        }
        panic!("{title} has no end: {:?}", executor.view().steps);
    }

    /// Agents and processes do at once what a target says.
    fn obey(&mut self, target: Target) {
        let mut slots = BTreeMap::new();
        for (name, (_, slot)) in target.slots() {
            let launch = slot.launch();
            let (stage, runs) = match slot.run {
                RunState::Running => (Stage::Ready, true),
                RunState::Stopped => (Stage::Stopped, false),
                RunState::Removed => (Stage::Removed, false),
            };
            if !runs {
                self.launched.remove(name);
            } else if self.launched.get(name) != Some(&launch) {
                self.launched.insert(name.clone(), launch);
                self.starts.push(name.clone());
                self.start(slot);
            }
            let process = runs.then(|| ProcessReport {
                pid: 7,
                since: NOW.parse().unwrap(),
                launch,
                broker_state: Some(3),
                resident: None,
            });
            slots.insert(name.clone(), SlotReport { stage, process, ..SlotReport::waiting() });
        }
        let number = target.number;
        let report = ClusterReport { epoch: Epoch(1), number, root: target.digest(), slots };
        self.report().clusters.insert(id(), report);
        self.current = Some(target);
        self.look();
    }

    /// Takes a target that is in force and whose processes run.
    pub(super) fn adopt(&mut self, target: Target) {
        for (name, (_, slot)) in target.slots() {
            self.launched.insert(name.clone(), slot.launch());
            self.start(slot);
        }
        self.obey(target);
    }

    fn start(&mut self, slot: &SlotTarget) {
        let text = &self.known.files[&slot.files["config/server.properties"]];
        let settings = read_properties(&String::from_utf8_lossy(text));
        self.kafka.started_with.insert(slot.identity.node_id, settings);
    }

    /// A node ends by itself and comes back with the files of now.
    pub(super) fn crash(&mut self, name: &SlotName) {
        let slot = self.current.as_ref().unwrap().slot(name).unwrap().clone();
        self.start(&slot);
        self.look();
    }

    /// A look at Kafka; nothing is seen of a cluster that does not run.
    pub(super) fn look(&mut self) {
        let Some(current) = &self.current else { return };
        let slots = current.slots();
        let running: Vec<_> =
            slots.values().map(|(_, slot)| *slot).filter(|slot| slot.run == RunState::Running).collect();
        let ids_with = |listener: &str| -> BTreeSet<NodeId> {
            let with = running.iter().filter(|slot| slot.identity.listeners.contains_key(listener));
            with.map(|slot| slot.identity.node_id).collect()
        };
        let (brokers, voters) = (ids_with("INTERNAL"), ids_with("CONTROLLER"));
        if running.is_empty() {
            self.inventory.kafka = None;
            return;
        }
        let voter = VoterView { directory: None, log_end: 5, caught_up_ms: Some(1000) };
        let quorum = QuorumView {
            leader: voters.first().copied(),
            epoch: 1,
            voters: voters.into_iter().map(|id| (id, voter.clone())).collect(),
        };
        let partitions = self.kafka.topics.iter().flat_map(|(topic, (partitions, replicas))| {
            let replicas: Vec<NodeId> = brokers.iter().copied().take(*replicas as usize).collect();
            (0..*partitions).map(move |index| PartitionView {
                topic: topic.clone(),
                index,
                leader: replicas.first().copied(),
                in_sync: replicas.iter().copied().collect(),
                replicas: replicas.clone(),
                offline: BTreeSet::new(),
                moving: false,
            })
        });
        self.inventory.kafka = Some(seen(KafkaView {
            quorum: Some(quorum),
            partitions: partitions.collect(),
            min_isr: self.kafka.topics.keys().map(|topic| (topic.clone(), 1)).collect(),
            cluster_config: self.kafka.of_cluster.clone(),
            access: self.kafka.access.clone(),
            topic_config: self.kafka.topic_config.clone(),
            broker_config: brokers.iter().map(|id| (*id, self.kafka.settings(*id))).collect(),
            brokers,
        }));
    }

    fn act(&mut self, act: &Act) {
        let view = self.inventory.kafka.clone().unwrap().value;
        let kafka = &mut self.kafka;
        match act {
            Act::Configure { settings } => kafka.of_cluster.extend(settings.clone()),
            Act::Alter { settings } => {
                let Edits { of_cluster, of_brokers } = edits(settings, &view);
                edit(&mut kafka.of_cluster, &of_cluster);
                for (id, edits) in of_brokers {
                    edit(kafka.of_brokers.entry(id).or_default(), &edits);
                }
            }
            Act::Grant { entries } => kafka.access.extend(entries.clone()),
            Act::Revoke { entries } => kafka.access.retain(|entry| !entries.contains(entry)),
            Act::CreateTopic { name, partitions, replicas, config } => {
                kafka.topics.insert(name.clone(), (*partitions, u32::from(replicas.unsigned_abs())));
                kafka.topic_config.insert(name.clone(), config.clone());
            }
            Act::AddPartitions { name, partitions } => kafka.topics.get_mut(name).unwrap().0 = *partitions,
            Act::ConfigureTopic { name, set, unset } => {
                let own = kafka.topic_config.entry(name.clone()).or_default();
                own.extend(set.clone());
                own.retain(|key, _| !unset.contains(key));
            }
            Act::Create { .. }
            | Act::Start { .. }
            | Act::Refresh { .. }
            | Act::Restart { .. }
            | Act::Await { .. }
            | Act::Stop { .. }
            | Act::Remove { .. } => panic!("{} is nothing inside Kafka", act.title()),
        }
        self.look();
    }
}

fn edit(settings: &mut BTreeMap<String, String>, edits: &BTreeMap<String, Option<String>>) {
    for (key, value) in edits {
        match value {
            Some(value) => settings.insert(key.clone(), value.clone()),
            None => settings.remove(key),
        };
    }
}

impl Kafka {
    /// What a broker tells of the keys that it can alter.
    pub(super) fn settings(&self, id: NodeId) -> BTreeMap<String, BrokerSetting> {
        let table = PropertyTable::for_line(crate::kafka::KafkaLine::new(4, 3)).unwrap();
        let nothing = BTreeMap::new();
        let (file, own) =
            (self.started_with.get(&id).unwrap_or(&nothing), self.of_brokers.get(&id).unwrap_or(&nothing));
        let dynamic = table.node_keys().filter(|property| property.update != UpdateMode::ReadOnly);
        let setting = |key: &str, default| {
            let started_with = file.get(key).cloned().or(match default {
                KafkaDefault::Value(value) => Some(value.to_owned()),
                KafkaDefault::Null | KafkaDefault::Required => None,
            });
            let (of_cluster, of_broker) = (self.of_cluster.get(key).cloned(), own.get(key).cloned());
            let in_force = of_broker.as_ref().or(of_cluster.as_ref()).or(started_with.as_ref());
            let in_force = in_force.map(|value| as_kafka_writes_it(value));
            BrokerSetting { in_force, started_with, of_cluster, of_broker }
        };
        let plain = dynamic.map(|property| (property.key, property.default));
        let keys = file.keys().chain(self.of_cluster.keys()).chain(own.keys()).map(String::as_str);
        let prefixed = keys.filter(|key| key.starts_with("listener.name."));
        let all = plain.chain(prefixed.map(|key| (key, KafkaDefault::Null)));
        all.map(|(key, default)| (key.to_owned(), setting(key, default))).collect()
    }

    /// What is in force on a broker.
    pub(super) fn in_force(&self, id: u32, key: &str) -> Option<String> {
        self.settings(NodeId(id))[key].in_force.clone()
    }
}

/// Numbers and lists in Kafka's own way.
fn as_kafka_writes_it(value: &str) -> String {
    match (value.parse::<i64>(), value.parse::<f64>()) {
        (Ok(whole), _) => whole.to_string(),
        (_, Ok(number)) => number.to_string(),
        _ => value.split(',').map(str::trim).collect::<Vec<_>>().join(","),
    }
}

pub(super) fn host() -> HostId {
    "laptop-1".parse().unwrap()
}

pub(super) fn id() -> ClusterId {
    ClusterId::from_random([5; 16])
}

pub(super) fn seen<T>(value: T) -> Observed<T> {
    Observed { at: NOW.parse().unwrap(), value }
}

pub(super) fn titles(planned: &Planned) -> Vec<String> {
    planned.plan.steps.iter().map(|step| format!("{}: {}", step.class, step.act.title())).collect()
}

/// Title and reason of each step.
pub(super) fn reasons(planned: &Planned) -> Vec<String> {
    let line =
        |step: &crate::model::plan::Step| format!("{}: {} ({})", step.class, step.act.title(), step.reason);
    planned.plan.steps.iter().map(line).collect()
}
