//! What happens to a fleet.

use klamm_core::model::SlotName;
use klamm_disk::Disk as _;

use super::World;
use crate::around::number;
use crate::clients::CLIENTS;
use crate::command::{Fault, Host};
use crate::host::HostState;
use crate::kafka::{HostNumber, ProcessNumber};
use crate::message::Message;

impl World {
    /// Lets a fault happen; what cannot happen (a process that is not there) does not, and says so.
    pub(super) fn strike(&mut self, fault: &Fault) -> Vec<String> {
        let nothing = |what: &str| vec![format!("nothing: {what}")];
        match fault {
            Fault::KillNode(slot) => match self.process(slot) {
                Some(process) => self.with_kafka(|kafka| kafka.kill(process)),
                None => nothing("it does not run"),
            },
            Fault::FreezeNode(slot) => match self.process(slot) {
                Some(process) => self.with_kafka(|kafka| kafka.freeze(process)),
                None => nothing("it does not run"),
            },
            Fault::ThawNode(slot) => match self.process(slot) {
                Some(process) => self.with_kafka(|kafka| kafka.thaw(process)),
                None => nothing("it does not run"),
            },
            Fault::LoseData(slot) => self.lose_data(slot),
            Fault::Segments { slot, count } => {
                let volume = self.hosts.values().find_map(|host| host.place.volumes.get(slot).copied());
                match volume {
                    Some(volume) => self.with_kafka(|kafka| kafka.set_unchecked_segments(volume, *count)),
                    None => nothing("it has no data"),
                }
            }
            Fault::KillAgent(host) => match self.hosts.get_mut(host) {
                Some(HostState { place, agent: agent @ Some(_) }) => {
                    *agent = None;
                    self.around.end_life(place.host);
                    Vec::new()
                }
                Some(HostState { agent: None, .. }) | None => nothing("no agent runs there"),
            },
            Fault::StartAgent(host) => self.start_agent(*host),
            Fault::KillServer => {
                self.kill_server();
                Vec::new()
            }
            Fault::StartServer => {
                if self.server.serving.is_some() {
                    return nothing("it runs");
                }
                self.server.start(&mut self.around);
                Vec::new()
            }
            Fault::PowerOff(host) => self.power_off(*host),
            Fault::PowerOn(host) => match self.hosts.get_mut(host) {
                Some(HostState { place, .. }) if !place.has_power => {
                    place.has_power = true;
                    self.start_agent(*host)
                }
                Some(_) | None => nothing("it has power"),
            },
            Fault::Snapshot(host) => match self.hosts.get_mut(host) {
                Some(HostState { place, .. }) => {
                    place.snapshot = Some(place.disk.snapshot());
                    Vec::new()
                }
                None => nothing("there is no such host"),
            },
            Fault::Restore(host) => match self.hosts.get_mut(host) {
                Some(HostState { place, agent: None }) => match place.snapshot.clone() {
                    Some(snapshot) => {
                        place.disk.restore(&snapshot);
                        place.obeyed.clear();
                        Vec::new()
                    }
                    None => nothing("nothing was remembered of it"),
                },
                Some(_) | None => nothing("its agent runs"),
            },
            Fault::SnapshotServer => {
                self.server.snapshot();
                Vec::new()
            }
            Fault::RestoreServer => {
                self.kill_server();
                if !self.server.restore() {
                    return nothing("nothing was remembered of it");
                }
                self.server.start(&mut self.around);
                Vec::new()
            }
            Fault::OldServer(host) => {
                let handed = self.around.handed.get(host).and_then(|[before, _]| before.clone());
                match (handed, self.hosts.get_mut(host)) {
                    (Some(delivery), Some(HostState { place, agent: Some(agent) })) => {
                        agent.hear(Message::Target(delivery), place, &mut self.around);
                        Vec::new()
                    }
                    (Some(_), Some(HostState { agent: None, .. })) => nothing("no agent runs there"),
                    (_, None) | (None, _) => nothing("it was not handed two targets yet"),
                }
            }
            Fault::Cut { from, to } => {
                self.around.network.cut(*from, *to);
                self.with_kafka(|kafka| kafka.cut(number(*from), number(*to)))
            }
            Fault::Isolate(host) => {
                self.around.network.isolate(*host);
                let others = self.numbers();
                self.with_kafka(|kafka| {
                    for other in others.into_iter().filter(|other| *other != number(*host)) {
                        kafka.cut(number(*host), other);
                        kafka.cut(other, number(*host));
                    }
                })
            }
            Fault::Heal => {
                self.around.network.heal();
                let all = self.numbers();
                self.with_kafka(|kafka| {
                    for from in &all {
                        all.iter().for_each(|to| kafka.heal(*from, *to));
                    }
                })
            }
            Fault::Delay(time) => {
                self.around.network.delay = *time;
                Vec::new()
            }
            Fault::Drop(percent) => {
                self.around.network.drop_percent = *percent;
                Vec::new()
            }
            Fault::Duplicate(percent) => {
                self.around.network.duplicate_percent = *percent;
                Vec::new()
            }
            Fault::SkewClock { host, seconds } => {
                self.around.skew(*host, *seconds);
                Vec::new()
            }
            Fault::FillDisk(host) => self.set_full(*host, true),
            Fault::EmptyDisk(host) => self.set_full(*host, false),
        }
    }

    fn with_kafka(&mut self, act: impl FnOnce(&mut crate::kafka::Model)) -> Vec<String> {
        act(&mut self.around.kafka);
        self.tend_kafka();
        Vec::new()
    }

    fn process(&self, slot: &SlotName) -> Option<ProcessNumber> {
        self.hosts.values().find_map(|host| Some(host.place.processes.get(slot)?.process))
    }

    fn numbers(&self) -> Vec<HostNumber> {
        let hosts = self.hosts.keys().copied().chain([Host::Server]);
        hosts.map(number).chain([CLIENTS]).collect()
    }

    pub(super) fn start_agent(&mut self, host: Host) -> Vec<String> {
        let key = self.server.key();
        match self.hosts.get_mut(&host) {
            Some(HostState { place, agent: agent @ None }) if place.has_power => {
                *agent = crate::agent::Agent::start(place, key, &mut self.around);
                Vec::new()
            }
            Some(_) | None => vec!["nothing: it runs, or its host has no power".to_owned()],
        }
    }

    fn power_off(&mut self, host: Host) -> Vec<String> {
        let Some(HostState { place, agent }) = self.hosts.get_mut(&host) else {
            return vec!["nothing: there is no such host".to_owned()];
        };
        *agent = None;
        place.has_power = false;
        self.around.end_life(host);
        self.with_kafka(|kafka| kafka.lose_power(number(host)))
    }

    fn set_full(&mut self, host: Host, full: bool) -> Vec<String> {
        if let Some(HostState { place, .. }) = self.hosts.get_mut(&host) {
            place.disk.set_full(full);
        }
        Vec::new()
    }

    fn lose_data(&mut self, slot: &SlotName) -> Vec<String> {
        let target = self.server.current().and_then(|target| target.slot(slot)).cloned();
        let Some(target) = target else { return vec!["nothing: it has no data".to_owned()] };
        for HostState { place, .. } in self.hosts.values_mut() {
            let Some(volume) = place.volumes.get(slot).copied() else { continue };
            for directory in &target.identity.directories {
                // The simulated disk fails only for a dead agent, and then nothing of it is left to lose either.
                place.disk.delete(directory.path.as_ref()).ok();
            }
            self.around.kafka.wipe(volume);
            place.wiped.insert(slot.clone());
            self.operator.lost.insert(slot.clone());
        }
        // Whoever starts it again finds nothing.
        match self.process(slot) {
            Some(process) => self.with_kafka(|kafka| kafka.kill(process)),
            None => Vec::new(),
        }
    }
}
