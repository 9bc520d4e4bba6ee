//! What Kafka's own logs tell, in the words of recordings.

use std::collections::{BTreeMap, BTreeSet};

/// One event of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Milliseconds since 1970.
    pub(super) at_ms: u64,
    /// In the words of recordings, with the nodes' own ids replaced.
    pub(super) said: String,
}

/// What the logs tell of each node, sorted by time.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) events: Vec<Event>,
    /// How long a node loaded its logs after an unclean end, the longest of all, in milliseconds.
    pub(super) log_recovery_ms: u64,
    /// The in-sync set after the last change of the partition.
    in_sync: BTreeMap<u64, BTreeSet<u32>>,
}

impl Told {
    /// How many replicas are in sync now; none before the first change.
    pub(super) fn in_sync(&self) -> Option<usize> {
        self.in_sync.last_key_value().map(|(_, in_sync)| in_sync.len())
    }

    /// A broker that was told to go is fenced once more when its session ends, which changes nothing.
    fn is_fenced_already(&self, said: &str) -> bool {
        let Some((broker, _)) = said.split_once(" is fenced: ") else { return false };
        let fenced = |event: &&Event| {
            event.said.starts_with(&format!("{broker} is fenced"))
                || event.said == format!("{broker} is unfenced")
        };
        self.events.iter().rev().find(fenced).is_some_and(|last| last.said != format!("{broker} is unfenced"))
    }

    /// Since when the node's broker runs; none if something else is told of it since.
    pub(super) fn runs(&self, node: u32) -> Option<u64> {
        let start = format!("node {node} ");
        let mut states = self.events.iter().filter(|event| event.said.starts_with(&start));
        let last = states.rfind(|event| !event.said.contains("active controller"))?;
        (last.said == format!("node {node} runs")).then_some(last.at_ms)
    }
}

/// Reads the logs of all nodes. `names` are the recording's numbers by the nodes' own ids; `topic` is the real name of
/// the recording's topic.
pub(super) fn read(logs: &[String], names: &BTreeMap<u32, u32>, topic: &str) -> Told {
    let mut told = Told::default();
    let mut epochs = BTreeSet::new();
    let mut lines: Vec<(u64, &str)> = logs.iter().flat_map(|log| log.lines()).filter_map(timed).collect();
    lines.sort_by_key(|(at, _)| *at);
    for (at_ms, line) in lines {
        if let Some(change) = line.split_once(&format!("partition change for {topic}-0 with topic ID ")) {
            // Every controller tells it when it learns of it; the first is the one that made it.
            let Some(epoch) = after_arrow(change.1, "partitionEpoch: ") else { continue };
            if epochs.insert(epoch.clone()) {
                read_change(&mut told, at_ms, change.1, names);
            }
            continue;
        }
        if let Some(time) = line.split_once("LogManager Loaded ").and_then(|(_, rest)| unclean_load(rest)) {
            told.log_recovery_ms = told.log_recovery_ms.max(time);
        }
        if let Some(said) = read_line(line, names)
            && !told.is_fenced_already(&said)
        {
            told.events.push(Event { at_ms, said });
        }
    }
    told
}

/// A line's time and the rest of it.
fn timed(line: &str) -> Option<(u64, &str)> {
    let (at, rest) = line.split_once(' ')?;
    Some((at.parse().ok()?, rest))
}

fn unclean_load(rest: &str) -> Option<u64> {
    let (before, dirs) = rest.split_once("ms (unclean log dirs = ")?;
    let time = before.rsplit_once(" logs in ")?.1.parse().ok()?;
    dirs.contains('/').then_some(time)
}

/// The new value of one part of a partition change, `isr: [1] -> [1, 2], leader: 1 -> 2`.
fn after_arrow(change: &str, key: &str) -> Option<String> {
    let (_, rest) = change.split_once(key)?;
    let (_, value) = rest.split_once(" -> ")?;
    let end = if value.starts_with('[') { value.find(']')? } else { value.find(',').unwrap_or(value.len()) };
    Some(value[..end].trim_start_matches('[').trim().to_owned())
}

fn read_change(told: &mut Told, at_ms: u64, change: &str, names: &BTreeMap<u32, u32>) {
    let rename = |id: &str| id.trim().parse().ok().and_then(|id: u32| names.get(&id).copied());
    if let Some(leader) = after_arrow(change, ", leader: ").or_else(|| after_arrow(change, "leader: ")) {
        let epoch = after_arrow(change, "leaderEpoch: ").unwrap_or_default();
        let said = match rename(&leader) {
            Some(leader) => format!("orders-0 is led by {leader} in epoch {epoch}"),
            None => format!("orders-0 has no leader in epoch {epoch}"),
        };
        told.events.push(Event { at_ms, said });
    }
    if let Some(in_sync) = after_arrow(change, "isr: ") {
        let in_sync: BTreeSet<u32> = in_sync.split(',').filter_map(rename).collect();
        let list: Vec<String> = in_sync.iter().map(u32::to_string).collect();
        told.events.push(Event { at_ms, said: format!("orders-0 is in sync on [{}]", list.join(" ")) });
        told.in_sync.insert(at_ms, in_sync);
    }
}

/// One line about a broker, a node or the quorum; none for what is not compared.
fn read_line(line: &str, names: &BTreeMap<u32, u32>) -> Option<String> {
    let number = |after: &str| {
        let (_, rest) = line.split_once(after)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        names.get(&digits.parse().ok()?).copied()
    };
    let broker_told = [
        ("Fencing broker ", " because its session has timed out", "is fenced: its session expired"),
        ("Unfenced broker ", "been granted an immediate shutdown", "is fenced: it stops"),
        ("The request from broker ", " to shut down has been granted", "is fenced: it stops"),
        ("The request from broker ", " to unfence has been granted", "is unfenced"),
    ];
    for (before, after, said) in broker_told {
        if line.contains(before) && line.contains(after) {
            return Some(format!("broker {} {said}", number(before)?));
        }
    }
    if line.contains("Unable to register broker ") {
        let error = line.split_once("the controller returned error ")?.1.trim();
        let error: String = error.chars().take_while(|it| it.is_ascii_uppercase() || *it == '_').collect();
        return Some(format!("broker {} is not registered: {error}", number("Unable to register broker ")?));
    }
    if line.contains("Completed transition to Leader(") {
        return Some(format!("node {} is the active controller", number("[RaftManager id=")?));
    }
    let states = [
        (" is now STARTING", "starts"),
        ("Transitioning from STARTING to RECOVERY", "has caught up"),
        ("Transitioning from RECOVERY to RUNNING", "runs"),
        ("Beginning controlled shutdown", "waits to stop"),
        ("to SHUTTING_DOWN", "closes its logs"),
    ];
    let (_, said) = states.iter().find(|(told, _)| line.contains(told))?;
    Some(format!("node {} {said}", number("[BrokerLifecycleManager id=")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> BTreeMap<u32, u32> {
        BTreeMap::from([(3, 1), (1, 2), (2, 3)])
    }

    #[test]
    fn a_change_of_a_partition_is_told_once_and_with_the_recordings_numbers() {
        let change = "partition change for orders-0 with topic ID o0I: isr: [1, 2, 3] -> [1, 2], leader: 3 -> 1, \
                      leaderEpoch: 0 -> 1, partitionEpoch: 2 -> 3";
        let one = format!("1700 DEBUG ReplicationControlManager [QuorumController id=3] {change}");
        let other = format!("1750 DEBUG ReplicationControlManager [QuorumController id=1] {change}");
        let told = read(&[other, one], &names(), "orders");
        let said: Vec<(u64, &str)> =
            told.events.iter().map(|event| (event.at_ms, event.said.as_str())).collect();
        assert_eq!(said, [(1700, "orders-0 is led by 2 in epoch 1"), (1700, "orders-0 is in sync on [2 3]")]);
        assert_eq!(told.in_sync(), Some(2));
    }

    #[test]
    fn brokers_and_nodes_are_told_of() {
        let log = "1 INFO ReplicationControlManager [QuorumController id=3] Fencing broker 2 at epoch 25 because its session has timed out.
2 INFO BrokerLifecycleManager [BrokerLifecycleManager id=2] Unable to register broker 2 because the controller returned error DUPLICATE_BROKER_REGISTRATION
3 INFO BrokerLifecycleManager [BrokerLifecycleManager id=2] The broker has been unfenced. Transitioning from RECOVERY to RUNNING.
4 INFO LogManager Loaded 1 logs in 3121ms (unclean log dirs = ArrayBuffer(/data))
5 INFO LogManager Loaded 1 logs in 4121ms (unclean log dirs = ArrayBuffer())";
        let told = read(&[log.to_owned()], &names(), "orders");
        let said: Vec<&str> = told.events.iter().map(|event| event.said.as_str()).collect();
        assert_eq!(
            said,
            [
                "broker 3 is fenced: its session expired",
                "broker 3 is not registered: DUPLICATE_BROKER_REGISTRATION",
                "node 3 runs"
            ]
        );
        assert_eq!((told.log_recovery_ms, told.runs(3)), (3121, Some(3)));
    }
}
