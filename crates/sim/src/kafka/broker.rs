//! The broker in a process: its registration, its states, its logs at start and end (`kafka-facts` §3.5;
//! `BrokerLifecycleManager`, `BrokerServer`).

use std::time::Duration;

use super::image::Image;
use super::model::Model;
use super::process::{Broker, Process, Recovery, Registering};
use super::sessions::HeartbeatReply;
use super::{BrokerState, Exit, KafkaError, ProcessNumber, What};

/// From a heartbeat that changes something to its answer.
const COMMIT: Duration = Duration::from_millis(40);

/// From the first metadata to the loading of logs: coordinators and listeners are made in between.
const SET_UP: Duration = Duration::from_millis(300);

/// A broker that has caught up asks again this soon.
const SOON: Duration = Duration::from_millis(10);

/// The first answer to a wish to stop is followed by the next heartbeat after this long, the others after an interval.
const STOP_AGAIN: Duration = Duration::from_millis(50);

/// A broker's client to the active controller finds it anew within about this long.
const RECONNECT: Duration = Duration::from_millis(200);

impl Model {
    // ---- the broker -------------------------------------------------------------------------------------------

    /// What is due in the broker's part of a process.
    pub(super) fn act_as_broker(&mut self, number: ProcessNumber) {
        let now = self.now;
        let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        let Some(broker) = self.processes.get(&number).and_then(|process| process.broker.as_ref()) else {
            return;
        };
        let registers = match broker.registration {
            Registering::Unregistered { next_at } => is_due(next_at),
            Registering::Asked { .. } | Registering::Registered { .. } => false,
        };
        let (loads, recovered) = match broker.recovery {
            Recovery::Soon { at } => (at <= now, false),
            Recovery::Running { until, .. } => (false, until <= now),
            Recovery::Waiting | Recovery::Done => (false, false),
        };
        let (gives_up, heartbeat) = (is_due(broker.give_up_at), is_due(broker.heartbeat_at));
        let (stops_waiting, closed) = (is_due(broker.stop_waiting_at), is_due(broker.closed_at));
        if loads {
            self.begin_recovery(number);
        }
        if recovered {
            self.finish_recovery(number);
        }
        if registers {
            self.send_registration(number);
        }
        if heartbeat {
            self.send_heartbeat(number);
        }
        if gives_up {
            let log = self.words_of_giving_up(number);
            return self.exit(number, Exit::Code { code: 1, log });
        }
        if stops_waiting {
            self.close_logs(number);
        }
        if closed {
            self.finish_closing(number);
        }
    }

    /// What the log of a broker says that nobody has registered for a minute.
    fn words_of_giving_up(&self, number: ProcessNumber) -> String {
        let Some(process) = self.processes.get(&number) else { return String::new() };
        let node = process.node();
        let last = process.broker.as_ref().and_then(|broker| broker.refused);
        let mut log = String::new();
        if !self.is_of_this_cluster(process) {
            log += &format!(
                "ERROR [RaftManager id={node}] Unexpected error INCONSISTENT_CLUSTER_ID in FETCH response \
                 (org.apache.kafka.raft.KafkaRaftClient)\n"
            );
        }
        if let Some(error) = last {
            log += &format!(
                "INFO [BrokerLifecycleManager id={node}] Unable to register broker {node} because the controller \
                 returned error {error} (org.apache.kafka.server.BrokerLifecycleManager)\n"
            );
        }
        log + "ERROR Shutting down because we were unable to register with the controller quorum. \
               (org.apache.kafka.server.BrokerLifecycleManager)"
    }

    fn broker_mut(&mut self, number: ProcessNumber) -> Option<&mut Broker> {
        self.processes.get_mut(&number)?.broker.as_mut()
    }

    fn begin_recovery(&mut self, number: ProcessNumber) {
        let Some(recovery) = self.processes.get(&number).map(|process| self.recovery_of(process)) else {
            return;
        };
        if let Some(broker) = self.broker_mut(number) {
            broker.recovery = recovery;
        }
        self.unsettle();
    }

    fn finish_recovery(&mut self, number: ProcessNumber) {
        let Some(disk) = self.processes.get(&number).map(|process| process.launch.disk) else { return };
        self.disks.entry(disk).or_default().unchecked_segments = 0;
        if let Some(broker) = self.broker_mut(number) {
            broker.recovery = Recovery::Done;
        }
        self.unsettle();
    }

    fn send_registration(&mut self, number: ProcessNumber) {
        let controller = self.controller_of(number);
        let (now, interval) = (self.now, self.timing.heartbeat);
        let Some(closed_by) = self.broker_mut(number).map(|broker| broker.closed_by) else { return };
        let answer = match controller {
            Some(controller) => self.register(controller, number, closed_by),
            None => Err(KafkaError::NotController),
        };
        if let Err(error) = answer
            && error != KafkaError::NotController
            && let Some(node) = self.processes.get(&number).map(Process::node)
        {
            self.tell(What::RegistrationRefused { node, error });
        }
        let Some(broker) = self.broker_mut(number) else { return };
        broker.registration = match (answer, controller) {
            (Ok(epoch), Some(controller)) => Registering::Asked { controller, epoch },
            // Once it hears of a controller, it asks.
            (Ok(_), None) | (Err(KafkaError::NotController), _) => {
                Registering::Unregistered { next_at: None }
            }
            (Err(error), _) => {
                broker.refused = Some(error);
                // Again with the next heartbeat that would be due.
                Registering::Unregistered { next_at: Some(now + interval) }
            }
        };
        self.unsettle();
    }

    fn send_heartbeat(&mut self, number: ProcessNumber) {
        let controller = self.controller_of(number);
        let (now, interval) = (self.now, self.timing.heartbeat);
        let Some(broker) = self.broker_mut(number) else { return };
        broker.heartbeat_at = None;
        // Once it hears of a controller again, it asks again.
        let Some(controller) = controller else { return };
        let wants_stop = broker.state == BrokerState::PendingControlledShutdown;
        let is_ready = broker.recovery == Recovery::Done && broker.state != BrokerState::Starting;
        if broker.state == BrokerState::Starting {
            // Only a broker that has taken up its own registration gets here.
            broker.state = BrokerState::Recovery;
            broker.heartbeat_at = Some(now + SOON);
        }
        let reply = self.heartbeat(controller, number, wants_stop, is_ready);
        let Some(broker) = self.broker_mut(number) else { return };
        match reply {
            HeartbeatReply::Noted | HeartbeatReply::Stale => {}
            HeartbeatReply::ShutDownSoon => {
                let wait = if broker.stop_answered { interval } else { STOP_AGAIN };
                broker.stop_answered = true;
                broker.heartbeat_at = Some(now + wait);
            }
            HeartbeatReply::ShutDownNow => {
                self.note_heartbeat(controller, number);
                // The answer comes when the change is committed.
                if let Some(broker) = self.broker_mut(number) {
                    broker.stop_waiting_at = Some(now + COMMIT);
                    broker.stop_granted = true;
                }
            }
        }
        self.unsettle();
    }

    fn close_logs(&mut self, number: ProcessNumber) {
        let at = self.now + self.timing.farewell + self.chance.up_to(self.timing.farewell / 4);
        self.stop_leading(number);
        if let Some(broker) = self.broker_mut(number) {
            broker.state = BrokerState::ShuttingDown;
            (broker.closed_at, broker.heartbeat_at, broker.stop_waiting_at) = (Some(at), None, None);
            (broker.alter_at, broker.replicate_at) = (None, None);
        }
        self.unsettle();
    }

    fn finish_closing(&mut self, number: ProcessNumber) {
        let Some(broker) = self.broker_mut(number) else { return };
        broker.closed_at = None;
        let epoch = match broker.registration {
            Registering::Registered { epoch } => epoch,
            Registering::Unregistered { .. } | Registering::Asked { .. } => 0,
        };
        let Some(disk) = self.processes.get(&number).map(|process| process.launch.disk) else { return };
        let disk = self.disks.entry(disk).or_default();
        disk.logs.values_mut().for_each(super::disk::ReplicaLog::force);
        disk.closed_by = Some(epoch);
        self.leave_quorum(number);
    }

    /// A node took up newer metadata: its broker finds itself registered or unfenced, and its partitions moved.
    pub(super) fn act_by_new_metadata(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get(&number) else { return };
        let (Some(image), Some(broker)) = (process.image().cloned(), &process.broker) else { return };
        let registration = image.brokers.get(&process.node()).filter(|known| known.process == number);
        let is_unfenced = registration.is_some_and(|registration| !registration.fenced);
        let starts = is_unfenced && broker.state == BrokerState::Recovery;
        let recovery =
            (broker.recovery == Recovery::Waiting).then(|| Recovery::Soon { at: self.now + SET_UP });
        if let Some(broker) = self.broker_mut(number) {
            if starts {
                broker.state = BrokerState::Running;
            }
            broker.recovery = recovery.unwrap_or(broker.recovery);
        }
        self.take_up_leadership(number, &image);
    }

    /// After an unclean end the last segment of each log is checked, and all that were not forced to the disk.
    fn recovery_of(&self, process: &Process) -> Recovery {
        let Some(disk) = self.disks.get(&process.launch.disk) else { return Recovery::Done };
        let was_clean = process.broker.as_ref().is_some_and(|broker| broker.closed_by.is_some());
        let logs = disk.logs.len() as u64;
        if was_clean || logs == 0 {
            return Recovery::Done;
        }
        let segments = logs + disk.unchecked_segments;
        let takes = self.timing.segment_recovery * u32::try_from(segments).unwrap_or(u32::MAX);
        Recovery::Running { logs, segments, since: self.now, until: self.now + takes }
    }

    /// Makes appointments with the active controller for brokers that have something to tell it.
    pub(super) fn settle_brokers(&mut self) {
        let numbers = self.processes.iter().filter(|(_, it)| it.broker.is_some()).map(|(number, _)| *number);
        for number in numbers.collect::<Vec<_>>() {
            self.settle_broker(number);
        }
    }

    fn settle_broker(&mut self, number: ProcessNumber) {
        let soon = self.now + self.round_trip();
        let reconnected = soon + self.chance.up_to(RECONNECT);
        let Some(controller) = self.controller_of(number) else { return };
        let (Some(image), Some(process)) = (self.controller_image(controller), self.processes.get(&number))
        else {
            return;
        };
        let Some(broker) = process.broker.as_ref().filter(|broker| broker.sends_heartbeats()) else { return };
        let committed =
            self.processes.get(&controller).and_then(Process::leading).and_then(|it| it.committed);
        let is_mine =
            |image: &Image| image.brokers.get(&process.node()).is_some_and(|it| it.process == number);
        let knows_itself = process.image().is_some_and(|image| is_mine(image));
        let is_fenced = is_mine(&image) && !image.is_unfenced(process.node());
        let registration = match broker.registration {
            Registering::Unregistered { next_at: None } => {
                Registering::Unregistered { next_at: Some(reconnected) }
            }
            Registering::Asked { controller: asked, .. } if asked != controller => {
                Registering::Unregistered { next_at: Some(soon) }
            }
            Registering::Asked { epoch, .. } if committed.is_some_and(|end| end.offset() > epoch) => {
                Registering::Registered { epoch }
            }
            same @ (Registering::Unregistered { .. }
            | Registering::Asked { .. }
            | Registering::Registered { .. }) => same,
        };
        let wished = match (registration, broker.state) {
            (Registering::Unregistered { .. } | Registering::Asked { .. }, _) => None,
            (Registering::Registered { .. }, BrokerState::Starting) => knows_itself.then_some(soon),
            (Registering::Registered { .. }, BrokerState::Recovery) => {
                (is_fenced && broker.recovery == Recovery::Done).then_some(soon)
            }
            (Registering::Registered { .. }, BrokerState::Running) => is_fenced.then_some(reconnected),
            (Registering::Registered { .. }, BrokerState::PendingControlledShutdown) => {
                (!broker.stop_granted).then_some(soon)
            }
            (Registering::Registered { .. }, BrokerState::NotRunning | BrokerState::ShuttingDown) => None,
        };
        let Some(broker) = self.broker_mut(number) else { return };
        broker.heartbeat_at = broker.heartbeat_at.or(wished);
        broker.registration = registration;
        match registration {
            Registering::Registered { .. } => broker.give_up_at = None,
            Registering::Unregistered { .. } | Registering::Asked { .. } => {}
        }
    }
}
