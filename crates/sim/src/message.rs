//! What agents and their server say to each other, and what each of them reminds itself of.

use std::collections::{BTreeMap, BTreeSet};

use klamm_core::api::{Delivery, PermitAnswer, PermitWanted};
use klamm_core::model::inventory::HostReport;
use klamm_core::model::{ClusterId, Sha256, SlotName};

use crate::command::Host;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message reaches the process that it was sent to, if that one still lives.
    Arrives {
        /// From where.
        from: Host,
        /// Where.
        to: Host,
        /// Which life of the receiver had the connection.
        life: u64,
        /// What.
        message: Message,
    },
    /// Somebody wanted to be woken.
    Wakes {
        /// Where.
        host: Host,
        /// In which of its lives.
        life: u64,
        /// What for.
        timer: Timer,
    },
    /// The clients write their next record.
    Write,
}

/// What a process reminds itself of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
    /// An agent without a stream dials.
    Dial,
    /// An agent notices that its stream is dead.
    Broken,
    /// An agent reports.
    Report,
    /// Something is due for a slot.
    Slot(SlotName),
    /// An act that only takes time is done.
    Worked(SlotName, u64),
    /// A question was not answered in time.
    Unanswered(u64),
    /// The server looks what its run does next.
    Look,
}

/// A message.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// An agent opens its stream.
    Hello,
    /// An agent reports.
    Report(Box<HostReport>),
    /// An agent asks.
    Asks {
        /// Names the answer.
        ask: u64,
        /// What.
        wanted: Wanted,
    },
    /// The server hands out a target.
    Target(Delivery),
    /// The server has forgotten a cluster.
    Destroyed(ClusterId),
    /// The server took a report.
    Reported {
        /// Clusters of it that it does not have.
        destroyed: BTreeSet<ClusterId>,
    },
    /// The server answers.
    Answers {
        /// To which question.
        ask: u64,
        /// What; none where it refuses.
        answer: Result<Answer, String>,
    },
}

/// What an agent asks.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// May this process stop now?
    Permit(PermitWanted),
    /// A certificate. In the simulation the server makes the key too.
    Certificate(SlotName),
    /// Contents by digest.
    Contents(BTreeSet<Sha256>),
}

/// What the server answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// To [`Wanted::Permit`].
    Permit(PermitAnswer),
    /// To [`Wanted::Certificate`]: key and chain in PEM, and the two bundles of authorities.
    Certificate {
        /// Key and chain.
        keystore: Vec<u8>,
        /// What node certificates are verified with.
        trust_nodes: Vec<u8>,
        /// What user certificates are verified with.
        trust_users: Vec<u8>,
    },
    /// To [`Wanted::Contents`]: those that the server has.
    Contents(BTreeMap<Sha256, Vec<u8>>),
}
