//! What went wrong on a disk.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A file or folder operation that failed.
#[derive(Debug, Error)]
#[error("{path}: {operation} failed")]
pub struct DiskError {
    /// On which path.
    pub path: PathBuf,
    /// What was tried.
    pub operation: &'static str,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}
