//! The process of a slot: started, found again, looked at, stopped; what the real agent leaves to its supervisor.

use std::sync::Arc;
use std::time::Duration;

use klamm_core::kafka::NodeRole;
use klamm_core::kafka::start_errors;
use klamm_core::kafka::storage::MetaProperties;
use klamm_core::machines::slot::{Look, NodeStage, NodeWord, SlotKey, SlotMachine, Tell};
use klamm_core::model::inventory::{ProcessReport, SlotReport};
use klamm_core::model::target::{RunState, SlotTarget};
use klamm_core::render::server_properties::{CONTROLLER, INTERNAL};
use klamm_disk::Disk as _;
use klamm_ledger::Launched;
use klamm_supervise::{Action, Event, ExitReason, ProcessIdentity, RestartPolicy, SentBy, State, Unit};

use super::{Doing, Slot};
use crate::around::{Around, number};
use crate::host::{Place, Running};
use crate::kafka::{BrokerState, DiskNumber, Exit, Launch, NodeStatus, Storage};
use crate::record::Rule;

/// The longest that Kafka waits when it is asked to stop (`KafkaBroker.shutdown`).
const CONTROLLED_SHUTDOWN: Duration = Duration::from_secs(300);

impl Slot {
    /// Begins to keep a slot; a process of an earlier life of the agent is found again.
    pub(super) fn find(key: SlotKey, target: SlotTarget, place: &mut Place, around: &mut Around) -> Self {
        let folders = place.folders().slot(key.cluster, &key.slot);
        let mut unit = Unit::new(RestartPolicy::default(), around.now);
        let mut launched = None;
        if let Some(running) = place.processes.get(&key.slot) {
            launched =
                Launched::read(&place.disk, &folders.launched()).ok().flatten().map(|known| known.launch);
            let event = Event::Adopted { identity: running.identity.clone(), since: running.since };
            unit.handle(around.now, event);
        }
        Self {
            machine: SlotMachine::new(key, target),
            unit,
            folders,
            launched,
            doing: Doing::default(),
            wakes_at: Duration::ZERO,
            told: SlotReport::waiting(),
            permitted: false,
            stopped_to: RunState::Running,
            replaced: false,
        }
    }

    /// Tells the supervision machine of an event, and does what it says.
    pub(super) fn handle(&mut self, event: Event, place: &mut Place, around: &mut Around) {
        let mut actions = self.unit.handle(around.now, event);
        while !actions.is_empty() {
            let mut more = Vec::new();
            for action in actions {
                more.extend(self.act_on_process(action, place, around));
            }
            actions = more;
        }
    }

    /// Time has passed for the supervision machine.
    pub(super) fn tick(&mut self, place: &mut Place, around: &mut Around) {
        if self.unit.wake_at().is_some_and(|at| at <= around.now) {
            self.handle(Event::Tick, place, around);
            self.machine.process_changed(around.now);
        }
    }

    fn act_on_process(&mut self, action: Action, place: &mut Place, around: &mut Around) -> Vec<Action> {
        let name = self.machine.key().slot.clone();
        match action {
            Action::Spawn { .. } => {
                let event = if place.disk.points.pass() {
                    match self.spawn(place, around) {
                        Ok(identity) => Event::Spawned { identity },
                        Err(message) => Event::SpawnFailed { message },
                    }
                } else {
                    return Vec::new();
                };
                place.disk.points.pass();
                self.unit.handle(around.now, event)
            }
            Action::Terminate | Action::Kill => {
                if !place.disk.points.pass() {
                    return Vec::new();
                }
                if let Some(running) = place.processes.get(&name) {
                    let process = running.process;
                    if action == Action::Kill {
                        self.check_kill(place, around);
                        around.record.note(around.now, Some(place.host), format!("kills {name}"));
                        around.kafka.kill(process);
                    } else {
                        self.check_stop(place, around);
                        around.note_stop(&name);
                        around.record.note(around.now, Some(place.host), format!("stops {name}"));
                        around.kafka.terminate(process);
                    }
                }
                place.disk.points.pass();
                Vec::new()
            }
            Action::Sweep { incarnation } => {
                self.unit.handle(around.now, Event::Swept { incarnation, left: 0 })
            }
            Action::Report(_) => Vec::new(),
        }
    }

    /// A process is stopped because a target wants it stopped, or because a permit was given: for nothing else.
    fn check_stop(&mut self, place: &Place, around: &mut Around) {
        self.stopped_to = self.machine.target().run;
        let running = place.processes.get(&self.machine.key().slot);
        let status = running.and_then(|running| around.kafka.status(running.process));
        let told = running.zip(status).map(|(running, status)| word(running, &status).stage);
        self.replaced = self.stopped_to == RunState::Running && told == Some(NodeStage::Ready);
        if self.stopped_to == RunState::Running && !std::mem::take(&mut self.permitted) {
            let what = format!("{} on {}", self.machine.key().slot, place.host);
            around.record.find(around.now, Rule::StopsArePermitted, what);
        }
    }

    /// A node that is started anew is killed only when it cannot be about to end by itself any more.
    fn check_kill(&self, place: &Place, around: &mut Around) {
        let State::Stopping { since, .. } = self.unit.state() else { return };
        let took = around.now.saturating_sub(*since);
        if self.stopped_to == RunState::Running && took < CONTROLLED_SHUTDOWN {
            let slot = &self.machine.key().slot;
            let what =
                format!("{slot} on {} is killed {} s after it was stopped", place.host, took.as_secs());
            around.record.find(around.now, Rule::KillsAreDue, what);
        }
    }

    fn spawn(&mut self, place: &mut Place, around: &mut Around) -> Result<ProcessIdentity, String> {
        let slot = self.machine.key().slot.clone();
        let properties = self.properties(place)?;
        let launch = self.launch(&properties, place)?;
        around.check_start(&slot, place.host);
        if std::mem::take(&mut self.replaced) {
            around.check_replaced(&slot, launch.refused.is_none());
        }
        let process = around.kafka.launch(launch);
        place.pids += 1;
        let identity = ProcessIdentity {
            pid: place.pids,
            start_ticks: u64::try_from(around.now.as_millis()).unwrap_or(u64::MAX),
            boot_id: "sim".to_owned(),
        };
        let launched = self.launched.ok_or("nothing was prepared")?;
        around.record.note(around.now, Some(place.host), format!("starts {slot}"));
        let since = around.now;
        let running = Running { process, identity: identity.clone(), since, launch: launched, properties };
        place.processes.insert(slot, running);
        Ok(identity)
    }

    fn properties(&self, place: &Place) -> Result<Arc<str>, String> {
        let path = self.folders.slot.join("config/server.properties");
        let properties = place.disk.read_file(&path).map_err(|error| error.to_string())?;
        let properties = String::from_utf8(properties.ok_or("there is no server.properties")?);
        properties.map(Arc::from).map_err(|error| error.to_string())
    }

    /// What Kafka would find on the disk.
    fn launch(&self, properties: &str, place: &mut Place) -> Result<Launch, String> {
        let target = self.machine.target();
        let slot = &self.machine.key().slot;
        let setting = |key: &str| setting(properties, key);
        let has = |name: &str| target.identity.listeners.contains_key(name);
        let role = match (has(CONTROLLER), has(INTERNAL)) {
            (true, true) => NodeRole::Combined,
            (true, false) => NodeRole::Controller,
            (false, _) => NodeRole::Broker,
        };
        let directory = target.identity.directories.first().ok_or("it has no data directory")?;
        let meta = std::path::Path::new(&directory.path).join(MetaProperties::FILE);
        let meta = place.disk.read_file(&meta).map_err(|error| error.to_string())?;
        let storage = match meta {
            None => Storage::Unformatted,
            Some(meta) => {
                let meta = String::from_utf8_lossy(&meta).parse::<MetaProperties>();
                Storage::Formatted {
                    meta: meta.map_err(|error| error.to_string())?,
                    voters: place.voters.clone(),
                }
            }
        };
        let next = u32::try_from(place.volumes.len()).unwrap_or(u32::MAX);
        let fresh = DiskNumber(u32::from(number(place.host).0) * 1000 + next);
        Ok(Launch {
            host: number(place.host),
            disk: *place.volumes.entry(slot.clone()).or_insert(fresh),
            node: target.identity.node_id,
            role,
            storage,
            refused: refused(properties),
            min_in_sync: setting("min.insync.replicas").and_then(|value| value.parse().ok()).unwrap_or(1),
        })
    }

    /// Looks at the process, and tells the machine.
    pub(super) fn look(&mut self, place: &mut Place, around: &mut Around) {
        let slot = self.machine.key().slot.clone();
        let running = place.processes.get(&slot).cloned();
        let status = running.as_ref().and_then(|running| around.kafka.status(running.process));
        let wall = around.wall(place.host);
        let now = around.now;
        let launch = self.launched;
        let moment = move |at: Duration| {
            let wait = at.saturating_sub(now);
            wall.checked_add(wait).unwrap_or(wall)
        };
        let cause = self.unit.last_exit().map(|exit| exit.reason.to_string()).unwrap_or_default();
        let cause = match start_errors::recognise(place.last_words.get(&slot).map_or("", String::as_str)) {
            Some(error) => format!("{cause}: {}", error.cause),
            None => cause,
        };
        let began = wall.checked_sub(running.as_ref().map_or(Duration::ZERO, |running| now - running.since));
        let unit = klamm_ledger::process::look(
            self.unit.state(),
            |live| {
                Some(ProcessReport {
                    pid: live.identity.pid,
                    since: began.unwrap_or(wall),
                    launch: launch?,
                    broker_state: None,
                    resident: None,
                })
            },
            |until| (cause, moment(until)),
        );
        let node = running.as_ref().zip(status).map(|(running, status)| word(running, &status));
        let look = Look { unit, node, restarts: self.unit.restarts(), failures: self.unit.failures() };
        match self.machine.look(look, now) {
            Some(Tell::Ready { incarnation }) => self.handle(Event::Ready { incarnation }, place, around),
            Some(Tell::Progress(progress)) => self.handle(Event::Progress(progress), place, around),
            None => {}
        }
    }

    /// The process ended.
    pub(super) fn exited(&mut self, exit: &Exit, place: &mut Place, around: &mut Around) {
        let reason = match exit {
            Exit::Code { code, .. } => ExitReason::Exited { code: *code },
            Exit::Killed | Exit::PowerLoss => {
                ExitReason::Signalled { signal: 9, core_dumped: false, sent_by: SentBy::Elsewhere }
            }
        };
        self.handle(Event::Exited(reason), place, around);
        self.machine.process_changed(around.now);
    }
}

/// A setting by its key.
pub(crate) fn setting<'a>(properties: &'a str, key: &str) -> Option<&'a str> {
    let settings = properties.lines().filter_map(|line| line.split_once('='));
    settings.filter(|(name, _)| *name == key).map(|(_, value)| value).next()
}

/// Two settings that Kafka refuses together, which nothing before it does: `KafkaConfig.validateValues`, in its words.
fn refused(properties: &str) -> Option<String> {
    let number =
        |key, default| setting(properties, key).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (wait, lag) = (number("replica.fetch.wait.max.ms", 500), number("replica.lag.time.max.ms", 30_000));
    (wait > lag).then(|| {
        "java.lang.IllegalArgumentException: requirement failed: replica.fetch.wait.max.ms should always be less than or \
         equal to replica.lag.time.max.ms to prevent frequent changes in ISR"
            .to_owned()
    })
}

/// The observer's answer, as the agent reads it.
fn word(running: &Running, status: &NodeStatus) -> NodeWord {
    let NodeStatus {
        broker,
        logs_remaining,
        segments_remaining,
        raft,
        quorum_leader,
        high_watermark,
        leaders,
    } = status;
    let is_caught_up = quorum_leader.is_some() && high_watermark.is_some();
    let stage = match (broker, raft) {
        (None, None) => NodeStage::Launching,
        (Some(_), _) if logs_remaining.is_some() => {
            NodeStage::Recovering { logs: *logs_remaining, segments: *segments_remaining }
        }
        (Some(BrokerState::Running), _) => NodeStage::Ready,
        (Some(BrokerState::NotRunning), None) => NodeStage::Launching,
        (Some(_), _) => NodeStage::Joining,
        // A mere controller does its work when it follows a leader, or is it.
        (None, Some(_)) if is_caught_up => NodeStage::Ready,
        (None, Some(_)) => NodeStage::Joining,
    };
    NodeWord {
        pid: running.identity.pid,
        stage,
        broker_state: broker.map(BrokerState::number),
        served: Default::default(),
        stop_progress: leaders.unwrap_or(0),
    }
}
