//! The agent's errors.

use std::error::Error;

use klamm_core::machines::slot::Failure;
use klamm_disk::DiskError;
use klamm_ledger::{FillError, LedgerError};
use klamm_supervise::{SupervisorError, UnitGone};
use thiserror::Error;

use crate::link::LinkError;
use crate::provide::ProvideError;
use crate::slot::{CertifyError, StartError};

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
    /// A unit is gone.
    #[error(transparent)]
    Unit(#[from] UnitGone),
}

impl AgentError {
    /// As the machine of a slot takes it. Where trying again will hardly help, a run that waits had better stop.
    pub(crate) fn to_failure(&self) -> Failure {
        let needs_a_person = match self {
            Self::Disk(_) | Self::Ledger(_) | Self::Provide(_) | Self::Start(_) | Self::Supervisor(_) => true,
            Self::Certify(error) => !error.is_of_the_link(),
            // A content is missing when a file was changed between two looks.
            Self::Fill(FillError::Missing { .. }) | Self::Link(_) | Self::Unit(_) => false,
            Self::Fill(FillError::Disk(_)) => true,
        };
        Failure { reason: chain(self), needs_a_person }
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
