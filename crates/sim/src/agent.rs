//! An agent: the real ledger, slot machines and supervision machines of one host, over a simulated disk and network.

mod acts;
mod process;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use klamm_core::api::Delivery;
use klamm_core::machines::admission::Terms;
use klamm_core::machines::agent::{may_forget, take_up};
use klamm_core::machines::slot::{Due, Failure, SlotKey, SlotMachine};
use klamm_core::model::inventory::{HostReport, SlotReport, Stage};
use klamm_core::model::target::{RunState, SlotTarget};
use klamm_core::model::{ByteCount, ClusterId, Sha256, SlotName};
use klamm_core::signature::VerifyingKey;
use klamm_ledger::{Ledger, LedgerError, SlotFolders};
use klamm_supervise::Unit;

use crate::around::{Around, number};
use crate::command::Host;
use crate::host::Place;
use crate::kafka::Exit;
use crate::message::{Answer, Message, Timer, Wanted};
use crate::record::Rule;

pub(crate) use process::setting;

/// As the real one.
const REPORT_EVERY: Duration = Duration::from_secs(2);
const REPORT_GATHERS: Duration = Duration::from_millis(20);
const DIAL_AGAIN: Duration = Duration::from_millis(500);
/// After so long a question counts as not answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// The agent of one host, in one of its lives.
#[derive(Debug)]
pub(crate) struct Agent {
    ledger: Ledger,
    slots: BTreeMap<SlotName, Slot>,
    /// Questions that are not answered yet.
    asked: BTreeMap<u64, Asked>,
    asks: u64,
    /// Whether the server's stream is believed to be whole.
    has_stream: bool,
    report_at: Duration,
}

/// A question, and for which round of acts of which slot it was asked.
#[derive(Debug, Clone)]
struct Asked {
    slot: SlotName,
    round: u64,
    purpose: Purpose,
}

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Permit,
    Certify,
    Format,
    WriteFiles,
}

/// One slot that is kept.
#[derive(Debug)]
struct Slot {
    machine: SlotMachine,
    unit: Unit,
    folders: SlotFolders,
    /// What its process was started with; none while there was none.
    launched: Option<Sha256>,
    doing: Doing,
    /// When it is reminded next; in the past where it is not.
    wakes_at: Duration,
    told: SlotReport,
    /// Whether a permit was given for the stop that is next.
    permitted: bool,
    /// What the slot was to be when its process was asked to stop.
    stopped_to: RunState,
    /// Whether its process was stopped to be started anew.
    replaced: bool,
}

/// Acts that were handed out together.
#[derive(Debug, Default)]
struct Doing {
    /// Which; answers to earlier ones are void.
    round: u64,
    /// How many are not answered yet.
    open: usize,
    failed: Option<Failure>,
}

impl Agent {
    /// Starts: the ledger is read, and what runs is found again. None where the ledger cannot be read at all.
    pub(crate) fn start(place: &mut Place, key: VerifyingKey, around: &mut Around) -> Option<Self> {
        place.disk.points.revive();
        around.begin_life(place.host);
        around.record.note(around.now, Some(place.host), "the agent starts");
        let folders = place.folders();
        let terms = Terms { key, host: place.id.clone(), folders: folders.to_report() };
        let opened = match Ledger::open(&place.disk, folders.own().join("ledger"), terms) {
            Ok(opened) => opened,
            Err(error) => {
                let what = format!("{}: the ledger cannot be opened: {}", place.host, chain(&error));
                around.record.find(around.now, Rule::NoSurprise, what);
                return None;
            }
        };
        for page in &opened.passed_over {
            let what =
                format!("{}: {} is passed over: {}", place.host, page.path.display(), chain(&page.error));
            around.record.find(around.now, Rule::NoSurprise, what);
        }
        let mut agent = Self {
            ledger: opened.ledger,
            slots: BTreeMap::new(),
            asked: BTreeMap::new(),
            asks: 0,
            has_stream: false,
            report_at: around.now,
        };
        let clusters: Vec<ClusterId> = agent.ledger.clusters().map(|(cluster, _)| cluster).collect();
        for cluster in clusters {
            agent.check_never_back(cluster, place, around);
            agent.take_up(cluster, place, around);
        }
        around.wake(place.host, around.now, Timer::Dial);
        around.wake(place.host, around.now, Timer::Report);
        Some(agent)
    }

    /// A message reaches it.
    pub(crate) fn hear(&mut self, message: Message, place: &mut Place, around: &mut Around) {
        match message {
            Message::Target(delivery) => self.obey(delivery, place, around),
            Message::Destroyed(cluster) => self.forget(cluster, place, around),
            Message::Reported { destroyed } => {
                destroyed.into_iter().for_each(|cluster| self.forget(cluster, place, around));
            }
            Message::Answers { ask, answer } => self.answered(ask, answer, place, around),
            Message::Hello | Message::Report(_) | Message::Asks { .. } => {}
        }
    }

    /// It is woken.
    pub(crate) fn woken(&mut self, timer: Timer, place: &mut Place, around: &mut Around) {
        match timer {
            Timer::Dial => {
                if !self.has_stream {
                    self.has_stream = around.send(place.host, Host::Server, Message::Hello);
                    around.wake(place.host, around.now + DIAL_AGAIN, Timer::Dial);
                }
            }
            Timer::Broken => self.lose_stream(place, around),
            Timer::Report => {
                if self.report_at <= around.now {
                    self.report(place, around);
                }
            }
            Timer::Slot(slot) => self.drive(&slot, place, around),
            Timer::Worked(slot, round) => self.provided(&slot, round, place, around),
            Timer::Unanswered(ask) => {
                self.answered(ask, Err("the server does not answer".to_owned()), place, around);
            }
            Timer::Look => {}
        }
    }

    /// A process of this host ended.
    pub(crate) fn process_exited(
        &mut self,
        name: &SlotName,
        exit: &Exit,
        place: &mut Place,
        around: &mut Around,
    ) {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.exited(exit, place, around);
            self.drive(name, place, around);
        }
    }

    /// What it tells of each slot.
    pub(crate) fn reports(&self) -> impl Iterator<Item = (&SlotName, &SlotReport)> {
        self.slots.iter().map(|(name, slot)| (name, slot.machine.report()))
    }

    /// Whether the server's stream is believed to be whole.
    pub(crate) fn has_stream(&self) -> bool {
        self.has_stream
    }

    /// The stream broke; it is dialled again.
    pub(crate) fn lose_stream(&mut self, place: &Place, around: &mut Around) {
        if std::mem::take(&mut self.has_stream) {
            around.wake(place.host, around.now + DIAL_AGAIN, Timer::Dial);
        }
    }

    fn obey(&mut self, delivery: Delivery, place: &mut Place, around: &mut Around) {
        match self.ledger.obey(&place.disk, delivery) {
            Ok(cluster) => {
                self.check_never_back(cluster, place, around);
                self.take_up(cluster, place, around);
            }
            Err(LedgerError::Refused(refusal)) => {
                around.record.note(around.now, Some(place.host), format!("refuses a target: {refusal}"));
            }
            Err(error) => {
                around.record.note(around.now, Some(place.host), format!("cannot obey: {}", chain(&error)));
                // The stream is read again from its beginning.
                self.lose_stream(place, around);
            }
        }
        self.report_soon(place, around);
    }

    fn check_never_back(&mut self, cluster: ClusterId, place: &mut Place, around: &mut Around) {
        let Some(root) = self.ledger.cluster(cluster).map(|admitted| &admitted.root) else { return };
        let now = (root.epoch.0, root.number.0);
        let before = place.obeyed.insert(cluster, now);
        let (epoch, number) = now;
        if let Some(before) = before.filter(|before| epoch < before.0 || number < before.1) {
            let what = format!(
                "{}: target {number} of epoch {epoch} after {} of {}",
                place.host, before.1, before.0
            );
            around.record.find(around.now, Rule::NeverBack, what);
        } else if before != Some(now) {
            let what = format!("obeys target {number} of epoch {epoch}");
            around.record.note(around.now, Some(place.host), what);
        }
    }

    fn take_up(&mut self, cluster: ClusterId, place: &mut Place, around: &mut Around) {
        let Some(admitted) = self.ledger.cluster(cluster).cloned() else { return };
        let kept: BTreeMap<SlotName, SlotTarget> =
            self.slots.iter().map(|(slot, kept)| (slot.clone(), kept.machine.target().clone())).collect();
        let changes = take_up(&kept, &admitted.slice);
        for slot in changes.let_go {
            self.slots.remove(&slot);
        }
        for (name, target) in changes.hand_over {
            match self.slots.get_mut(name) {
                Some(slot) => {
                    slot.doing.round += 1;
                    slot.machine.set_target(target.clone(), around.now);
                }
                None => {
                    let key = SlotKey {
                        cluster,
                        cluster_name: admitted.slice.name.clone(),
                        slot: name.clone(),
                        host: place.id.clone(),
                    };
                    let slot = Slot::find(key, target.clone(), place, around);
                    self.slots.insert(name.clone(), slot);
                }
            }
            self.drive(name, place, around);
        }
    }

    fn forget(&mut self, cluster: ClusterId, place: &mut Place, around: &mut Around) {
        let Some(admitted) = self.ledger.cluster(cluster) else { return };
        let stages: BTreeMap<SlotName, Stage> = self
            .slots
            .iter()
            .map(|(slot, kept)| (slot.clone(), kept.machine.report().stage.clone()))
            .collect();
        if !may_forget(&admitted.slice, &stages) {
            return;
        }
        if !around.condemned {
            let what = format!("{} forgets a cluster with all its data", place.host);
            around.record.find(around.now, Rule::DataStays, what);
        }
        self.slots.clear();
        place.obeyed.remove(&cluster);
        let folders = place.folders();
        match klamm_ledger::slot::forget_cluster(&place.disk, &folders, &mut self.ledger, cluster) {
            Ok(()) => around.record.note(around.now, Some(place.host), "forgets the cluster"),
            Err(error) => around.record.note(around.now, Some(place.host), chain(&error)),
        }
        self.report_soon(place, around);
    }

    /// Does what is due for a slot, until nothing is.
    fn drive(&mut self, name: &SlotName, place: &mut Place, around: &mut Around) {
        loop {
            let Some(slot) = self.slots.get_mut(name) else { return };
            if place.disk.points.is_dead() {
                return;
            }
            slot.tick(place, around);
            match slot.machine.due(around.now) {
                Due::Lap => self.lap(name, place, around),
                Due::Look => slot.look(place, around),
                Due::At(at) => {
                    let wake = slot.unit.wake_at().map_or(at, |unit| unit.min(at));
                    // One reminder is enough, unless it comes too late.
                    if slot.wakes_at <= around.now || slot.wakes_at > wake {
                        slot.wakes_at = wake;
                        around.wake(place.host, wake, Timer::Slot(name.clone()));
                    }
                    break;
                }
            }
        }
        if self.slots.get(name).is_some_and(|slot| slot.machine.is_news(&slot.told)) {
            self.report_soon(place, around);
        }
    }

    fn report_soon(&mut self, place: &Place, around: &mut Around) {
        let soon = around.now + REPORT_GATHERS;
        if self.report_at > soon || self.report_at <= around.now {
            self.report_at = soon;
            around.wake(place.host, soon, Timer::Report);
        }
    }

    fn report(&mut self, place: &Place, around: &mut Around) {
        let report = self.host_report(place);
        around.send(place.host, Host::Server, Message::Report(Box::new(report)));
        for slot in self.slots.values_mut() {
            slot.told = slot.machine.report().clone();
        }
        self.report_at = around.now + REPORT_EVERY;
        around.wake(place.host, self.report_at, Timer::Report);
    }

    fn host_report(&self, place: &Place) -> HostReport {
        let slots: BTreeMap<SlotName, SlotReport> =
            self.slots.iter().map(|(name, slot)| (name.clone(), slot.machine.report().clone())).collect();
        let clusters = self.ledger.clusters().map(|(cluster, _)| cluster);
        let clusters = clusters
            .filter_map(|cluster| Some((cluster, self.ledger.report(cluster, slots.clone())?)))
            .collect();
        let octet = u8::try_from(number(place.host).0).unwrap_or(u8::MAX);
        HostReport {
            version: 1,
            name: place.host.to_string(),
            klamm: "sim".to_owned(),
            folders: place.folders().to_report(),
            memory: ByteCount::gibibytes(16),
            processors: 4,
            address: [10, 0, 0, octet].into(),
            advertised: place.host.to_string(),
            ports_taken: Default::default(),
            clusters,
            refused: Default::default(),
        }
    }

    /// Asks the server.
    fn ask(&mut self, asked: Asked, wanted: Wanted, place: &Place, around: &mut Around) {
        self.asks += 1;
        let ask = self.asks;
        self.asked.insert(ask, asked);
        around.send(place.host, Host::Server, Message::Asks { ask, wanted });
        around.wake(place.host, around.now + PATIENCE, Timer::Unanswered(ask));
    }

    fn answered(&mut self, ask: u64, answer: Result<Answer, String>, place: &mut Place, around: &mut Around) {
        let Some(Asked { slot: name, round, purpose }) = self.asked.remove(&ask) else { return };
        let Some(slot) = self.slots.get(&name).filter(|slot| slot.doing.round == round) else { return };
        if slot.machine.is_acting() {
            self.take_answer(&name, purpose, answer, place, around);
            self.drive(&name, place, around);
        }
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
