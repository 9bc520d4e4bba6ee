//! A recording's acts on the model.

use std::collections::BTreeMap;
use std::time::Duration;

use klamm_core::kafka::NodeRole;
use klamm_core::kafka::storage::MetaProperties;
use klamm_core::model::{ClusterId, DirectoryId, NodeId};

use super::recording::{Act, Entry, Line, Recording};
use super::sorted_by_subject;
use crate::kafka::{
    BrokerState, DiskNumber, HostNumber, Launch, Model, ProcessNumber, Request, Storage, Timing, VoterKey,
    What, WhyFenced,
};

const NODES: [u32; 3] = [1, 2, 3];

/// How often the states of the nodes are looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The cluster must be whole after this long, or it never is.
const WHOLE: Duration = Duration::from_secs(60);

/// Where the clients are.
const CLIENT: HostNumber = HostNumber(100);

/// One history of the model.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) by_subject: BTreeMap<String, Vec<Line>>,
}

struct Cluster {
    kafka: Model,
    runs: BTreeMap<u32, ProcessNumber>,
    states: BTreeMap<u32, BrokerState>,
    lines: Vec<Line>,
}

/// Plays the recording on clusters of the model that begin as the recorded one did.
pub(super) fn replay(recording: &Recording, histories: u64) -> Vec<Replay> {
    // One cluster in three has the active controller that the recording had.
    let fitting = (0..histories * 12).filter_map(|seed| Cluster::ready(recording, seed));
    let fitting = fitting.take(usize::try_from(histories).unwrap_or(usize::MAX));
    fitting.map(|cluster| cluster.play(recording)).collect()
}

impl Cluster {
    /// A whole cluster with the topic; none if another node is the active controller.
    fn ready(recording: &Recording, seed: u64) -> Option<Self> {
        let mut timing = Timing {
            boot: recording.boot,
            boot_jitter: Duration::from_millis(200),
            ending: recording.ending,
            ..Timing::default()
        };
        // One log is checked, and ten segments of it.
        timing.segment_recovery = recording.log_recovery / (SEGMENTS + 1);
        let kafka = Model::new(ClusterId::from_random([1; 16]), timing, seed);
        let mut cluster = Self { kafka, runs: BTreeMap::new(), states: BTreeMap::new(), lines: Vec::new() };
        NODES.iter().for_each(|node| cluster.start(*node));
        cluster.pass_until(|cluster| NODES.iter().all(|node| cluster.is_running(*node)))?;
        let topic = Request::CreateTopic {
            name: "orders".to_owned(),
            partitions: 1,
            replicas: 3,
            config: BTreeMap::new(),
        };
        cluster.kafka.ask(CLIENT, topic);
        cluster.pass_until(|cluster| {
            cluster
                .kafka
                .view(CLIENT)
                .is_some_and(|view| view.partitions.iter().any(|it| it.in_sync.len() == 3))
        })?;
        // Heartbeats and fetches are in another place of their interval in each history.
        let rest = Duration::from_secs(2) + Duration::from_millis(seed * 37 % 2_000);
        cluster.kafka.advance(cluster.kafka.now() + rest);
        let leader = cluster.kafka.view(CLIENT)?.quorum?.leader?;
        (leader == NodeId(recording.controller)).then_some(cluster)
    }

    fn pass_until(&mut self, holds: impl Fn(&Self) -> bool) -> Option<()> {
        let deadline = self.kafka.now() + WHOLE;
        while !holds(self) {
            let next = self.kafka.now() + LOOK;
            if next > deadline {
                return None;
            }
            self.kafka.advance(next);
        }
        Some(())
    }

    fn is_running(&self, node: u32) -> bool {
        let status = self.runs.get(&node).and_then(|run| self.kafka.status(*run));
        status.is_some_and(|status| status.broker == Some(BrokerState::Running))
    }

    fn start(&mut self, node: u32) {
        let key = |node: u32| VoterKey { node: NodeId(node), directory: directory(node) };
        let meta = MetaProperties {
            cluster_id: self.kafka.cluster(),
            node_id: NodeId(node),
            directory_id: Some(directory(node)),
        };
        let run = self.kafka.launch(Launch {
            host: HostNumber(u16::try_from(node).unwrap_or(0)),
            disk: DiskNumber(node),
            node: NodeId(node),
            role: NodeRole::Combined,
            storage: Storage::Formatted { meta, voters: NODES.map(key).to_vec() },
            refused: None,
            min_in_sync: 2,
        });
        self.runs.insert(node, run);
    }

    fn play(mut self, recording: &Recording) -> Replay {
        self.kafka.take_happenings();
        for node in NODES {
            self.kafka.set_unchecked_segments(DiskNumber(node), u64::from(SEGMENTS));
            self.states.insert(node, BrokerState::Running);
        }
        let begin = self.kafka.now();
        for line in recording.lines.iter() {
            if let Entry::Did { act, node } = line.entry {
                self.listen(begin, line.at);
                self.act(act, node);
            }
        }
        // What Kafka did just before the recording ended, the model may do a little later.
        self.listen(begin, recording.end() + recording.end() / 5 + Duration::from_secs(1));
        Replay { by_subject: sorted_by_subject(self.lines.into_iter()) }
    }

    fn act(&mut self, act: Act, node: u32) {
        let Some(run) = self.runs.get(&node).copied() else { return };
        match act {
            Act::Kill => self.kafka.kill(run),
            Act::Stop => self.kafka.terminate(run),
            Act::Start => self.start(node),
            Act::Wipe => self.kafka.wipe(DiskNumber(node)),
            Act::Freeze => self.kafka.freeze(run),
            Act::Thaw => self.kafka.thaw(run),
        }
    }

    /// Lets time pass until `to` and writes down what Kafka's logs would tell.
    fn listen(&mut self, begin: Duration, to: Duration) {
        while self.kafka.now() < begin + to {
            let next = (self.kafka.now() + LOOK).min(begin + to);
            self.kafka.advance(next);
            for happening in self.kafka.take_happenings() {
                if is_told(&happening.what) {
                    let entry = Entry::Saw(words(&happening.what));
                    self.lines.push(Line { at: happening.at - begin, entry });
                }
            }
            self.look_at_states(begin);
        }
    }

    fn look_at_states(&mut self, begin: Duration) {
        for node in NODES {
            let Some(status) = self.runs.get(&node).and_then(|run| self.kafka.status(*run)) else { continue };
            let Some(state) = status.broker else { continue };
            if self.states.insert(node, state) != Some(state)
                && let Some(word) = state_word(state)
            {
                let entry = Entry::Saw(format!("node {node} {word}"));
                self.lines.push(Line { at: self.kafka.now() - begin, entry });
            }
        }
    }
}

/// Segments that are checked besides the one of the log.
const SEGMENTS: u32 = 9;

fn directory(node: u32) -> DirectoryId {
    DirectoryId::from_random([u8::try_from(node).unwrap_or(0); 16])
}

/// Whether Kafka's own logs tell it.
fn is_told(what: &What) -> bool {
    match what {
        What::Exited { .. }
        | What::ControllerElected { .. }
        | What::RegistrationRefused { .. }
        | What::Fenced { why: WhyFenced::SessionExpired | WhyFenced::ShutDown, .. }
        | What::Unfenced { .. }
        | What::LeaderChanged { .. }
        | What::InSyncChanged { .. } => true,
        What::Fenced { why: WhyFenced::Registered, .. }
        | What::Acknowledged { .. }
        | What::NotWritten { .. }
        | What::Answered { .. }
        | What::MetadataLost
        | What::ControllerResigned { .. } => false,
    }
}

/// A happening in the words of a recording: epochs of the quorum are not compared.
fn words(what: &What) -> String {
    let said = what.to_string();
    match what {
        What::ControllerElected { node, .. } => format!("node {node} is the active controller"),
        What::Exited { .. }
        | What::RegistrationRefused { .. }
        | What::Fenced { .. }
        | What::Unfenced { .. }
        | What::LeaderChanged { .. }
        | What::InSyncChanged { .. }
        | What::Acknowledged { .. }
        | What::NotWritten { .. }
        | What::Answered { .. }
        | What::MetadataLost
        | What::ControllerResigned { .. } => said,
    }
}

/// A broker's state in the words of a recording.
fn state_word(state: BrokerState) -> Option<&'static str> {
    match state {
        BrokerState::NotRunning => None,
        BrokerState::Starting => Some("starts"),
        BrokerState::Recovery => Some("has caught up"),
        BrokerState::Running => Some("runs"),
        BrokerState::PendingControlledShutdown => Some("waits to stop"),
        BrokerState::ShuttingDown => Some("closes its logs"),
    }
}
