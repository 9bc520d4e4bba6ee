//! `bench plan` and `bench plan-large`: what it takes to find out that there is nothing to do.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use klamm_core::kafka::KafkaVersion;
use klamm_core::kafka::properties::{Default as KafkaDefault, PropertyTable, UpdateMode};
use klamm_core::model::cluster::Cluster;
use klamm_core::model::inventory::{
    BrokerSetting, ClusterReport, HostFolders, HostReport, Inventory, KafkaView, Observed, PartitionView,
    SlotReport, Stage,
};
use klamm_core::model::plan::Act;
use klamm_core::model::target::Target;
use klamm_core::model::{ByteCount, ClusterId, Epoch, HostId, NodeId, Sha256, SlotName};
use klamm_core::planner::{Known, PlanInput, Planned, Supply, TrustBundles, plan};
use klamm_core::render::properties::read_properties;
use klamm_spec::{Context, check};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::product::Product;
use super::stock::{KAFKA, Stock};
use crate::figure::{Figure, Goal, Side, Sides};
use crate::tree;

const BROKERS: usize = 995;
const CONTROLLERS: usize = 5;
const TOPICS: usize = 1_000;
const PARTITIONS_OF_A_TOPIC: usize = 100;

/// `klamm plan` on a running cluster of three nodes: the command from its start to its end, the server's look at Kafka and
/// at each broker included.
pub(super) fn prepare() -> Result<Figure> {
    let product = Product::up(&Stock::collect()?)?;
    let sample = move || {
        let begun = Instant::now();
        product.run(&["plan"])?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let sides = Sides::Alone(Side { name: "klamm plan", sample: Box::new(sample) });
    Ok(Figure { name: "plan", unit: "s", goal: Goal::AtMost(0.020), rounds: 25, sides })
}

/// The planner alone, on a fleet of a thousand nodes with a hundred thousand partitions, by an optimised build.
pub(super) fn prepare_large() -> Result<Figure> {
    let sample = if cfg!(debug_assertions) { sample_of_optimised()? } else { sample_here()? };
    let sides = Sides::Alone(Side { name: "plan", sample });
    Ok(Figure { name: "plan-large", unit: "s", goal: Goal::AtMost(1.0), rounds: 9, sides })
}

type Sample = Box<dyn FnMut() -> Result<f64>>;

/// One sample of this very bench by an optimised build of this program.
fn sample_of_optimised() -> Result<Sample> {
    let built =
        tree::cargo(&["build", "--release", "--package", "xtask"]).status().context("starting cargo")?;
    ensure!(built.success(), "the optimised build failed");
    Ok(Box::new(|| {
        let mut bench = Command::new(tree::target().join("release/xtask"));
        bench.args(["bench", "plan-large", "--rounds", "1"]).stdin(Stdio::null());
        let said = bench.output().context("starting the bench")?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let value = said.split(": plan ").nth(1).and_then(|rest| rest.split(' ').next());
        value.and_then(|value| value.parse().ok()).with_context(|| format!("no sample in {said}"))
    }))
}

fn sample_here() -> Result<Sample> {
    let mut fleet = Fleet::new()?;
    let created = fleet.plan()?;
    fleet.reach(created)?;
    Ok(Box::new(move || {
        let begun = Instant::now();
        let planned = fleet.plan()?;
        let taken = begun.elapsed().as_secs_f64();
        let steps: Vec<String> = planned.plan.steps.iter().map(|step| step.act.title()).collect();
        ensure!(steps.is_empty(), "{} steps, the first: {:?}", steps.len(), steps.first());
        Ok(taken)
    }))
}

/// A production cluster that is as its spec says.
struct Fleet {
    cluster: Cluster,
    spec: String,
    current: Option<Target>,
    known: Known,
    inventory: Inventory,
    now: Timestamp,
}

impl Fleet {
    fn new() -> Result<Self> {
        let topics: String = (0..TOPICS)
            .map(|topic| format!("  topic-{topic}: {{ partitions: {PARTITIONS_OF_A_TOPIC} }}\n"))
            .collect();
        let spec = format!(
            "cluster: fleet\nkafka: {KAFKA}\nprofile: production\npools:\n  controllers: {{ roles: [controller], count: \
             {CONTROLLERS}, storage: [{{ path: /srv/c }}] }}\n  brokers: {{ roles: [broker], count: {BROKERS}, storage: \
             [{{ path: /srv/d1 }}, {{ path: /srv/d2 }}] }}\nlisteners:\n  clients: {{ port: 9092, auth: mtls }}\nusers:\n  \
             admin: {{ allow: [all] }}\nconfig: {{ log.retention.ms: 604800000, num.io.threads: 16 }}\ntopics:\n{topics}"
        );
        let version: KafkaVersion = KAFKA.parse()?;
        let context = Context { supported_versions: vec![version], running_version: None, memory: None };
        let checked = check(&spec, "fleet.yaml", &context);
        let problems = checked.problems;
        let cluster = checked.cluster.with_context(|| format!("{problems:?}"))?;
        let now = Timestamp::now();
        let hosts = (1..=BROKERS + CONTROLLERS).map(|number| {
            let name = format!("host-{number}");
            let report = HostReport {
                version: 1,
                name: name.clone(),
                klamm: "0".into(),
                folders: HostFolders { state: "/var/lib/klamm".into(), logs: "/var/log/klamm".into() },
                memory: ByteCount::gibibytes(64),
                processors: 16,
                address: "127.0.0.1".parse()?,
                advertised: name.clone(),
                ports_taken: BTreeSet::new(),
                clusters: BTreeMap::new(),
                refused: BTreeMap::new(),
            };
            Ok((name.parse::<HostId>()?, Observed { at: now, value: report }))
        });
        let inventory = Inventory { hosts: hosts.collect::<Result<_>>()?, kafka: None };
        Ok(Self { cluster, spec, current: None, known: Known::default(), inventory, now })
    }

    fn plan(&self) -> Result<Planned> {
        let input = PlanInput {
            cluster: &self.cluster,
            spec: &self.spec,
            id: id(),
            current: self.current.as_ref(),
            known: &self.known,
            inventory: &self.inventory,
            reserved_ports: &BTreeMap::new(),
            supply: &Supply { lock: Sha256::of(b"lock"), jar: Sha256::of(b"jar"), java: vec![25, 21] },
            trust: &TrustBundles { nodes: "nodes".into(), users: "users".into() },
            refresh_defaults: false,
            roll: &BTreeSet::new(),
            now: self.now,
        };
        Ok(plan(&input, &mut StdRng::seed_from_u64(1))?)
    }

    /// Everything is as planned: agents report it, Kafka shows it.
    fn reach(&mut self, planned: Planned) -> Result<()> {
        let goal = planned.goal.context("a plan of a running cluster has a goal")?;
        self.known.files = planned.blobs;
        self.known.specs.insert(goal.spec, self.cluster.clone());
        let mut view = KafkaView::default();
        for step in &planned.plan.steps {
            if let Act::Configure { settings } = &step.act {
                view.cluster_config.extend(settings.clone());
            }
            if let Act::Grant { entries } = &step.act {
                view.access.extend(entries.clone());
            }
        }
        for (host, slice) in &goal.slices {
            let ready =
                |name: &SlotName| (name.clone(), SlotReport { stage: Stage::Ready, ..SlotReport::waiting() });
            let report = ClusterReport {
                epoch: Epoch(1),
                number: goal.number,
                root: goal.digest(),
                slots: slice.slots.keys().map(ready).collect(),
            };
            let seen = self.inventory.hosts.get_mut(host).context("a slice of a host that is there")?;
            seen.value.clusters.insert(id(), report);
            for slot in slice.slots.values().filter(|slot| slot.identity.listeners.contains_key("INTERNAL")) {
                let file = slot.files.get("config/server.properties").context("settings")?;
                let text = String::from_utf8_lossy(self.known.files.get(file).context("their content")?);
                view.brokers.insert(slot.identity.node_id);
                view.broker_config.insert(slot.identity.node_id, settings(&read_properties(&text))?);
            }
        }
        let brokers: Vec<NodeId> = view.brokers.iter().copied().collect();
        for topic in 0..TOPICS {
            for index in 0..PARTITIONS_OF_A_TOPIC {
                let replicas: Vec<NodeId> =
                    (0..3).map(|copy| brokers[(topic + index + copy * 7) % brokers.len()]).collect();
                view.partitions.push(PartitionView {
                    topic: format!("topic-{topic}"),
                    index: i32::try_from(index)?,
                    leader: replicas.first().copied(),
                    in_sync: replicas.iter().copied().collect(),
                    replicas,
                    offline: BTreeSet::new(),
                    moving: false,
                });
            }
        }
        self.inventory.kafka = Some(Observed { at: self.now, value: view });
        self.current = Some(goal);
        Ok(())
    }
}

fn id() -> ClusterId {
    ClusterId::from_random([7; 16])
}

/// What a broker tells of what it can alter, when it started with `file`.
fn settings(file: &BTreeMap<String, String>) -> Result<BTreeMap<String, BrokerSetting>> {
    let version: KafkaVersion = KAFKA.parse()?;
    let table = PropertyTable::for_line(version.line()).context("a table of Kafka's properties")?;
    let dynamic = table.node_keys().filter(|property| property.update != UpdateMode::ReadOnly);
    let default = |default| match default {
        KafkaDefault::Value(value) => Some(value.to_owned()),
        KafkaDefault::Null | KafkaDefault::Required => None,
    };
    let of_table = dynamic.map(|property| (property.key.to_owned(), default(property.default)));
    let of_listeners = file.iter().filter(|(key, _)| key.starts_with("listener.name."));
    let all = of_table.chain(of_listeners.map(|(key, _)| (key.clone(), None)));
    let told = all.map(|(key, default)| {
        let value = file.get(&key).cloned().or(default);
        let setting =
            BrokerSetting { in_force: value.clone(), started_with: value, ..BrokerSetting::default() };
        (key, setting)
    });
    Ok(told.collect())
}
