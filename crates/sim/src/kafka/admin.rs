//! Changes that somebody asks the active controller for, and its refusals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_core::model::NodeId;

use super::branching::LogEnd;
use super::image::{Image, MIN_IN_SYNC, Partition, PartitionNumber, Topic};
use super::model::Model;
use super::records::Records;
use super::{KafkaError, PartitionName, ProcessNumber, Request, VoterKey};

/// `Topic.MAX_NAME_LENGTH`.
const LONGEST_NAME: usize = 249;

impl Model {
    /// Makes a change as the active controller. None when there is nothing to change.
    pub(super) fn change(
        &mut self,
        controller: ProcessNumber,
        request: &Request,
    ) -> Result<Option<LogEnd>, KafkaError> {
        let image = self.controller_image(controller).ok_or(KafkaError::NotController)?;
        let mut after = Image::clone(&image);
        match request {
            Request::CreateTopic { name, partitions, replicas, config } => {
                self.create_topic(&mut after, name, *partitions, *replicas, config)?;
            }
            Request::SetClusterConfig { settings } => {
                check_settings(settings)?;
                // With eligible leader replicas the cluster's minimum cannot be taken away (`kafka-facts` §7).
                if settings.get(MIN_IN_SYNC).is_some_and(Option::is_none) {
                    return Err(KafkaError::InvalidConfig);
                }
                let clears = settings.contains_key(MIN_IN_SYNC);
                set(Arc::make_mut(&mut after.cluster_config), settings);
                if clears {
                    clear_eligible(&mut after, |_| true);
                }
            }
            Request::SetTopicConfig { topic, settings } => {
                check_settings(settings)?;
                let topics = Arc::make_mut(&mut after.topics);
                let known = topics.get_mut(topic).ok_or(KafkaError::UnknownTopicOrPartition)?;
                set(&mut known.config, settings);
                if settings.contains_key(MIN_IN_SYNC) {
                    clear_eligible(&mut after, |partition| partition.name.topic == *topic);
                }
            }
            Request::CreateAccess { entries } => {
                Arc::make_mut(&mut after.access).extend(entries.iter().cloned());
                if after.access.len() == image.access.len() {
                    return Ok(None);
                }
            }
            Request::DeleteAccess { entries } => {
                Arc::make_mut(&mut after.access).retain(|entry| !entries.contains(entry));
                if after.access.len() == image.access.len() {
                    return Ok(None);
                }
            }
            Request::ElectPreferred { partitions } => {
                let named: BTreeSet<PartitionNumber> =
                    partitions.iter().map(|name| find(&image, name)).collect::<Result<_, _>>()?;
                self.elect_preferred(controller, (!named.is_empty()).then_some(&named));
                let process = self.processes.get(&controller).ok_or(KafkaError::NotController)?;
                return Ok(Some(self.metadata_end(process)));
            }
            Request::MarkMoving { partition, moving } => {
                let number = find(&image, partition)?;
                let before = image.partition(number).ok_or(KafkaError::UnknownTopicOrPartition)?;
                after.set_partition(number, Partition { moving: *moving, ..Partition::clone(before) });
            }
            Request::AddVoter { voter } => self.add_voter(controller, &mut after, *voter)?,
            Request::RemoveVoter { voter } => {
                if !Arc::make_mut(&mut after.voters).remove(voter) {
                    return Err(KafkaError::VoterNotFound);
                }
            }
            Request::UnregisterBroker { node } => {
                if Arc::make_mut(&mut after.brokers).remove(node).is_none() {
                    return Err(KafkaError::BrokerIdNotRegistered);
                }
                let gone: Vec<_> = after.partitions().map(|(number, it)| (number, Arc::clone(it))).collect();
                for (number, partition) in gone {
                    let mut partition = Partition::clone(&partition);
                    let was_there = partition.in_sync.remove(node) | partition.eligible.remove(node);
                    if was_there {
                        after.set_partition(number, partition);
                    }
                }
            }
        }
        let end = self.append_metadata(controller, after);
        self.unsettle();
        Ok(end)
    }

    fn create_topic(
        &mut self,
        image: &mut Image,
        name: &str,
        partitions: u32,
        replicas: u32,
        config: &BTreeMap<String, String>,
    ) -> Result<(), KafkaError> {
        let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
        if name.is_empty()
            || name.len() > LONGEST_NAME
            || matches!(name, "." | "..")
            || !name.chars().all(legal)
        {
            return Err(KafkaError::InvalidTopic);
        }
        if image.topics.contains_key(name) {
            return Err(KafkaError::TopicAlreadyExists);
        }
        if partitions == 0 {
            return Err(KafkaError::InvalidPartitions);
        }
        let settings = config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        check_settings(&settings)?;
        let usable = image.brokers.iter().filter(|(_, broker)| !broker.stopping);
        let (unfenced, fenced): (Vec<_>, Vec<_>) = usable.partition(|(_, broker)| !broker.fenced);
        let ids = |brokers: &[(&NodeId, _)]| brokers.iter().map(|(node, _)| **node).collect::<Vec<_>>();
        let (unfenced, fenced) = (ids(&unfenced), ids(&fenced));
        let wanted = replicas as usize;
        if wanted == 0 || unfenced.is_empty() || unfenced.len() + fenced.len() < wanted {
            return Err(KafkaError::InvalidReplicationFactor);
        }
        let mut numbers = Vec::new();
        for index in 0..partitions {
            // Striped: each partition begins one broker later; fenced brokers are taken last (`StripedReplicaPlacer`).
            let start = index as usize % unfenced.len();
            let first = unfenced[start..].iter().chain(&unfenced[..start]);
            let replicas: Vec<NodeId> = first.chain(&fenced).take(wanted).copied().collect();
            let in_sync: BTreeSet<NodeId> =
                replicas.iter().copied().filter(|node| unfenced.contains(node)).collect();
            let number = PartitionNumber(u32::try_from(self.records.len()).unwrap_or(u32::MAX));
            let name = PartitionName::new(name, index);
            self.records.push(Records::new(name.clone()));
            let leader = replicas.first().copied();
            let partition = Partition {
                name,
                replicas,
                in_sync,
                eligible: BTreeSet::new(),
                last_leader: None,
                leader,
                leader_epoch: 0,
                moving: false,
            };
            image.set_partition(number, partition);
            numbers.push(number);
        }
        let topic = Topic { config: config.clone(), partitions: numbers };
        Arc::make_mut(&mut image.topics).insert(name.to_owned(), topic);
        Ok(())
    }

    /// Only an observer that has caught up becomes a voter (`AddVoterHandler`).
    fn add_voter(
        &self,
        controller: ProcessNumber,
        image: &mut Image,
        voter: VoterKey,
    ) -> Result<(), KafkaError> {
        if image.voters.iter().any(|known| known.node == voter.node) {
            return Err(KafkaError::DuplicateVoter);
        }
        let is_there = self.processes.values().any(|process| {
            Self::voter_key(process) == Some(voter)
                && process.is_in_step_with(controller)
                && self.processes.get(&controller).is_some_and(|leader| self.can_talk(leader, process))
        });
        if !is_there {
            return Err(KafkaError::RequestTimedOut);
        }
        Arc::make_mut(&mut image.voters).insert(voter);
        Ok(())
    }
}

fn find(image: &Image, name: &PartitionName) -> Result<PartitionNumber, KafkaError> {
    image.find(name).ok_or(KafkaError::UnknownTopicOrPartition)
}

fn set(config: &mut BTreeMap<String, String>, settings: &BTreeMap<String, Option<String>>) {
    for (key, value) in settings {
        match value {
            Some(value) => config.insert(key.clone(), value.clone()),
            None => config.remove(key),
        };
    }
}

fn check_settings(settings: &BTreeMap<String, Option<String>>) -> Result<(), KafkaError> {
    let min = settings.get(MIN_IN_SYNC).and_then(Option::as_ref);
    match min.map(|value| value.parse::<u32>()) {
        None => Ok(()),
        Some(Ok(min)) if min >= 1 => Ok(()),
        Some(Ok(_) | Err(_)) => Err(KafkaError::InvalidConfig),
    }
}

/// Writing the minimum, even the same value, forgets who is eligible.
fn clear_eligible(image: &mut Image, concerns: impl Fn(&Partition) -> bool) {
    let with_eligible = image.partitions().filter(|(_, it)| !it.eligible.is_empty() && concerns(it));
    let with_eligible: Vec<_> = with_eligible.map(|(number, it)| (number, Arc::clone(it))).collect();
    for (number, partition) in with_eligible {
        let partition = Partition { eligible: BTreeSet::new(), ..Partition::clone(&partition) };
        image.set_partition(number, partition);
    }
}
