//! What becomes of a partition when a broker comes or goes: Kafka's `PartitionChangeBuilder` with eligible leader
//! replicas switched on, as it is for clusters that begin with 4.1 or later.

use std::collections::BTreeSet;

use klamm_core::model::NodeId;

use super::image::Partition;

/// Which leader is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Election {
    /// Keep the leader, else any that may lead.
    Online,
    /// The first replica if it may lead.
    Preferred,
}

/// A change that is wanted of one partition.
#[derive(Debug)]
pub(super) struct PartitionChange<'a> {
    pub(super) partition: &'a Partition,
    pub(super) in_sync: BTreeSet<NodeId>,
    pub(super) election: Election,
    /// A broker that registered after an unclean end: it may have lost records, so it is eligible no more.
    pub(super) unclean: Option<NodeId>,
    pub(super) min_in_sync: u32,
}

impl PartitionChange<'_> {
    /// The partition after the change; none if it stays as it is. `may_lead` tells which brokers are active.
    pub(super) fn apply(self, may_lead: impl Fn(NodeId) -> bool) -> Option<Partition> {
        let Self { partition: before, in_sync, election, unclean, min_in_sync } = self;
        let mut after = Partition { in_sync, eligible: BTreeSet::new(), ..before.clone() };
        if after.in_sync.len() < min_in_sync as usize {
            let known = before.eligible.union(&before.in_sync);
            let left = known.filter(|node| !after.in_sync.contains(node) && unclean != Some(**node));
            after.eligible = left.copied().collect();
        }
        let elected = elect(&after, election, &may_lead);
        if elected != before.leader {
            after.leader_epoch += 1;
            after.leader = elected;
            if let Some(leader) = elected
                && !after.in_sync.contains(&leader)
            {
                // Out of the eligible ones, or the last leader, which is as good as an unclean election.
                let was_eligible = after.eligible.remove(&leader);
                after.in_sync = BTreeSet::from([leader]);
                if !was_eligible {
                    after.eligible.clear();
                }
            }
            after.last_leader = match elected {
                None => before.last_leader.or(before.leader),
                Some(_) => None,
            };
        }
        (after != *before).then_some(after)
    }
}

fn elect(partition: &Partition, election: Election, may_lead: &impl Fn(NodeId) -> bool) -> Option<NodeId> {
    let Partition { replicas, in_sync, eligible, leader, last_leader, .. } = partition;
    // An eligible one counts only when nobody is in sync.
    let pool = if in_sync.is_empty() { eligible } else { in_sync };
    let valid = |node: &NodeId| pool.contains(node) && may_lead(*node);
    let preferred = match election {
        Election::Online => None,
        Election::Preferred => replicas.first().copied().filter(valid),
    };
    let last = last_leader.filter(|node| pool.is_empty() && may_lead(*node));
    preferred.or_else(|| leader.filter(valid)).or_else(|| replicas.iter().copied().find(valid)).or(last)
}

#[cfg(test)]
mod tests;
