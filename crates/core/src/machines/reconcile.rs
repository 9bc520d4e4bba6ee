//! What an agent does next for one slot: level-triggered, from what is on the disk and what runs.

use crate::model::target::{RunState, SlotTarget};
use crate::model::{ClusterId, DirectoryId, Epoch, HostId, NodeId, Sha256};
use crate::mutant::{Mutant, is_on};

/// Who asks: a host, for a slot of a cluster.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which host.
    pub host: &'a HostId,
}

/// What the agent found of one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotFacts {
    /// Each data directory of the target, in its order.
    pub directories: Vec<DirectoryFacts>,
    /// Whether this host's ledger says that the slot was formatted here before.
    pub formatted_before: bool,
    /// Whether any folder of the slot is still there.
    pub remains: bool,
    /// Whether Kafka's jars and Klamm's are laid out, and a fitting Java was found.
    pub distribution: bool,
    /// Whether every file of the target is there with its content.
    pub files: bool,
    /// Why a certificate must be made; none where the one on disk will do.
    pub certificate_wanted: Option<String>,
    /// The process.
    pub process: ProcessFacts,
}

/// What is in a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryFacts {
    /// Not there, or empty.
    Empty,
    /// Some seed files are there and no `meta.properties`: formatting was cut short.
    HalfFormatted,
    /// Formatted, and by its `meta.properties` of this identity.
    Formatted {
        /// `cluster.id`.
        cluster: ClusterId,
        /// `node.id`.
        node: NodeId,
        /// `directory.id`.
        directory: DirectoryId,
        /// Who wrote into it last by right of a claim; none where nobody noted it.
        claim: Option<Claim>,
    },
    /// Something else is in it.
    Foreign {
        /// What, for people.
        found: String,
    },
}

/// The right to write into a data directory, as it is noted there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which host had it.
    pub owner: HostId,
    /// Rises each time the slot changes hands.
    pub epoch: Epoch,
}

/// The process of a slot as its supervisor knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessFacts {
    /// None, and none is coming.
    Absent,
    /// There is one, started with this launch.
    Live {
        /// What it was started with.
        launch: Sha256,
    },
    /// It was asked to stop and is still there.
    Stopping,
    /// It ended and comes back after a while, with this launch.
    BackingOff {
        /// What it is started with.
        launch: Sha256,
    },
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Do all of these; they do not depend on each other.
    Do(Vec<Action>),
    /// All is as the target says.
    Settled,
    /// Wait until the process has ended.
    AwaitStop,
    /// A person must decide.
    Blocked {
        /// What is wrong, on which object, what to do.
        reason: String,
    },
}

/// One idempotent act of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Fetch, verify and lay out Kafka, and find Java.
    Provide,
    /// Write the seeds into the data directories that have none, claim them, and note it in the ledger.
    Format,
    /// Make a key, have it certified, and switch to the new generation.
    Certify {
        /// Why.
        reason: String,
    },
    /// Write the files of the target.
    WriteFiles,
    /// Start the process.
    Launch,
    /// Stop the process, if that is permitted at this very moment, because another launch shall take its place.
    Replace,
    /// Stop the process and let it finish its work.
    Stop {
        /// Why.
        reason: String,
    },
    /// Delete the slot's folders.
    Delete,
}

/// Decides for one slot.
pub fn reconcile(holder: Holder<'_>, target: &SlotTarget, facts: &SlotFacts) -> Next {
    match target.run {
        RunState::Running => keep_running(holder, target, facts),
        RunState::Stopped => match facts.process {
            ProcessFacts::Absent if facts.remains && is_on(Mutant::DeletesTheStopped) => {
                Next::Do(vec![Action::Delete])
            }
            ProcessFacts::Absent => Next::Settled,
            ProcessFacts::Stopping => Next::AwaitStop,
            ProcessFacts::Live { .. } | ProcessFacts::BackingOff { .. } => stop("the target says stopped"),
        },
        RunState::Removed => match facts.process {
            ProcessFacts::Absent if facts.remains => Next::Do(vec![Action::Delete]),
            ProcessFacts::Absent => Next::Settled,
            ProcessFacts::Stopping => Next::AwaitStop,
            ProcessFacts::Live { .. } | ProcessFacts::BackingOff { .. } => stop("the target says removed"),
        },
    }
}

fn stop(reason: &str) -> Next {
    Next::Do(vec![Action::Stop { reason: reason.to_owned() }])
}

fn keep_running(holder: Holder<'_>, target: &SlotTarget, facts: &SlotFacts) -> Next {
    let launch = target.launch();
    match &facts.process {
        ProcessFacts::Stopping => return Next::AwaitStop,
        ProcessFacts::Live { launch: running } | ProcessFacts::BackingOff { launch: running }
            if *running != launch =>
        {
            // Everything the new launch needs is made ready before the old process is stopped.
            let preparation = preparations(holder, target, facts);
            return match preparation {
                Next::Settled => Next::Do(vec![Action::Replace]),
                Next::Do(_) | Next::AwaitStop | Next::Blocked { .. } => preparation,
            };
        }
        ProcessFacts::Live { .. } | ProcessFacts::BackingOff { .. } | ProcessFacts::Absent => {}
    }
    match (preparations(holder, target, facts), &facts.process) {
        (Next::Settled, ProcessFacts::Absent) => Next::Do(vec![Action::Launch]),
        (next, _) => next,
    }
}

/// What must be on the disk before a launch; [`Next::Settled`] where nothing is missing.
fn preparations(holder: Holder<'_>, target: &SlotTarget, facts: &SlotFacts) -> Next {
    let mut actions = Vec::new();
    match check_directories(holder, target, facts) {
        Directories::Agree => {}
        Directories::ToFormat => actions.push(Action::Format),
        Directories::Disagree { reason } => return Next::Blocked { reason },
    }
    if !facts.distribution {
        actions.push(Action::Provide);
    }
    if !facts.files {
        actions.push(Action::WriteFiles);
    }
    if let Some(reason) = &facts.certificate_wanted {
        actions.push(Action::Certify { reason: reason.clone() });
    }
    if actions.is_empty() { Next::Settled } else { Next::Do(actions) }
}

enum Directories {
    Agree,
    ToFormat,
    Disagree { reason: String },
}

fn check_directories(holder: Holder<'_>, target: &SlotTarget, facts: &SlotFacts) -> Directories {
    let mut to_format = false;
    for (wanted, found) in target.identity.directories.iter().zip(&facts.directories) {
        let path = &wanted.path;
        match found {
            DirectoryFacts::Empty if facts.formatted_before && !is_on(Mutant::FormatsLostDisks) => {
                return Directories::Disagree {
                    reason: format!(
                        "the data directory {path} was formatted on this host before and is empty now; mount the \
                         disk that belongs there, or restore it"
                    ),
                };
            }
            DirectoryFacts::Empty | DirectoryFacts::HalfFormatted => to_format = true,
            DirectoryFacts::Formatted { cluster: other, node, directory, claim } => {
                let cluster = holder.cluster;
                let (own_node, own_directory) = (target.identity.node_id, wanted.id);
                if *other != cluster || *node != own_node || *directory != own_directory {
                    return Directories::Disagree {
                        reason: format!(
                            "the data directory {path} belongs to node {node} of cluster {other} (directory \
                             {directory}), not to node {own_node} of cluster {cluster} (directory \
                             {own_directory}); give the slot its own directory"
                        ),
                    };
                }
                match check_claim(holder, target.identity.claim, claim.as_ref()) {
                    Claimed::Held => {}
                    Claimed::Due => to_format = true,
                    Claimed::ByAnother { claim: Claim { owner, epoch } } => {
                        let own = target.identity.claim;
                        return Directories::Disagree {
                            reason: format!(
                                "the data directory {path} is claimed by {owner} under epoch {epoch}, this target's \
                                 claim has epoch {own}; let the host run the slot that claimed it last"
                            ),
                        };
                    }
                }
            }
            DirectoryFacts::Foreign { found } => {
                return Directories::Disagree {
                    reason: format!("the data directory {path} holds {found}; empty it, or name another one"),
                };
            }
        }
    }
    // What was formatted by an agent that was killed before it noted it is noted now.
    if to_format || !facts.formatted_before { Directories::ToFormat } else { Directories::Agree }
}

enum Claimed<'a> {
    Held,
    Due,
    ByAnother { claim: &'a Claim },
}

/// A claim of a higher epoch is newer than this target; one of the same epoch can only be this host's own.
fn check_claim<'a>(holder: Holder<'_>, own: Epoch, noted: Option<&'a Claim>) -> Claimed<'a> {
    match noted {
        None => Claimed::Due,
        Some(claim) if claim.epoch < own => Claimed::Due,
        Some(claim) if claim.epoch == own && claim.owner == *holder.host => Claimed::Held,
        Some(claim) => Claimed::ByAnother { claim },
    }
}

#[cfg(test)]
pub(super) mod tests;
