//! What an agent keeps on its host's disk, and what it finds there: plain calls over a [`klamm_disk::Disk`].
//!
//! It must never use the network, a clock, a thread or the machine's own disk: contents, times and disks are handed in,
//! so that the agent and the simulator run the same code. A crash between any two writes leaves a state that the next
//! call goes on from. Start at [`Ledger`], then [`storage`] for data directories.

#[cfg(test)]
mod crash;
pub mod credential;
pub mod files;
mod folders;
mod launched;
mod ledger;
pub mod process;
pub mod slot;
pub mod storage;

pub use folders::{Folders, SlotFolders};
pub use launched::Launched;
pub use ledger::{Ledger, LedgerError, Opened, PassedOver};

use klamm_core::model::Sha256;
use klamm_disk::DiskError;
use thiserror::Error;

/// Finds a content by its digest.
pub type Contents<'a> = &'a dyn Fn(Sha256) -> Option<Vec<u8>>;

/// Why a folder was not filled.
#[derive(Debug, Error)]
pub enum FillError {
    /// It could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A content was not handed in.
    #[error("the content {digest} of {path} is missing")]
    Missing {
        /// Which.
        digest: Sha256,
        /// For which file.
        path: String,
    },
}

fn content_of(contents: Contents<'_>, digest: Sha256, path: &str) -> Result<Vec<u8>, FillError> {
    contents(digest).ok_or_else(|| FillError::Missing { digest, path: path.to_owned() })
}
