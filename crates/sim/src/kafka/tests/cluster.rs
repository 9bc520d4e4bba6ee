//! A small cluster with a client, and what a test wants to say about it in a few words.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use klamm_core::kafka::NodeRole;
use klamm_core::kafka::storage::MetaProperties;
use klamm_core::model::inventory::{KafkaView, PartitionView};
use klamm_core::model::{ClusterId, DirectoryId, NodeId};

use crate::kafka::{
    Acks, BrokerState, DiskNumber, Exit, Happening, HostNumber, KafkaError, Launch, Model, PartitionName,
    ProcessNumber, RecordNumber, Request, Storage, Timing, VoterKey, What,
};

/// Where clients and Klamm's server are: no node is there.
pub(super) const CLIENT: HostNumber = HostNumber(100);

/// Node N is on host N and disk N.
pub(super) struct Cluster {
    pub(super) kafka: Model,
    roles: BTreeMap<u32, NodeRole>,
    pub(super) runs: BTreeMap<u32, ProcessNumber>,
    pub(super) history: Vec<Happening>,
    records: u64,
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(super) fn nodes(ids: &[u32]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

pub(super) fn directory(node: u32) -> DirectoryId {
    DirectoryId::from_random([u8::try_from(node).unwrap(); 16])
}

impl Cluster {
    /// Nodes from 1 on, nothing started.
    pub(super) fn of(roles: &[NodeRole], seed: u64) -> Self {
        let cluster = ClusterId::from_random([9; 16]);
        let kafka = Model::new(cluster, Timing::default(), seed);
        let roles = (1..).zip(roles.iter().copied()).collect();
        Self { kafka, roles, runs: BTreeMap::new(), history: Vec::new(), records: 0 }
    }

    /// Three combined nodes that run.
    pub(super) fn combined(seed: u64) -> Self {
        Self::running(&[NodeRole::Combined; 3], seed)
    }

    /// Controllers 1 to 3 and brokers 4 to 6 that run.
    pub(super) fn separate(seed: u64) -> Self {
        let roles = [[NodeRole::Controller; 3], [NodeRole::Broker; 3]].concat();
        Self::running(&roles, seed)
    }

    fn running(roles: &[NodeRole], seed: u64) -> Self {
        let mut cluster = Self::of(roles, seed);
        let all: Vec<u32> = cluster.roles.keys().copied().collect();
        all.iter().for_each(|node| cluster.start(*node));
        cluster.until("all brokers run", seconds(30), |cluster| {
            cluster.brokers().iter().all(|node| cluster.state(*node) == Some(BrokerState::Running))
        });
        cluster
    }

    fn brokers(&self) -> Vec<u32> {
        self.roles.iter().filter(|(_, role)| role.is_broker()).map(|(node, _)| *node).collect()
    }

    pub(super) fn voters(&self) -> Vec<VoterKey> {
        let voters = self.roles.iter().filter(|(_, role)| role.is_controller());
        voters.map(|(node, _)| VoterKey { node: NodeId(*node), directory: directory(*node) }).collect()
    }

    pub(super) fn launch_of(&self, node: u32) -> Launch {
        let meta = MetaProperties {
            cluster_id: self.kafka.cluster(),
            node_id: NodeId(node),
            directory_id: Some(directory(node)),
        };
        Launch {
            host: HostNumber(u16::try_from(node).unwrap()),
            disk: DiskNumber(node),
            node: NodeId(node),
            role: self.roles[&node],
            storage: Storage::Formatted { meta, voters: self.voters() },
            refused: None,
            min_in_sync: 2,
        }
    }

    pub(super) fn start(&mut self, node: u32) {
        let launch = self.launch_of(node);
        let run = self.kafka.launch(launch);
        self.runs.insert(node, run);
    }

    pub(super) fn stop(&mut self, node: u32) {
        self.kafka.terminate(self.runs[&node]);
    }

    pub(super) fn kill(&mut self, node: u32) {
        self.kafka.kill(self.runs[&node]);
    }

    pub(super) fn freeze(&mut self, node: u32) {
        self.kafka.freeze(self.runs[&node]);
    }

    pub(super) fn thaw(&mut self, node: u32) {
        self.kafka.thaw(self.runs[&node]);
    }

    /// Cuts a node off from all other hosts, both ways.
    pub(super) fn cut_off(&mut self, node: u32) {
        self.each_link(node, |kafka, one, other| kafka.cut(one, other));
    }

    pub(super) fn reconnect(&mut self, node: u32) {
        self.each_link(node, |kafka, one, other| kafka.heal(one, other));
    }

    fn each_link(&mut self, node: u32, act: impl Fn(&mut Model, HostNumber, HostNumber)) {
        let here = HostNumber(u16::try_from(node).unwrap());
        let others = self.roles.keys().map(|other| HostNumber(u16::try_from(*other).unwrap()));
        for other in others.chain([CLIENT]).filter(|other| *other != here) {
            act(&mut self.kafka, here, other);
            act(&mut self.kafka, other, here);
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let to = self.kafka.now() + time;
        self.kafka.advance(to);
        let happened = self.kafka.take_happenings();
        self.history.extend(happened);
    }

    /// Lets time pass in small steps until something holds; how long that took.
    pub(super) fn until(&mut self, what: &str, most: Duration, holds: impl Fn(&Self) -> bool) -> Duration {
        let begun = self.kafka.now();
        while !holds(self) {
            assert!(self.kafka.now() - begun < most, "not within {most:?}: {what}\n{}", self.told());
            self.pass(ms(10));
        }
        self.kafka.now() - begun
    }

    /// The history as a person reads it.
    pub(super) fn told(&self) -> String {
        let lines =
            self.history.iter().map(|Happening { at, what }| format!("{:8.3} {what}\n", at.as_secs_f64()));
        lines.collect()
    }

    pub(super) fn state(&self, node: u32) -> Option<BrokerState> {
        self.kafka.status(self.runs[&node])?.broker
    }

    pub(super) fn is_alive(&self, node: u32) -> bool {
        self.kafka.is_alive(self.runs[&node])
    }

    pub(super) fn view(&self) -> KafkaView {
        self.kafka.view(CLIENT).expect("the cluster can be looked at")
    }

    pub(super) fn leader(&self) -> Option<u32> {
        Some(self.kafka.view(CLIENT)?.quorum?.leader?.0)
    }

    pub(super) fn partition(&self, topic: &str, index: i32) -> PartitionView {
        let partitions = self.view().partitions;
        partitions
            .into_iter()
            .find(|it| it.topic == topic && it.index == index)
            .expect("the partition is there")
    }

    /// Who is in sync on partition 0 of a topic; nobody while a look fails.
    pub(super) fn in_sync(&self, topic: &str) -> BTreeSet<NodeId> {
        let partitions = self.kafka.view(CLIENT).map(|view| view.partitions).unwrap_or_default();
        let partition = partitions.into_iter().find(|it| it.topic == topic && it.index == 0);
        partition.map(|it| it.in_sync).unwrap_or_default()
    }

    /// Waits until a started node runs and is in every in-sync set again.
    pub(super) fn until_back(&mut self, node: u32) {
        self.until("it runs", seconds(60), |cluster| cluster.state(node) == Some(BrokerState::Running));
        self.until("all is in sync", seconds(60), |cluster| {
            let view = cluster.kafka.view(CLIENT);
            view.is_some_and(|view| view.partitions.iter().all(|it| it.in_sync.len() == it.replicas.len()))
        });
    }

    /// Asks and waits for the answer.
    pub(super) fn ask(&mut self, request: Request) -> Result<(), KafkaError> {
        let asked = self.kafka.ask(CLIENT, request);
        self.until("the answer", seconds(30), |cluster| cluster.answer_to(asked).is_some());
        self.answer_to(asked).unwrap()
    }

    pub(super) fn answer_to(&self, asked: crate::kafka::RequestNumber) -> Option<Result<(), KafkaError>> {
        self.history.iter().find_map(|happening| {
            let What::Answered { request, result } = &happening.what else { return None };
            (*request == asked).then_some(*result)
        })
    }

    pub(super) fn topic(&mut self, name: &str, partitions: u32) {
        let config = BTreeMap::new();
        let request = Request::CreateTopic { name: name.to_owned(), partitions, replicas: 3, config };
        self.ask(request).unwrap();
        self.until("the topic is known and in sync", seconds(5), |cluster| {
            let known = cluster.view().partitions;
            known.iter().filter(|it| it.topic == name).count() == partitions as usize
                && known.iter().all(|it| it.in_sync.len() == 3 && it.leader.is_some())
        });
        // Fetchers of a new topic need a moment.
        self.pass(seconds(1));
    }

    /// Writes a record to partition 0 of a topic; how it went is in the history.
    pub(super) fn write(&mut self, topic: &str, acks: Acks) -> Result<RecordNumber, KafkaError> {
        self.records += 1;
        let record = RecordNumber(self.records);
        self.kafka.produce(CLIENT, record, &PartitionName::new(topic, 0), acks)?;
        Ok(record)
    }

    /// Writes a record and waits until it is acknowledged.
    pub(super) fn write_safely(&mut self, topic: &str) -> RecordNumber {
        let record = self.write(topic, Acks::All).unwrap();
        self.until("the record is acknowledged", seconds(5), |cluster| cluster.is_acknowledged(record));
        record
    }

    pub(super) fn is_acknowledged(&self, wanted: RecordNumber) -> bool {
        self.history.iter().any(|it| it.what == What::Acknowledged { record: wanted })
    }

    pub(super) fn exit_of(&self, run: ProcessNumber) -> Option<Exit> {
        self.history.iter().find_map(|happening| {
            let What::Exited { process, node: _, exit } = &happening.what else { return None };
            (*process == run).then(|| exit.clone())
        })
    }

    /// When something happened first since `since`.
    pub(super) fn when(&self, since: Duration, is_meant: impl Fn(&What) -> bool) -> Option<Duration> {
        self.history.iter().find(|it| it.at >= since && is_meant(&it.what)).map(|it| it.at)
    }
}
