//! A process from its launch to its end.

use std::sync::Arc;
use std::time::Duration;

use super::branching::LogEnd;
use super::image::{Image, MetadataEntry};
use super::model::Model;
use super::process::{Broker, Phase, Recovery, Role};
use super::{BrokerState, Exit, ProcessNumber, Storage, VoterKey};

impl Model {
    // ---- start ------------------------------------------------------------------------------------------------

    /// Java runs: Kafka looks at its disk, then takes part.
    pub(super) fn begin(&mut self, number: ProcessNumber) {
        if let Some(log) = self.reason_not_to_begin(number) {
            return self.exit(number, Exit::Code { code: 1, log });
        }
        let Some(process) = self.processes.get(&number) else { return };
        let launch = process.launch.clone();
        let Storage::Formatted { meta: _, voters } = &launch.storage else { return };
        let beginning = (launch.role.is_controller() && !voters.is_empty()).then(|| self.beginning(voters));
        let disk = self.disks.entry(launch.disk).or_default();
        (disk.host, disk.node) = (Some(launch.host), Some(launch.node));
        disk.metadata = disk.metadata.or(beginning);
        // The mark of a clean shutdown counts once.
        let closed_by = if launch.role.is_broker() { disk.closed_by.take() } else { None };
        let election_at = self.first_election(number);
        let phase = self.chance.up_to(self.timing.heartbeat);
        let give_up_at = self.now + self.timing.registration;
        let Some(process) = self.processes.get_mut(&number) else { return };
        process.phase = Phase::Up;
        process.raft.role = Role::Seeking { election_at };
        if launch.role.is_broker() {
            process.broker = Some(Broker::starting(closed_by, phase, give_up_at));
        }
        self.unsettle();
    }

    /// Why the process ends at once, in Kafka's own words.
    fn reason_not_to_begin(&self, number: ProcessNumber) -> Option<String> {
        let process = self.processes.get(&number)?;
        let launch = &process.launch;
        if launch.refused.is_some() {
            return launch.refused.clone();
        }
        let Storage::Formatted { meta, .. } = &launch.storage else {
            return Some("java.lang.RuntimeException: No readable meta.properties files found.".to_owned());
        };
        let (stored, disk) = (meta.node_id, launch.disk);
        if stored != launch.node {
            let node = launch.node;
            return Some(format!(
                "java.lang.RuntimeException: Stored node id {stored} doesn't match previous node id {node} in \
                 {disk}/meta.properties. If you moved your data, make sure your configured node id matches. If you \
                 intend to create a new node, you should remove all data in your data directories."
            ));
        }
        let holder = self.processes.iter().find(|(other, running)| {
            let has_lock = match running.phase {
                Phase::Booting { .. } => false,
                Phase::Up | Phase::Ending { .. } => true,
            };
            **other != number && has_lock && running.launch.disk == disk
        });
        holder.map(|_| {
            format!(
                "org.apache.kafka.common.KafkaException: Failed to acquire lock on file .lock in {disk}. A Kafka \
                 instance in another process or thread is using this directory."
            )
        })
    }

    /// The snapshot that a quorum with these voters begins with: the same on each of them.
    fn beginning(&mut self, voters: &[VoterKey]) -> LogEnd {
        let mut voters = voters.to_vec();
        voters.sort_unstable();
        if let Some(known) = self.beginnings.get(&voters) {
            return *known;
        }
        let image = Image { voters: Arc::new(voters.iter().copied().collect()), ..Image::default() };
        let entry = MetadataEntry { epoch: 0, image: Arc::new(image) };
        let end = self.metadata.append(LogEnd::EMPTY, entry);
        self.beginnings.insert(voters, end);
        end
    }

    /// A voter that starts waits for a leader first; the only one does not.
    fn first_election(&mut self, number: ProcessNumber) -> Option<Duration> {
        let process = self.processes.get(&number)?;
        let image = self.last_image(process)?;
        let voters = image.voters.len();
        if !image.voters.contains(&Self::voter_key(process)?) {
            return None;
        }
        let timeout = self.timing.election_timeout;
        let wait = if voters == 1 { Duration::ZERO } else { timeout + self.chance.up_to(timeout) };
        Some(self.now + wait)
    }

    // ---- what the world does ----------------------------------------------------------------------------------

    /// SIGTERM: a broker hands over what it leads and waits for the active controller, at most for five minutes; then a
    /// controller leaves the quorum. Before a broker runs, it just ends.
    pub fn terminate(&mut self, number: ProcessNumber) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        if process.frozen_at.is_some() {
            process.stop_asked = true;
            return;
        }
        match process.phase {
            Phase::Booting { .. } => {
                return self.exit(number, Exit::Code { code: 143, log: String::new() });
            }
            Phase::Ending { .. } => return,
            Phase::Up => {}
        }
        let stop_waiting_at = self.now + self.timing.controlled_shutdown;
        match &mut process.broker {
            None => self.leave_quorum(number),
            Some(broker) => match broker.state {
                BrokerState::Running => {
                    broker.state = BrokerState::PendingControlledShutdown;
                    broker.stop_waiting_at = Some(stop_waiting_at);
                    // An older appointment would make it wait.
                    broker.heartbeat_at = None;
                    self.unsettle();
                }
                // `BrokerServer.shutdown` does nothing before the broker has started: its logs are not closed.
                BrokerState::NotRunning | BrokerState::Starting | BrokerState::Recovery => {
                    broker.state = BrokerState::ShuttingDown;
                    broker.give_up_at = None;
                    self.leave_quorum(number);
                }
                BrokerState::PendingControlledShutdown | BrokerState::ShuttingDown => {}
            },
        }
    }

    /// SIGCONT. What it had to compute takes up where it was; what it had to be in time for, it may have missed.
    pub fn thaw(&mut self, number: ProcessNumber) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(&number) else { return };
        let Some(frozen_at) = process.frozen_at.take() else { return };
        let pause = now.saturating_sub(frozen_at);
        match &mut process.phase {
            Phase::Booting { until } => *until += pause,
            Phase::Ending { at } => *at += pause,
            Phase::Up => {}
        }
        if let Some(broker) = &mut process.broker {
            if let Recovery::Running { since, until, .. } = &mut broker.recovery {
                *since += pause;
                *until += pause;
            }
            if let Some(at) = &mut broker.closed_at {
                *at += pause;
            }
        }
        if let Role::Leader(leading) = &mut process.raft.role
            && pause >= self.timing.fetch_timeout
        {
            // If its followers are still there, it is not too late.
            leading.resign_at = Some(leading.resign_at.map_or(now, |at| at.min(now)));
        }
        let stop = std::mem::take(&mut process.stop_asked);
        self.unsettle();
        if stop {
            self.terminate(number);
        }
    }
}
