//! The agent's errors.

use std::error::Error;

use klamm_core::model::SlotName;
use klamm_disk::DiskError;
use klamm_supervise::{SupervisorError, UnitGone};
use thiserror::Error;

use crate::ledger::LedgerError;
use crate::link::LinkError;
use crate::provide::ProvideError;
use crate::slot::{CertifyError, FillError, StartError};

/// What keeps an agent from its work.
#[derive(Debug, Error)]
pub enum AgentError {
    /// Files.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The server.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Executables.
    #[error(transparent)]
    Provide(#[from] ProvideError),
    /// A certificate.
    #[error(transparent)]
    Certify(#[from] CertifyError),
    /// A folder's content.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// A process.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Processes cannot be supervised here.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    /// The server does not permit a stop at this moment.
    #[error("{slot} may not stop now: {reason}")]
    NotNow {
        /// Which slot.
        slot: SlotName,
        /// Why not.
        reason: String,
    },
    /// A unit is gone.
    #[error(transparent)]
    Unit(#[from] UnitGone),
}

impl AgentError {
    /// Whether trying again will hardly help: a run that waits for it had better stop and say so.
    pub(crate) fn needs_a_person(&self) -> bool {
        match self {
            Self::Disk(_) | Self::Ledger(_) | Self::Provide(_) | Self::Start(_) | Self::Supervisor(_) => true,
            Self::Certify(error) => !error.is_of_the_link(),
            Self::Fill(error) => !error.is_of_the_link(),
            Self::Link(_) | Self::Unit(_) | Self::NotNow { .. } => false,
        }
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
