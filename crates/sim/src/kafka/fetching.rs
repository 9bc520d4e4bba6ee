//! Who fetches partitions from whom: followers come, catch up, and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use klamm_core::model::NodeId;

use super::ProcessNumber;
use super::image::{Image, PartitionNumber};
use super::lead::Pull;
use super::model::Model;
use super::process::{Broker, Process};

/// A fetcher starts, or comes back to a leader that it can reach again, within about this long.
const FETCHER_START: Duration = Duration::from_millis(100);

/// What a record of the model weighs on the wire, in bytes.
const RECORD_BYTES: u64 = 1024;

impl Model {
    /// Works out which followers fetch from which leaders, and when leaders have something to ask of the controller.
    pub(super) fn settle_replicas(&mut self) {
        let leaders: Vec<ProcessNumber> = self
            .processes
            .iter()
            .filter(|(_, it)| {
                it.is_live() && it.broker.as_ref().is_some_and(|broker| !broker.leads.is_empty())
            })
            .map(|(number, _)| *number)
            .collect();
        for number in leaders {
            self.settle_followers(number);
            self.settle_in_sync(number);
        }
    }

    fn settle_followers(&mut self, number: ProcessNumber) {
        let Some(leader) = self.processes.get(&number) else { return };
        let Some(broker) = &leader.broker else { return };
        let fetchers = self.fetchers(leader);
        let follows = |image: &Image, partition: PartitionNumber, epoch: u32| {
            let known = image.partition(partition);
            known.is_some_and(|it| it.leader_epoch == epoch && it.leader == Some(leader.node()))
        };
        let mut changed = Vec::new();
        for (partition, lead) in &broker.leads {
            for (node, pull) in &lead.followers {
                let mut runs = fetchers
                    .iter()
                    .filter(|(run_of, _, image)| run_of == node && follows(image, *partition, lead.epoch));
                let fetches = runs.next().map(|(_, number, _)| *number);
                let is_same = match (*pull, fetches) {
                    (Pull::Away { .. }, None) => true,
                    (Pull::InStep { process, .. } | Pull::CatchingUp { process, .. }, Some(now)) => {
                        process == now
                    }
                    (Pull::Away { .. }, Some(_)) => false,
                    (Pull::InStep { .. } | Pull::CatchingUp { .. }, None) => false,
                };
                if !is_same {
                    changed.push((*partition, *node, *pull, fetches));
                }
            }
        }
        // One fetcher brings all partitions that a follower has from one leader.
        let mut starts: BTreeMap<NodeId, Duration> = BTreeMap::new();
        for (partition, node, pull, fetches) in changed {
            let shrink_at = pull.shrink_at().unwrap_or_else(|| self.next_shrink());
            if let Pull::CatchingUp { process, since, .. } = pull {
                self.keep_what_was_fetched(process, partition, since);
            }
            let pull = match fetches {
                None => Pull::Away { shrink_at },
                Some(process) => {
                    let fresh = self.now + self.round_trip() + self.chance.up_to(FETCHER_START);
                    let start = *starts.entry(node).or_insert(fresh);
                    let until = start + self.begin_to_fetch(number, partition, process);
                    Pull::CatchingUp { process, since: self.now, until, shrink_at }
                }
            };
            if let Some(lead) = self.lead_mut(number, partition) {
                lead.followers.insert(node, pull);
            }
        }
    }

    /// The brokers that can fetch from a leader, with the metadata that they go by.
    fn fetchers(&self, leader: &Process) -> Vec<(NodeId, ProcessNumber, Arc<Image>)> {
        let live = self.processes.iter().filter(|(_, follower)| {
            follower.broker.as_ref().is_some_and(Broker::has_its_logs) && self.can_talk(leader, follower)
        });
        live.filter_map(|(number, follower)| Some((follower.node(), *number, Arc::clone(follower.image()?))))
            .collect()
    }

    /// The follower forgets what differs from the leader's log; how long the transfer of the rest will take.
    fn begin_to_fetch(
        &mut self,
        leader: ProcessNumber,
        partition: PartitionNumber,
        follower: ProcessNumber,
    ) -> Duration {
        let (Some(from), Some(to)) = (self.disk_of(leader), self.disk_of(follower)) else {
            return Duration::ZERO;
        };
        let (ahead, behind) = (self.log_end(from, partition), self.log_end(to, partition));
        let common = self.records_of(partition).tree.common(ahead, behind);
        self.set_log_end(to, partition, common);
        let volume = self.volume_on(from, partition).saturating_sub(self.volume_on(to, partition));
        let records = ahead.offset().saturating_sub(common.offset()).saturating_mul(RECORD_BYTES);
        let rate = self.timing.catch_up_rate.max(1);
        let micros = u128::from(volume.saturating_add(records)) * 1_000_000 / u128::from(rate);
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// A follower that is interrupted keeps the older data that it has fetched so far.
    fn keep_what_was_fetched(
        &mut self,
        follower: ProcessNumber,
        partition: PartitionNumber,
        since: Duration,
    ) {
        let micros = self.now.saturating_sub(since).as_micros();
        let fetched = micros * u128::from(self.timing.catch_up_rate) / 1_000_000;
        let most = self.records_of(partition).volume;
        let Some(disk) = self.disk_of(follower) else { return };
        if let Some(log) = self.disks.entry(disk).or_default().logs.get_mut(&partition) {
            let fetched = u64::try_from(fetched).unwrap_or(u64::MAX);
            log.volume = log.volume.saturating_add(fetched).min(most);
        }
    }
}
