//! Plans of a small fleet: from nothing, again, after an edit, to the end.

use std::net::{IpAddr, Ipv4Addr};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::kafka::{NodeRole, Profile};
use crate::model::cluster::{
    AccessRule, CertificatePolicy, Heap, Listener, ListenerAuth, NodePorts, Policy, Pool, User, UserAuth,
};
use crate::model::inventory::{
    ClusterReport, HostFolders, HostReport, Observed, QuorumView, SlotReport, Stage,
};
use crate::model::plan::{Act, ChangeClass};
use crate::model::target::RunState;
use crate::model::{ByteCount, Epoch, NodeId};

const NOW: &str = "2026-01-01T00:00:00Z";

fn pool(roles: NodeRole, count: u16) -> Pool {
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

fn cluster() -> Cluster {
    let clients = Listener { port: 9092, auth: ListenerAuth::Mtls, bind: None, advertised: None };
    let admin = User { auth: UserAuth::Mtls, allow: vec![AccessRule::everything()] };
    Cluster {
        name: "dev".parse().unwrap(),
        profile: Profile::Laptop,
        kafka: "4.3.1".parse().unwrap(),
        pools: BTreeMap::from([("nodes".parse().unwrap(), pool(NodeRole::Combined, 3))]),
        listeners: BTreeMap::from([("clients".parse().unwrap(), clients)]),
        ports: NodePorts::DEFAULT,
        certificates: CertificatePolicy::DEFAULT,
        topics: BTreeMap::new(),
        users: BTreeMap::from([("admin".parse().unwrap(), admin)]),
        config: BTreeMap::new(),
        components: Default::default(),
        monitoring: Default::default(),
        policy: Policy::DEFAULT,
        artifacts: Default::default(),
    }
}

/// The world as a test sees it.
struct World {
    cluster: Cluster,
    current: Option<Target>,
    inventory: Inventory,
    reserved: BTreeMap<HostId, BTreeSet<u16>>,
}

impl World {
    fn new() -> Self {
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
        Self { cluster: cluster(), current: None, inventory, reserved: BTreeMap::new() }
    }

    fn plan(&self, want: Want) -> Result<Planned, PlanRefused> {
        let input = PlanInput {
            cluster: &self.cluster,
            spec: "cluster: dev\n",
            want,
            id: id(),
            current: self.current.as_ref(),
            inventory: &self.inventory,
            reserved_ports: &self.reserved,
            supply: &Supply { lock: Sha256::of(b"lock"), jar: Sha256::of(b"jar"), java: vec![25, 21, 17] },
            trust: &TrustBundles { nodes: "nodes".into(), users: "users".into() },
            now: NOW.parse().unwrap(),
        };
        plan(&input, &mut StdRng::seed_from_u64(1))
    }

    /// The goal was reached: the target is in force, every slot is as it says, Kafka holds what was asked for.
    fn reach(&mut self, planned: &Planned) {
        let goal = planned.goal.clone().unwrap();
        let stage = |run| match run {
            RunState::Running => Stage::Ready,
            RunState::Stopped => Stage::Stopped,
            RunState::Removed => Stage::Removed,
        };
        let slots = goal.slots().into_iter().map(|(name, (_, slot))| {
            (name.clone(), SlotReport { stage: stage(slot.run), ..SlotReport::waiting() })
        });
        let report = ClusterReport {
            epoch: Epoch(1),
            number: goal.number,
            root: goal.digest(),
            slots: slots.collect(),
        };
        self.inventory.hosts.get_mut(&host()).unwrap().value.clusters.insert(id(), report);
        let mut view = self.inventory.kafka.take().map(|view| view.value).unwrap_or_default();
        for step in &planned.plan.steps {
            if let Act::Configure { settings } = &step.act {
                view.cluster_config.extend(settings.clone());
            }
            if let Act::Grant { entries } = &step.act {
                view.access.extend(entries.clone());
            }
        }
        self.inventory.kafka = Some(seen(view));
        self.current = Some(goal);
    }
}

fn host() -> HostId {
    "laptop-1".parse().unwrap()
}

fn id() -> ClusterId {
    ClusterId::from_random([5; 16])
}

fn seen<T>(value: T) -> Observed<T> {
    Observed { at: NOW.parse().unwrap(), value }
}

fn titles(planned: &Planned) -> Vec<String> {
    planned.plan.steps.iter().map(|step| format!("{}: {}", step.class, step.act.title())).collect()
}

#[test]
fn from_nothing_three_nodes_are_created_and_a_second_plan_is_empty() {
    let mut world = World::new();
    let first = world.plan(Want::Up).unwrap();
    assert_eq!(
        titles(&first),
        [
            "none: create nodes-0, nodes-1, nodes-2",
            "dynamic: set min.insync.replicas=2",
            "dynamic: give access to admin"
        ]
    );
    let goal = first.goal.as_ref().unwrap();
    let ids: Vec<_> = goal.slots().values().map(|(_, slot)| slot.identity.node_id).collect();
    assert_eq!(ids, [NodeId(1), NodeId(2), NodeId(3)]);
    let missing: Vec<_> = goal.blobs().into_iter().filter(|blob| !first.blobs.contains_key(blob)).collect();
    assert_eq!(missing, [], "every blob of a new target was made");

    world.reach(&first);
    let second = world.plan(Want::Up).unwrap();
    assert_eq!(titles(&second), Vec::<String>::new());
    assert_eq!(second.goal.unwrap().slices, goal.slices);
}

#[test]
fn ports_that_are_taken_or_reserved_are_passed_over_and_then_kept_for_life() {
    let mut world = World::new();
    world.inventory.hosts.get_mut(&host()).unwrap().value.ports_taken = BTreeSet::from([9092, 9094]);
    world.reserved.insert(host(), BTreeSet::from([9093]));
    let first = world.plan(Want::Up).unwrap();
    let ports = |planned: &Planned| -> Vec<u16> {
        let goal = planned.goal.as_ref().unwrap();
        goal.slots().values().map(|(_, slot)| slot.identity.listeners["CLIENTS"].port).collect()
    };
    assert_eq!(ports(&first), [9095, 9096, 9097]);
    world.reach(&first);
    world.inventory.hosts.get_mut(&host()).unwrap().value.ports_taken = BTreeSet::from([9095, 9096, 9097]);
    assert_eq!(
        ports(&world.plan(Want::Up).unwrap()),
        [9095, 9096, 9097],
        "it is the node itself that listens"
    );
}

#[test]
fn an_edited_setting_restarts_one_node_after_the_other_and_the_active_controller_last() {
    let mut world = World::new();
    let first = world.plan(Want::Up).unwrap();
    world.reach(&first);
    let quorum = QuorumView { leader: Some(NodeId(1)), epoch: 1, voters: BTreeMap::new() };
    world.inventory.kafka.as_mut().unwrap().value.quorum = Some(quorum);
    world.cluster.config.insert("num.io.threads".into(), "3".into());
    let edited = world.plan(Want::Up).unwrap();
    assert_eq!(
        titles(&edited),
        ["restart: restart nodes-1", "restart: restart nodes-2", "restart: restart nodes-0"]
    );
    assert_eq!(edited.plan.steps[0].class, ChangeClass::Restart);

    let goal = edited.goal.as_ref().unwrap();
    let current = world.current.as_ref();
    let step = advance(current, goal, &edited.plan.steps[0].act.slots());
    let changed: Vec<String> = step
        .slots()
        .into_iter()
        .filter(|(name, (_, slot))| current.unwrap().slot(name) != Some(*slot))
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(changed, ["nodes-1"], "the target of a step changes the slots of the step alone");
    assert_eq!(step.parent, current.map(Target::digest));
}

#[test]
fn a_stopped_cluster_starts_again_as_it_was_and_a_destroyed_one_is_removed() {
    let mut world = World::new();
    let first = world.plan(Want::Up).unwrap();
    world.reach(&first);
    let down = world.plan(Want::Down).unwrap();
    assert_eq!(titles(&down), ["stop: stop nodes-0, nodes-1, nodes-2"]);
    world.reach(&down);
    assert!(world.plan(Want::Down).unwrap().plan.is_empty());
    world.inventory.kafka = None;
    let again = world.plan(Want::Up).unwrap();
    assert_eq!(titles(&again)[0], "none: start nodes-0, nodes-1, nodes-2");
    assert_eq!(again.goal.unwrap().slices, first.goal.unwrap().slices);
    assert_eq!(titles(&world.plan(Want::Destroyed).unwrap()), ["delete: delete nodes-0, nodes-1, nodes-2"]);
}

#[test]
fn what_is_not_done_yet_is_refused_by_name() {
    let mut world = World::new();
    let first = world.plan(Want::Up).unwrap();
    world.reach(&first);
    world.cluster.pools.values_mut().for_each(|pool| pool.count = 5);
    assert!(matches!(world.plan(Want::Up), Err(PlanRefused::NotSupported { .. })));
    world.cluster = cluster();
    world.cluster.listeners.values_mut().for_each(|listener| listener.port = 9999);
    assert!(matches!(world.plan(Want::Up), Err(PlanRefused::NotSupported { .. })));
}

#[test]
fn a_silent_host_is_unknown_and_not_gone() {
    let mut world = World::new();
    let first = world.plan(Want::Up).unwrap();
    world.reach(&first);
    world.inventory.hosts.clear();
    assert!(matches!(world.plan(Want::Up), Err(PlanRefused::NoHost { .. })), "no slot moves to another host");
}

#[test]
fn nodes_that_are_not_ready_are_waited_for() {
    let mut world = World::new();
    let first = world.plan(Want::Up).unwrap();
    world.reach(&first);
    let report = world.inventory.hosts.get_mut(&host()).unwrap().value.clusters.get_mut(&id()).unwrap();
    report.slots.get_mut(&"nodes-1".parse().unwrap()).unwrap().stage = Stage::Launching;
    assert_eq!(titles(&world.plan(Want::Up).unwrap()), ["none: wait for nodes-1"]);
}
