//! The whole: hosts, the server, Kafka and clients, and the loop that lets them live.

mod faults;
mod finish;
mod orders;
mod questions;

use std::collections::BTreeMap;
use std::time::Duration;

use klamm_core::model::Sha256;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::around::Around;
use crate::clients::Clients;
use crate::command::{Command, Host};
use crate::history::Fleet;
use crate::host::HostState;
use crate::kafka::{Happening, Model, Timing, What};
use crate::message::Event;
use crate::points::Points;
use crate::record::Finding;
use crate::server::ServerState;
use orders::Operator;
pub(crate) use orders::REFUSED;

/// Until every agent has dialled and reported: the real server waits that long for a plan.
const FIRST_REPORTS: Duration = Duration::from_secs(1);

/// A simulated fleet.
#[derive(Debug)]
pub struct World {
    pub(crate) around: Around,
    pub(crate) hosts: BTreeMap<Host, HostState>,
    pub(crate) server: ServerState,
    pub(crate) clients: Clients,
    pub(crate) operator: Operator,
}

impl World {
    /// A fleet that has just got its power: server and agents run and know each other, nothing was asked of them yet.
    pub fn new(fleet: &Fleet) -> Self {
        let random = StdRng::seed_from_u64(fleet.seed);
        // The model is made for the cluster that the server will plan.
        let placeholder = Model::new(cluster_of(fleet.seed), Timing::default(), fleet.seed);
        let mut around = Around::new(random, placeholder);
        let mut server = ServerState::new(fleet.seed, cluster_of(fleet.seed), &around);
        let mut hosts: BTreeMap<Host, HostState> =
            (1..=fleet.hosts).map(Host::Agent).map(|host| (host, HostState::new(host))).collect();
        server.start(&mut around);
        for HostState { place, agent } in hosts.values_mut() {
            *agent = crate::agent::Agent::start(place, server.key(), &mut around);
        }
        let mut clients = Clients::default();
        clients.write(&mut around);
        let mut world = Self { around, hosts, server, clients, operator: Operator::new(&fleet.spec) };
        world.run_until(FIRST_REPORTS);
        world
    }

    /// Does one command, and gives what is answered.
    pub fn perform(&mut self, command: &Command) -> Vec<String> {
        match command {
            Command::Run(time) => {
                self.run_until(self.around.now + *time);
                Vec::new()
            }
            Command::Settle => self.settle(),
            Command::Order(order) => self.order(order),
            Command::Fault(fault) => {
                self.around.record.note(self.around.now, None, format!("-- {fault}"));
                self.strike(fault)
            }
            Command::Ask(question) => self.ask(question),
        }
    }

    /// What must not be and was.
    pub fn findings(&self) -> &[Finding] {
        &self.around.record.findings
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.around.record.events
    }

    /// Stands for everything that happened.
    pub fn digest(&self) -> Sha256 {
        self.around.record.digest()
    }

    /// Keeps what happens as lines for people from now on.
    pub fn keep_lines(&mut self) {
        self.around.record.is_read = true;
    }

    /// The lines since this was asked last.
    pub fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.around.record.lines)
    }

    /// Everybody who can die at a point.
    pub fn actors(&self) -> impl Iterator<Item = Host> {
        self.hosts.keys().copied().chain([Host::Server]).collect::<Vec<_>>().into_iter()
    }

    /// How many points an actor has passed.
    pub fn points(&self, actor: Host) -> u64 {
        self.points_of(actor).passed()
    }

    /// Has an actor die at a later point: 0 is the next one.
    pub fn doom(&mut self, actor: Host, point: u64) {
        self.points_of(actor).die_after(point);
    }

    /// Whether an actor has died at a point and was not started again.
    pub fn has_died(&self, actor: Host) -> bool {
        self.points_of(actor).is_dead()
    }

    fn points_of(&self, actor: Host) -> &Points {
        self.hosts.get(&actor).map_or(&self.server.points, |host| &host.place.disk.points)
    }

    /// Since the start of the history.
    pub fn now(&self) -> Duration {
        self.around.now
    }

    /// Lets everything happen up to a moment.
    pub(crate) fn run_until(&mut self, end: Duration) {
        loop {
            let kafka = self.around.kafka.next_event_at().unwrap_or(Duration::MAX);
            let queue = self.around.queue.next_at().unwrap_or(Duration::MAX);
            let next = kafka.min(queue);
            if next > end {
                break;
            }
            self.around.now = self.around.now.max(next);
            self.around.kafka.advance(self.around.now);
            if queue <= kafka
                && let Some((_, event)) = self.around.queue.take()
            {
                self.around.record.events += 1;
                self.happen(event);
            }
            self.tend_kafka();
            self.bury_the_dead();
            self.set_voters();
        }
        self.around.now = end;
        self.around.kafka.advance(end);
        self.tend_kafka();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives { from, to, life, message } => {
                if self.around.life(to) != life {
                    return;
                }
                match self.hosts.get_mut(&to) {
                    Some(HostState { place, agent: Some(agent) }) => {
                        agent.hear(message, place, &mut self.around)
                    }
                    Some(HostState { agent: None, .. }) => {}
                    None => {
                        let id = crate::host::host_id(from);
                        self.server.hear(from, &id, message, &mut self.around);
                    }
                }
            }
            Event::Wakes { host, life, timer } => {
                if self.around.life(host) != life {
                    return;
                }
                match self.hosts.get_mut(&host) {
                    Some(HostState { place, agent: Some(agent) }) => {
                        agent.woken(timer, place, &mut self.around)
                    }
                    Some(HostState { agent: None, .. }) => {}
                    None => self.server.woken(&mut self.around),
                }
            }
            Event::Write => self.clients.write(&mut self.around),
        }
    }

    /// Tells everybody what happened in Kafka.
    pub(crate) fn tend_kafka(&mut self) {
        loop {
            let happenings = self.around.kafka.take_happenings();
            if happenings.is_empty() {
                return;
            }
            for Happening { at: _, what } in happenings {
                self.around.record.events += 1;
                match &what {
                    What::Acknowledged { .. } => self.clients.acknowledged += 1,
                    What::NotWritten { .. } => {}
                    What::Answered { request, result } => {
                        self.around.record.note(self.around.now, None, &what);
                        self.server.kafka_answered(*request, *result, &mut self.around);
                    }
                    What::Exited { process, exit, .. } => {
                        self.around.record.note(self.around.now, None, &what);
                        self.exited(*process, exit);
                    }
                    What::ControllerElected { .. }
                    | What::ControllerResigned { .. }
                    | What::RegistrationRefused { .. }
                    | What::Fenced { .. }
                    | What::Unfenced { .. }
                    | What::LeaderChanged { .. }
                    | What::InSyncChanged { .. }
                    | What::MetadataLost => self.around.record.note(self.around.now, None, &what),
                }
            }
        }
    }

    fn exited(&mut self, process: crate::kafka::ProcessNumber, exit: &crate::kafka::Exit) {
        for HostState { place, agent } in self.hosts.values_mut() {
            let Some(slot) = place.slot_of(process) else { continue };
            place.processes.remove(&slot);
            self.around.note_end(&slot, place.host);
            if let crate::kafka::Exit::Code { log, .. } = exit {
                place.last_words.insert(slot.clone(), log.clone());
            }
            if let Some(agent) = agent {
                agent.process_exited(&slot, exit, place, &mut self.around);
            }
            return;
        }
    }

    /// Those who died at a point of theirs are gone; somebody starts them again.
    fn bury_the_dead(&mut self) {
        for HostState { place, agent } in self.hosts.values_mut() {
            if agent.is_some() && place.disk.points.is_dead() {
                *agent = None;
                self.around.end_life(place.host);
                self.around.record.note(self.around.now, Some(place.host), "the agent dies at a point");
            }
        }
        if self.server.serving.is_some() && self.server.points.is_dead() {
            self.kill_server();
        }
    }

    /// The server is gone, and with it every stream.
    pub(crate) fn kill_server(&mut self) {
        self.server.kill(&mut self.around);
        for HostState { place, agent } in self.hosts.values_mut() {
            if let Some(agent) = agent {
                agent.lose_stream(place, &mut self.around);
            }
        }
    }
}

/// The id of the only cluster of a seed.
fn cluster_of(seed: u64) -> klamm_core::model::ClusterId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    klamm_core::model::ClusterId::from_random(bytes)
}
