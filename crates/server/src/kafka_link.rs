//! The server's link to a cluster: over the internal listener, as `klamm:server`. Looks, and acts.

mod leaders;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use klamm_core::model::cluster::{AclOperation, ResourceKind, ResourcePattern};
use klamm_core::model::inventory::{AccessEntry, KafkaView, Observed, PartitionView, QuorumView, VoterView};
use klamm_core::model::plan::Act;
use klamm_core::model::target::Target;
use klamm_core::model::{DirectoryId, NodeId};
use klamm_core::render::server_properties::INTERNAL;
use klamm_kafka::{
    Acl, AclFilter, AclPermission, Address, Cluster, ConfigResource, ConfigSource, ConnectOptions, Endpoint,
    NewTopic, OperationError, PatternType, Refusal, ResourceType, TopicPartition, Transport,
};
use klamm_pki::{LiveIdentity, TlsError, client_config, root_store};

use crate::certify::OwnCredential;

/// One look at Kafka; a cluster that does not answer in this time is not observed.
const LOOK: Duration = Duration::from_secs(5);

/// One act inside Kafka.
const ACT: Duration = Duration::from_secs(20);

/// Kafka was not asked, or said no.
#[derive(Debug, Error)]
pub enum KafkaLinkError {
    /// No TLS configuration.
    #[error("TLS to the cluster could not be set up")]
    Tls(#[from] TlsError),
    /// It did not answer.
    #[error("{operation}: the cluster did not answer")]
    Operation {
        /// What was asked.
        operation: &'static str,
        /// Why not.
        #[source]
        source: OperationError,
    },
    /// It refused.
    #[error("{operation}: the cluster refused")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// Its answer.
        #[source]
        source: Refusal,
    },
}

/// A link to one cluster.
#[derive(Debug, Clone)]
pub(crate) struct KafkaLink {
    cluster: Cluster,
    /// Where it starts from: made anew when listeners change.
    pub bootstrap: Vec<Address>,
    /// Whom it is: made anew when it is due.
    pub own: OwnCredential,
}

/// The internal listeners of a target.
pub(crate) fn bootstrap_of(target: &Target) -> Vec<Address> {
    let listeners =
        target.slots().into_values().filter_map(|(_, slot)| slot.identity.listeners.get(INTERNAL));
    listeners.map(|listener| Address::new(listener.host.clone(), listener.port)).collect()
}

impl KafkaLink {
    /// A link as `own`, to nodes that `trust` vouches for. Nothing is dialled yet.
    pub(crate) fn new(
        bootstrap: Vec<Address>,
        own: OwnCredential,
        trust: &str,
    ) -> Result<Self, KafkaLinkError> {
        let identity = Arc::new(LiveIdentity::new(&own.credential)?);
        let tls = client_config(Some(identity), root_store(trust)?)?;
        let options = ConnectOptions {
            connect_timeout: Duration::from_secs(3),
            request_timeout: LOOK,
            ..ConnectOptions::new(Transport::Tls(Arc::new(tls)))
        };
        let cluster = Cluster::new(bootstrap.clone(), Endpoint::Brokers, options);
        Ok(Self { cluster, bootstrap, own })
    }

    /// Looks at everything that plans and safety are made from.
    pub(crate) async fn look(&self) -> Result<Observed<KafkaView>, KafkaLinkError> {
        let failed = |operation| move |source| KafkaLinkError::Operation { operation, source };
        // The age of a look counts from its beginning.
        let at = Timestamp::now();
        let deadline = klamm_kafka::Deadline::after(LOOK);
        let (description, quorum, topics, moves, access, defaults) = tokio::try_join!(
            async { self.cluster.describe_cluster(deadline).await.map_err(failed("describe cluster")) },
            async { self.cluster.describe_quorum(deadline).await.map_err(failed("describe quorum")) },
            async { self.cluster.list_topics(deadline).await.map_err(failed("list topics")) },
            async { self.cluster.list_reassignments(deadline).await.map_err(failed("list reassignments")) },
            async {
                self.cluster
                    .describe_acls(AclFilter::default(), deadline)
                    .await
                    .map_err(failed("describe ACLs"))
            },
            async {
                let defaults = self.cluster.describe_configs(vec![ConfigResource::ClusterDefault], deadline);
                defaults.await.map_err(failed("describe cluster settings"))
            },
        )?;
        let names: Vec<ConfigResource> =
            topics.iter().map(|topic| ConfigResource::Topic(topic.name.clone())).collect();
        let topic_configs = self
            .cluster
            .describe_configs(names, deadline)
            .await
            .map_err(failed("describe topic settings"))?;

        let mut view = KafkaView { quorum: Some(quorum_view(quorum)), ..KafkaView::default() };
        view.brokers =
            description.nodes.iter().filter(|node| !node.fenced).map(|node| node_id(node.id)).collect();
        let moving: BTreeSet<TopicPartition> = moves.into_iter().map(|moved| moved.place).collect();
        view.partitions = topics.iter().flat_map(|topic| partition_views(topic, &moving)).collect();
        for (resource, entries) in topic_configs {
            let ConfigResource::Topic(topic) = resource else { continue };
            let entries = entries.unwrap_or_default();
            let min_isr = entries.iter().find(|entry| entry.name == "min.insync.replicas");
            let min_isr = min_isr.and_then(|entry| entry.value.as_ref()?.parse().ok());
            view.min_isr.extend(min_isr.map(|min_isr| (topic.clone(), min_isr)));
            let own = entries.into_iter().filter(|entry| entry.source == ConfigSource::Topic);
            let own: BTreeMap<String, String> =
                own.filter_map(|entry| Some((entry.name, entry.value?))).collect();
            if !own.is_empty() {
                view.topic_config.insert(topic, own);
            }
        }
        view.cluster_config = settings::of_cluster(defaults)?;
        view.access = access.iter().filter_map(access_entry).collect();
        Ok(Observed { at, value: view })
    }

    /// Does one act; whether it took is for the next look to say.
    pub(crate) async fn act(&self, act: &Act) -> Result<(), KafkaLinkError> {
        match act {
            Act::Configure { settings } => {
                let edits = settings.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
                self.configure(vec![(ConfigResource::ClusterDefault, edits)]).await
            }
            Act::Alter { settings } => self.alter(settings).await,
            Act::Grant { entries } => self.grant(entries).await,
            Act::Revoke { entries } => self.revoke(entries).await,
            Act::AddPartitions { name, partitions } => {
                let operation = "add partitions";
                let grown = self.cluster.create_partitions(name.clone(), *partitions, ACT).await;
                let grown = grown.map_err(|source| KafkaLinkError::Operation { operation, source })?;
                all_taken(operation, [grown])
            }
            Act::ConfigureTopic { name, set, unset } => {
                let set = set.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
                let edits = set.chain(unset.iter().map(|key| (key.clone(), None))).collect();
                self.configure(vec![(ConfigResource::Topic(name.clone()), edits)]).await
            }
            Act::CreateTopic { name, partitions, replicas, config } => {
                let topic = NewTopic {
                    name: name.clone(),
                    partitions: Some(*partitions),
                    replication_factor: Some(*replicas),
                    config: config.clone(),
                };
                let operation = "create topic";
                let created = self.cluster.create_topics(vec![topic], false, ACT).await;
                let created = created.map_err(|source| KafkaLinkError::Operation { operation, source })?;
                all_taken(operation, created.into_iter().map(|(_, result)| result))
            }
            Act::Create { .. }
            | Act::Start { .. }
            | Act::Refresh { .. }
            | Act::Restart { .. }
            | Act::Await { .. }
            | Act::Stop { .. }
            | Act::Remove { .. } => Ok(()),
        }
    }

    async fn grant(&self, entries: &BTreeSet<AccessEntry>) -> Result<(), KafkaLinkError> {
        let operation = "create ACLs";
        let created = self.cluster.create_acls(entries.iter().map(acl).collect(), ACT).await;
        all_taken(operation, created.map_err(|source| KafkaLinkError::Operation { operation, source })?)
    }

    async fn revoke(&self, entries: &BTreeSet<AccessEntry>) -> Result<(), KafkaLinkError> {
        let operation = "delete ACLs";
        let filters = entries.iter().map(|entry| AclFilter::from(&acl(entry))).collect();
        let deleted = self.cluster.delete_acls(filters, ACT).await;
        all_taken(operation, deleted.map_err(|source| KafkaLinkError::Operation { operation, source })?)
    }
}

fn all_taken<T>(
    operation: &'static str,
    results: impl IntoIterator<Item = Result<T, Refusal>>,
) -> Result<(), KafkaLinkError> {
    for result in results {
        result.map_err(|source| KafkaLinkError::Refused { operation, source })?;
    }
    Ok(())
}

fn node_id(id: i32) -> NodeId {
    NodeId(id.unsigned_abs())
}

fn quorum_view(quorum: klamm_kafka::QuorumDescription) -> QuorumView {
    let voters = quorum.voters.into_iter().map(|voter| {
        let directory = voter.directory.and_then(|id| id.to_string().parse::<DirectoryId>().ok());
        let log_end = voter.log_end_offset.unwrap_or(-1);
        (node_id(voter.id), VoterView { directory, log_end, caught_up_ms: voter.last_caught_up_ms })
    });
    QuorumView { leader: quorum.leader.map(node_id), epoch: quorum.leader_epoch, voters: voters.collect() }
}

fn partition_views(
    topic: &klamm_kafka::TopicDescription,
    moving: &BTreeSet<TopicPartition>,
) -> Vec<PartitionView> {
    let view = |partition: &klamm_kafka::PartitionDescription| PartitionView {
        topic: topic.name.clone(),
        index: partition.index,
        leader: partition.leader.map(node_id),
        replicas: partition.replicas.iter().copied().map(node_id).collect(),
        in_sync: partition.in_sync.iter().copied().map(node_id).collect(),
        offline: partition.offline.iter().copied().map(node_id).collect(),
        moving: moving.contains(&TopicPartition::new(topic.name.clone(), partition.index)),
    };
    topic.partitions.iter().map(view).collect()
}

/// An ACL as the spec could say it; none for what the spec has no words for (denials, single hosts, tokens).
fn access_entry(acl: &Acl) -> Option<AccessEntry> {
    if acl.permission != AclPermission::Allow || acl.host != "*" {
        return None;
    }
    let user = acl.principal.strip_prefix("User:")?.parse().ok()?;
    let kind = ResourceKind::ALL.into_iter().find(|kind| kind.as_str() == acl.resource.as_str())?;
    let resource = match acl.pattern {
        PatternType::Literal => ResourcePattern::Literal(kind, acl.name.clone()),
        PatternType::Prefixed => ResourcePattern::Prefixed(kind, acl.name.clone()),
    };
    let operation =
        AclOperation::ALL.into_iter().find(|operation| operation.as_str() == acl.operation.as_str())?;
    Some(AccessEntry { user, resource, operation })
}

fn acl(entry: &AccessEntry) -> Acl {
    let AccessEntry { user, resource, operation } = entry;
    let kind = match resource.kind() {
        ResourceKind::Topic => ResourceType::Topic,
        ResourceKind::Group => ResourceType::Group,
        ResourceKind::Cluster => ResourceType::Cluster,
        ResourceKind::TransactionalId => ResourceType::TransactionalId,
    };
    Acl {
        resource: kind,
        name: resource.name().to_owned(),
        pattern: match resource {
            ResourcePattern::Literal(..) => PatternType::Literal,
            ResourcePattern::Prefixed(..) => PatternType::Prefixed,
        },
        principal: format!("User:{user}"),
        host: "*".to_owned(),
        operation: wire_operation(*operation),
        permission: AclPermission::Allow,
    }
}

fn wire_operation(operation: AclOperation) -> klamm_kafka::AclOperation {
    use klamm_kafka::AclOperation as Wire;
    match operation {
        AclOperation::All => Wire::All,
        AclOperation::Read => Wire::Read,
        AclOperation::Write => Wire::Write,
        AclOperation::Create => Wire::Create,
        AclOperation::Delete => Wire::Delete,
        AclOperation::Alter => Wire::Alter,
        AclOperation::Describe => Wire::Describe,
        AclOperation::ClusterAction => Wire::ClusterAction,
        AclOperation::DescribeConfigs => Wire::DescribeConfigs,
        AclOperation::AlterConfigs => Wire::AlterConfigs,
        AclOperation::IdempotentWrite => Wire::IdempotentWrite,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_access_rule_comes_back_from_kafkas_own_words() {
        for kind in ResourceKind::ALL {
            for operation in kind.operations() {
                for resource in [ResourcePattern::any(kind), ResourcePattern::Prefixed(kind, "a".into())] {
                    let entry =
                        AccessEntry { user: "alice".parse().unwrap(), resource, operation: *operation };
                    assert_eq!(access_entry(&acl(&entry)), Some(entry));
                }
            }
        }
    }

    #[test]
    fn only_partitions_with_a_reassignment_are_said_to_move() {
        let partition = |index| klamm_kafka::PartitionDescription {
            index,
            leader: Some(1),
            leader_epoch: 0,
            replicas: vec![1],
            in_sync: vec![1],
            offline: Vec::new(),
            eligible_leaders: None,
            last_known_eligible: None,
        };
        let topic = klamm_kafka::TopicDescription {
            name: "orders".into(),
            id: None,
            internal: false,
            partitions: vec![partition(0), partition(1)],
        };
        let moves = BTreeSet::from([TopicPartition::new("orders", 1), TopicPartition::new("other", 0)]);
        let views = partition_views(&topic, &moves);
        assert_eq!(views.iter().map(|view| view.moving).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_denial_is_not_taken_for_a_right() {
        let entry = AccessEntry {
            user: "alice".parse().unwrap(),
            resource: ResourcePattern::any(ResourceKind::Topic),
            operation: AclOperation::Read,
        };
        assert_eq!(access_entry(&Acl { permission: AclPermission::Deny, ..acl(&entry) }), None);
    }
}
