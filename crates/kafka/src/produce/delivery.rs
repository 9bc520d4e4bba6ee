//! Sending batches to the leaders of their partitions, again and again, until each is acknowledged.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::sleep;

use super::{Batch, Delivery, PAUSE, Producer};
use crate::admin::PartitionDescription;
use crate::cluster::{OperationError, Route};
use crate::codec::calls::produce::{Appended, Produce};
use crate::deadline::Deadline;
use crate::refusal::{ErrorCode, Refusal};

/// Batches that wait, by partition, in the order of their sequence numbers.
pub(super) type Queues = BTreeMap<i32, VecDeque<Batch>>;

/// What is known of each record, and of the first partition that failed.
pub(super) struct Outcome {
    pub(super) delivered: Vec<Option<Delivery>>,
    pub(super) failure: Option<(i32, OperationError)>,
}

impl Producer {
    /// Sends the first batch of every partition to its leader, again and again, until all queues are empty.
    pub(super) async fn deliver(
        &self,
        topic: &str,
        mut queues: Queues,
        mut partitions: Vec<PartitionDescription>,
        outcome: &mut Outcome,
        deadline: Deadline,
    ) {
        while !queues.is_empty() {
            let mut by_leader: BTreeMap<i32, BTreeMap<i32, Bytes>> = BTreeMap::new();
            for (partition, queue) in &queues {
                let leader =
                    partitions.iter().find(|known| known.index == *partition).and_then(|known| known.leader);
                if let (Some(leader), Some(batch)) = (leader, queue.front()) {
                    by_leader.entry(leader).or_default().insert(*partition, batch.bytes.clone());
                }
            }
            let without_leader = by_leader.values().map(BTreeMap::len).sum::<usize>() < queues.len();
            let rounds = by_leader.into_iter().map(|(leader, batches)| async move {
                let sent: Vec<i32> = batches.keys().copied().collect();
                let call = Produce { topic: topic.to_owned(), batches, patience: deadline.left() };
                (leader, sent, self.cluster.once(Route::Node(leader), &call, deadline).await)
            });
            let mut again = without_leader;
            for (leader, sent, result) in join_all(rounds).await {
                again |= settle(&mut queues, outcome, leader, sent, result);
            }
            if !again {
                continue;
            }
            if deadline.left() <= PAUSE {
                if let (None, Some(partition)) = (&outcome.failure, queues.keys().next()) {
                    outcome.failure = Some((*partition, no_time(deadline)));
                }
                return;
            }
            sleep(PAUSE).await;
            match self.partitions(topic, deadline).await {
                Ok(refreshed) => partitions = refreshed,
                Err(failure) => {
                    tracing::debug!(topic, error = %failure, "leaders could not be looked up again")
                }
            }
        }
    }
}

fn no_time(deadline: Deadline) -> OperationError {
    OperationError::Deadline { operation: "Produce", allowed: deadline.allowed(), source: None }
}

/// Takes one leader's answer into account; whether something is left to be tried again.
fn settle(
    queues: &mut Queues,
    outcome: &mut Outcome,
    leader: i32,
    sent: Vec<i32>,
    result: Result<Vec<Appended>, OperationError>,
) -> bool {
    let answers = match result {
        Ok(answers) => answers,
        Err(failure) if failure.is_retriable() => {
            // Kept in case it is the last attempt.
            outcome.failure = sent.first().map(|partition| (*partition, failure));
            return true;
        }
        Err(failure) => {
            for partition in &sent {
                queues.remove(partition);
            }
            outcome.failure = sent.first().map(|partition| (*partition, failure));
            return false;
        }
    };
    let mut again = false;
    for partition in sent {
        let result = answers.iter().find(|answer| answer.partition == partition).map(|answer| &answer.result);
        let base = match result {
            Some(Ok(base)) => (*base >= 0).then_some(*base),
            Some(Err(refusal)) if refusal.code == ErrorCode::DUPLICATE_SEQUENCE_NUMBER => None,
            Some(Err(refusal)) => {
                again |= refusal.is_retriable();
                if !refusal.is_retriable() {
                    queues.remove(&partition);
                }
                outcome.failure =
                    Some((partition, OperationError::Batch { leader, source: refusal.clone() }));
                continue;
            }
            None => {
                queues.remove(&partition);
                let source = Refusal::malformed("the answer leaves the partition out");
                outcome.failure = Some((partition, OperationError::Batch { leader, source }));
                continue;
            }
        };
        let Some(queue) = queues.get_mut(&partition) else { continue };
        if let Some(batch) = queue.pop_front() {
            for (offset, place) in (0..).zip(batch.places) {
                outcome.delivered[place] =
                    Some(Delivery { partition, offset: base.map(|base| base + offset) });
            }
        }
        if queue.is_empty() {
            queues.remove(&partition);
        }
        // What was overcome is not the reason for anything.
        outcome.failure.take_if(|(failed, _)| *failed == partition);
    }
    again
}
