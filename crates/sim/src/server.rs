//! The server: the real store, planner, executor and permit desk, over a simulated network.

mod answers;
mod orders;

use std::collections::BTreeMap;
use std::time::Duration;

use klamm_core::api::{Delivery, Want};
use klamm_core::machines::executor::{Action, Executor, InsideKafka, Look};
use klamm_core::machines::permits::PermitDesk;
use klamm_core::model::inventory::{HostReport, Inventory, KafkaView, Observed};
use klamm_core::model::run::RunState;
use klamm_core::model::target::Target;
use klamm_core::model::{ClusterId, Epoch, HostId, Moment, Sha256, TargetNumber};
use klamm_core::planner::{Supply, TrustBundles};
use klamm_core::signature::{SigningKey, VerifyingKey};
use klamm_pki::{Authority, AuthorityKind, NewAuthority, PrivateKey, Serial, Validity};
use klamm_store::{Store, StoreError};
use rand::RngExt as _;

use crate::agent::chain;
use crate::around::{Around, number};
use crate::command::Host;
use crate::kafka::{KafkaError, RequestNumber};
use crate::message::{Message, Timer};
use crate::points::Points;
use crate::record::Rule;
use crate::request;

pub(crate) use orders::topics_of;

/// How long an act inside Kafka may take, as in the real one.
const ACT: Duration = Duration::from_secs(20);
/// The longest until an agent notices that its stream is dead.
const NOTICED_AFTER: Duration = Duration::from_secs(15);

/// The server: what it keeps, and what it is while it runs.
#[derive(Debug)]
pub(crate) struct ServerState {
    /// What survives it.
    pub(crate) store: Store,
    /// What was remembered of the store.
    remembered: Option<Store>,
    signing: SigningKey,
    nodes: Authority,
    trust: TrustBundles,
    supply: Supply,
    /// The only cluster of the simulation.
    pub(crate) cluster: ClusterId,
    /// Where it can die.
    pub(crate) points: Points,
    /// While it runs.
    pub(crate) serving: Option<Serving>,
    /// The target in force, read once: the store is asked again only after it was written.
    current: Option<Target>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Serving {
    epoch: Epoch,
    /// Reports, and the last look at Kafka of whoever took one.
    inventory: Inventory,
    /// What each stream was told.
    streams: BTreeMap<Host, Option<TargetNumber>>,
    /// The run that goes on.
    pub(crate) executor: Option<Executor>,
    desk: PermitDesk,
    /// The call inside Kafka that is not answered yet, and until when it is waited for.
    calling: Option<(RequestNumber, Duration)>,
    /// When the run is looked at next; in the past where it is not.
    looks_at: Duration,
}

impl ServerState {
    pub(crate) fn new(seed: u64, cluster: ClusterId, around: &Around) -> Self {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let nodes = authority(around);
        let trust = TrustBundles { nodes: nodes.certificate_pem().to_owned(), users: "users\n".to_owned() };
        Self {
            store: Store::in_memory().expect("a store in memory can be made"),
            remembered: None,
            signing: SigningKey::from_seed(&bytes),
            nodes,
            trust,
            supply: Supply { lock: Sha256::of(b"lock"), jar: Sha256::of(b"jar"), java: vec![25, 21, 17] },
            cluster,
            points: Points::default(),
            serving: None,
            current: None,
        }
    }

    /// The target in force.
    pub(crate) fn current(&self) -> Option<&Target> {
        self.current.as_ref()
    }

    /// What the run that goes on ends with, else the target in force.
    pub(crate) fn goal(&self) -> Option<&Target> {
        let executor = self.serving.as_ref().and_then(|serving| serving.executor.as_ref());
        executor.map(|executor| &executor.run().goal).or(self.current.as_ref())
    }

    /// Remembers the store as it is.
    pub(crate) fn snapshot(&mut self) {
        self.remembered = self.store.copy().ok();
    }

    /// Puts the remembered store back; whether there is one.
    pub(crate) fn restore(&mut self) -> bool {
        match self.remembered.as_ref().and_then(|remembered| remembered.copy().ok()) {
            Some(store) => {
                self.store = store;
                true
            }
            None => false,
        }
    }

    /// What agents verify targets with.
    pub(crate) fn key(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    /// Starts: a new epoch, and the run that was cut short.
    pub(crate) fn start(&mut self, around: &mut Around) {
        self.points.revive();
        around.begin_life(Host::Server);
        let started = self.store.raise_epoch().and_then(|epoch| {
            let run = self.store.latest_run(self.cluster)?;
            Ok((epoch, run, self.store.current_target(self.cluster)?))
        });
        let (epoch, run, current) = match started {
            Ok(started) => started,
            Err(error) => return self.surprise(&error, around),
        };
        around.record.note(around.now, Some(Host::Server), format!("the server starts epoch {}", epoch.0));
        self.current = current;
        let now = moment(around);
        // A destroyed cluster whose row is still there was about to be forgotten.
        let ended = run.clone().filter(|run| run.state == RunState::Done && run.want() == Want::Destroyed);
        let resumed = run.filter(|run| run.state == RunState::Running).map(|run| Executor::new(run, now));
        self.serving = Some(Serving {
            epoch,
            inventory: Inventory::default(),
            streams: BTreeMap::new(),
            executor: resumed,
            desk: PermitDesk::default(),
            calling: None,
            looks_at: Duration::ZERO,
        });
        if ended.is_some() && self.current.is_some() {
            self.forget(around);
        }
        around.wake(Host::Server, around.now, Timer::Look);
    }

    /// It is gone; its store is as the last commit left it.
    pub(crate) fn kill(&mut self, around: &mut Around) {
        if self.serving.take().is_some() {
            around.end_life(Host::Server);
            around.record.note(around.now, Some(Host::Server), "the server dies");
        }
    }

    /// A message reaches it.
    pub(crate) fn hear(&mut self, from: Host, id: &HostId, message: Message, around: &mut Around) {
        let Some(serving) = &mut self.serving else { return };
        match message {
            Message::Hello => {
                serving.streams.insert(from, None);
                self.announce(around);
            }
            Message::Report(report) => self.take_report(from, id, *report, around),
            Message::Asks { ask, wanted } => {
                let answer = self.answer(id, wanted, around);
                if !self.points.is_dead() {
                    around.send(Host::Server, from, Message::Answers { ask, answer });
                }
            }
            Message::Target(_)
            | Message::Destroyed(_)
            | Message::Reported { .. }
            | Message::Answers { .. } => {}
        }
    }

    fn take_report(&mut self, from: Host, id: &HostId, report: HostReport, around: &mut Around) {
        let known = self.current.is_some();
        let destroyed = report.clusters.keys().filter(|cluster| !known || **cluster != self.cluster).copied();
        let destroyed = destroyed.collect();
        let Some(serving) = &mut self.serving else { return };
        let at = around.wall(Host::Server);
        serving.inventory.hosts.insert(id.clone(), Observed { at, value: report });
        around.send(Host::Server, from, Message::Reported { destroyed });
        self.drive(around);
    }

    /// Hands the target in force to every stream that was not told of it.
    fn announce(&mut self, around: &mut Around) {
        let Some(serving) = &mut self.serving else { return };
        let number = self.current.as_ref().map(|target| target.number);
        let mut broken = Vec::new();
        for (host, told) in &mut serving.streams {
            if *told == number {
                continue;
            }
            let message = match &self.current {
                Some(target) => {
                    let id = crate::host::host_id(*host);
                    let Some(slice) = target.slices.get(&id) else { continue };
                    let slice = String::from_utf8(slice.to_bytes()).expect("JSON is UTF-8");
                    let signed = self.signing.sign(&target.root(serving.epoch));
                    let delivery = Delivery { signed, slice };
                    let handed = around.handed.entry(*host).or_default();
                    if handed[1].as_ref() != Some(&delivery) {
                        *handed = [handed[1].take(), Some(delivery.clone())];
                    }
                    Message::Target(delivery)
                }
                None => Message::Destroyed(self.cluster),
            };
            if around.send(Host::Server, *host, message) {
                *told = number;
            } else {
                broken.push(*host);
            }
        }
        for host in broken {
            serving.streams.remove(&host);
            let late = around.random.random_range(500..=NOTICED_AFTER.as_millis() as u64);
            around.wake(host, around.now + Duration::from_millis(late), Timer::Broken);
        }
    }

    /// Does what the run says next, until it waits.
    pub(crate) fn drive(&mut self, around: &mut Around) {
        while let Some(action) = self.next_action(around) {
            match action {
                Action::Publish { target, entry } => {
                    let at = around.wall(Host::Server);
                    match self.durably(|store| store.publish(&target, &entry, at)) {
                        Durably::Done(()) => {
                            around.record.note(around.now, Some(Host::Server), &entry.event);
                            around.check_ids(&target);
                            self.current = Some(*target);
                            self.announce(around);
                        }
                        Durably::Refused(error) => self.not_done(&error),
                        Durably::Died => return,
                    }
                }
                Action::InsideKafka { call, entry } => {
                    if let Some(entry) = entry {
                        let at = around.wall(Host::Server);
                        match self.durably(|store| store.note(&entry, at)) {
                            Durably::Done(()) => {
                                around.record.note(around.now, Some(Host::Server), &entry.event);
                            }
                            Durably::Refused(error) => {
                                self.not_done(&error);
                                continue;
                            }
                            Durably::Died => return,
                        }
                    }
                    self.call(&call, around);
                    return;
                }
                Action::Progress { next_step, state, entry } => {
                    let at = around.wall(Host::Server);
                    let Some(run) = self.executor().map(|executor| executor.run().id) else { return };
                    let written =
                        self.durably(|store| store.advance(run, next_step, &state, entry.as_ref(), at));
                    match written {
                        Durably::Done(()) => {
                            let event =
                                entry.map_or_else(|| format!("step {next_step}"), |entry| entry.event);
                            around.record.note(around.now, Some(Host::Server), format!("run {run}: {event}"));
                        }
                        Durably::Refused(error) => self.not_done(&error),
                        Durably::Died => return,
                    }
                }
                Action::Wait { again_in } => {
                    let Some(serving) = &mut self.serving else { return };
                    let wake = around.now + again_in;
                    // One reminder is enough, unless it comes too late.
                    if serving.looks_at <= around.now || serving.looks_at > wake {
                        serving.looks_at = wake;
                        around.wake(Host::Server, wake, Timer::Look);
                    }
                    return;
                }
                Action::Ended => return self.ended(around),
            }
        }
    }

    fn next_action(&mut self, around: &Around) -> Option<Action> {
        if self.points.is_dead() {
            return None;
        }
        let current = self.current.as_ref();
        let serving = self.serving.as_mut()?;
        if serving.calling.is_some() {
            return None;
        }
        let executor = serving.executor.as_mut()?;
        let now = moment(around);
        let needs = executor.needs_kafka(&Look { current, inventory: &serving.inventory }, now);
        serving.inventory.kafka = if needs { look(around) } else { None };
        Some(executor.next(&Look { current, inventory: &serving.inventory }, now))
    }

    fn executor(&mut self) -> Option<&mut Executor> {
        self.serving.as_mut()?.executor.as_mut()
    }

    fn not_done(&mut self, error: &StoreError) {
        let reason = chain(error);
        if let Some(executor) = self.executor() {
            executor.not_done(reason);
        }
    }

    /// The run has ended; a destroyed cluster is forgotten.
    fn ended(&mut self, around: &mut Around) {
        let Some(executor) = self.serving.as_mut().and_then(|serving| serving.executor.take()) else {
            return;
        };
        let run = executor.run();
        let slots = self.current.as_ref().map(Target::slots);
        if run.state == RunState::Done && slots.is_some_and(|slots| slots != run.goal.slots()) {
            let what = format!("run {} is done, and its goal is not in force", run.id);
            around.record.find(around.now, Rule::DoneIsDone, what);
        }
        if run.state == RunState::Done && run.want() == Want::Destroyed {
            self.forget(around);
        }
    }

    fn forget(&mut self, around: &mut Around) {
        let cluster = self.cluster;
        match self.durably(|store| store.forget_cluster(cluster)) {
            Durably::Done(()) => {
                around.record.note(around.now, Some(Host::Server), "the cluster is forgotten");
                self.current = None;
                self.announce(around);
            }
            Durably::Refused(error) => self.surprise(&error, around),
            Durably::Died => {}
        }
    }

    fn call(&mut self, call: &InsideKafka, around: &mut Around) {
        let Some(serving) = &mut self.serving else { return };
        if !self.points.pass() {
            return;
        }
        let until = around.now + ACT;
        serving.calling = Some((around.kafka.ask(number(Host::Server), request::of(call)), until));
        self.points.pass();
        around.wake(Host::Server, until, Timer::Look);
    }

    /// Kafka answered a call, perhaps one of an earlier life.
    pub(crate) fn kafka_answered(
        &mut self,
        request: RequestNumber,
        result: Result<(), KafkaError>,
        around: &mut Around,
    ) {
        let Some(serving) = &mut self.serving else { return };
        if serving.calling.is_some_and(|(calling, _)| calling == request) {
            serving.calling = None;
            let now = moment(around);
            if let Some(executor) = &mut serving.executor {
                executor.inside_kafka_answered(result.map_err(|error| error.to_string()), now);
            }
            self.drive(around);
        }
    }

    /// It is woken.
    pub(crate) fn woken(&mut self, around: &mut Around) {
        let Some(serving) = &mut self.serving else { return };
        if serving.calling.is_some_and(|(_, until)| until <= around.now) {
            serving.calling = None;
            let now = moment(around);
            if let Some(executor) = &mut serving.executor {
                executor.inside_kafka_answered(Err("the cluster did not answer".to_owned()), now);
            }
        }
        self.drive(around);
    }

    /// One transaction, before and after which the server can die.
    fn durably<T>(&mut self, work: impl FnOnce(&mut Store) -> Result<T, StoreError>) -> Durably<T> {
        if !self.points.pass() {
            return Durably::Died;
        }
        match work(&mut self.store) {
            Ok(value) if self.points.pass() => Durably::Done(value),
            Ok(_) => Durably::Died,
            Err(error) => Durably::Refused(error),
        }
    }

    fn surprise(&self, error: &StoreError, around: &mut Around) {
        around.record.find(around.now, Rule::NoSurprise, chain(error));
    }
}

/// What came of a transaction.
enum Durably<T> {
    Done(T),
    Refused(StoreError),
    Died,
}

/// Now, as the server's machines are told it.
pub(crate) fn moment(around: &Around) -> Moment {
    Moment { elapsed: around.now, wall: around.wall(Host::Server) }
}

/// What the server sees of Kafka.
fn look(around: &Around) -> Option<Observed<KafkaView>> {
    let value = around.kafka.view(number(Host::Server))?;
    Some(Observed { at: around.wall(Host::Server), value })
}

/// The authority of nodes. Its key differs from run to run and shows nowhere.
fn authority(around: &Around) -> Authority {
    let now = around.wall(Host::Server);
    let new = NewAuthority {
        kind: AuthorityKind::Nodes,
        owner: "sim".parse().expect("the cluster's name is a subject"),
        generation: 1,
        validity: Validity::starting(now, Duration::from_secs(3600 * 24 * 3650))
            .expect("ten years can be written"),
        serial: Serial::from_random([1; 16]),
    };
    let key = PrivateKey::generate().expect("a key can be made");
    Authority::create(new, key).expect("an authority can be made")
}
