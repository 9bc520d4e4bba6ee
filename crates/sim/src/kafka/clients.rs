//! What clients do: write records, ask for changes. A client finds the cluster through the first broker that it reaches.

use std::time::Duration;

use super::branching::LogEnd;
use super::model::Model;
use super::process::Process;
use super::{
    Acks, HostNumber, KafkaError, PartitionName, ProcessNumber, RecordNumber, Request, RequestNumber, What,
};

/// How long an asker is patient: what Klamm's server allows one act.
const PATIENCE: Duration = Duration::from_secs(20);

/// While no broker or no active controller is there, a client tries again this often.
const AGAIN: Duration = Duration::from_millis(500);

/// A question that is not answered yet.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    request: Request,
    from: HostNumber,
    until: Duration,
    state: AskedState,
}

#[derive(Debug, Clone)]
enum AskedState {
    /// Nobody has taken it on.
    Waiting { again_at: Duration },
    /// The active controller has written what was asked; it is answered when that is committed.
    Written { controller: ProcessNumber, through: ProcessNumber, end: LogEnd },
}

impl Asked {
    pub(super) fn due(&self) -> Duration {
        match self.state {
            AskedState::Waiting { again_at } => again_at.min(self.until),
            AskedState::Written { .. } => self.until,
        }
    }
}

impl Model {
    /// A client on a host writes a record. The answer is a happening; none comes to a client that is cut off.
    ///
    /// A record that is sent again is not written twice: producers are idempotent. An error is Kafka's refusal; what is
    /// retriable may be sent again.
    pub fn produce(
        &mut self,
        from: HostNumber,
        record: RecordNumber,
        to: &PartitionName,
        acks: Acks,
    ) -> Result<(), KafkaError> {
        let broker = self.broker_for(from).ok_or(KafkaError::BrokerNotAvailable)?;
        let image = self.processes.get(&broker).and_then(Process::image).cloned();
        let image = image.ok_or(KafkaError::BrokerNotAvailable)?;
        let number = image.find(to).ok_or(KafkaError::UnknownTopicOrPartition)?;
        let partition = image.partition(number).ok_or(KafkaError::UnknownTopicOrPartition)?;
        let leader = partition.leader.ok_or(KafkaError::LeaderNotAvailable)?;
        let mut runs = self.processes.iter().filter(|(_, process)| {
            let serves = process.broker.as_ref().is_some_and(|broker| broker.serves());
            process.node() == leader && serves && self.reaches(from, process)
        });
        let leader = runs.next().map(|(number, _)| *number).ok_or(KafkaError::BrokerNotAvailable)?;
        self.append(leader, number, record, acks, from)
    }

    /// Somebody on a host asks for a change. It is answered by a happening within 20 seconds; after `REQUEST_TIMED_OUT` it
    /// may have been made all the same, or be made yet.
    pub fn ask(&mut self, from: HostNumber, request: Request) -> RequestNumber {
        self.questions += 1;
        let again_at = self.now + self.round_trip();
        let state = AskedState::Waiting { again_at };
        let asked = Asked { request, from, until: self.now + PATIENCE, state };
        self.asked.insert(self.questions, asked);
        RequestNumber(self.questions)
    }

    fn reaches(&self, from: HostNumber, process: &Process) -> bool {
        process.is_live() && self.is_linked(from, process.launch.host)
    }

    /// The first broker that a client on a host reaches.
    pub(super) fn broker_for(&self, from: HostNumber) -> Option<ProcessNumber> {
        let mut brokers = self.processes.iter().filter(|(_, process)| {
            process.broker.as_ref().is_some_and(|broker| broker.serves()) && self.reaches(from, process)
        });
        brokers.next().map(|(number, _)| *number)
    }

    /// Goes on with what was asked.
    pub(super) fn pursue_questions(&mut self) {
        let now = self.now;
        let due: Vec<u64> =
            self.asked.iter().filter(|(_, asked)| asked.due() <= now).map(|(number, _)| *number).collect();
        for number in due {
            self.pursue(number);
        }
    }

    fn pursue(&mut self, number: u64) {
        let Some(Asked { request, from, until, state: _ }) = self.asked.get(&number).cloned() else { return };
        if until <= self.now {
            return self.answer(number, Err(KafkaError::RequestTimedOut));
        }
        let through = self.broker_for(from);
        let controller = through.and_then(|broker| self.controller_of(broker));
        let (Some(through), Some(controller)) = (through, controller) else {
            let again_at = self.now + AGAIN;
            if let Some(asked) = self.asked.get_mut(&number) {
                asked.state = AskedState::Waiting { again_at };
            }
            return;
        };
        match self.change(controller, &request) {
            Err(error) => self.answer(number, Err(error)),
            Ok(None) => self.answer(number, Ok(())),
            Ok(Some(end)) => {
                if let Some(asked) = self.asked.get_mut(&number) {
                    asked.state = AskedState::Written { controller, through, end };
                }
            }
        }
    }

    fn answer(&mut self, number: u64, result: Result<(), KafkaError>) {
        if self.asked.remove(&number).is_some() {
            self.tell(What::Answered { request: RequestNumber(number), result });
        }
    }

    /// What the active controller wrote is committed: askers that can still be told are.
    pub(super) fn answer_committed(&mut self, committer: ProcessNumber, committed: LogEnd) {
        let done: Vec<u64> = self
            .asked
            .iter()
            .filter(|(_, asked)| match &asked.state {
                AskedState::Waiting { .. } => false,
                AskedState::Written { controller, through, end } => {
                    let can_tell = self.controller_of(*through) == Some(committer)
                        && self.processes.get(through).is_some_and(|it| self.reaches(asked.from, it));
                    *controller == committer && end.offset() <= committed.offset() && can_tell
                }
            })
            .map(|(number, _)| *number)
            .collect();
        for number in done {
            self.answer(number, Ok(()));
        }
    }

    /// A controller leads no more: what it wrote for others is asked again of the next one.
    pub(super) fn release_questions_of(&mut self, gone: ProcessNumber) {
        let again_at = self.now + AGAIN;
        for asked in self.asked.values_mut() {
            match asked.state {
                AskedState::Written { controller, .. } if controller == gone => {
                    asked.state = AskedState::Waiting { again_at };
                }
                AskedState::Written { .. } | AskedState::Waiting { .. } => {}
            }
        }
    }
}
