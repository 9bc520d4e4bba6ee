//! Programs that write all the time, from a host of their own, and remember what was acknowledged.

use std::time::Duration;

use rand::RngExt as _;

use crate::around::Around;
use crate::kafka::{Acks, HostNumber, PartitionName, RecordNumber};
use crate::message::Event;

/// Where they are: no fault of the fleet's lines touches them.
pub(crate) const CLIENTS: HostNumber = HostNumber(u16::MAX);

/// The pause between two records.
const EVERY: Duration = Duration::from_secs(1);

/// The writers.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    partitions: Vec<PartitionName>,
    written: u64,
    /// How many records were acknowledged.
    pub(crate) acknowledged: u64,
}

impl Clients {
    /// The partitions that they write to.
    pub(crate) fn use_topics(&mut self, topics: &[(String, u32)]) {
        let names = topics
            .iter()
            .flat_map(|(topic, count)| (0..*count).map(|index| PartitionName::new(topic, index)));
        self.partitions = names.collect();
    }

    /// Writes the next record and plans the one after.
    pub(crate) fn write(&mut self, around: &mut Around) {
        around.queue.plan(around.now + EVERY, Event::Write);
        if self.partitions.is_empty() {
            return;
        }
        let place = around.random.random_range(0..self.partitions.len());
        self.written += 1;
        // A refusal comes as a happening too; what is not acknowledged was not promised.
        let _refused =
            around.kafka.produce(CLIENTS, RecordNumber(self.written), &self.partitions[place], Acks::All);
    }
}
