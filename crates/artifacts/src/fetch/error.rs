//! How a download can fail, and what each failure allows next.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use klamm_core::model::Sha256;

/// Which layer of the network failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The host's name has no address, or no name server answered.
    #[error("the host's name could not be looked up")]
    NameLookup,
    /// No connection could be made.
    #[error("no connection could be made")]
    Connect,
    /// The server's certificate is not trusted by this machine, or TLS failed otherwise.
    #[error("no trusted TLS connection could be made")]
    Tls,
    /// Nothing came for too long.
    #[error("the server did not answer in time")]
    Timeout,
    /// The connection ended in the middle.
    #[error("the connection broke")]
    Broken,
}

/// Why a file could not be brought into the cache.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The HTTP client could not be set up, for example without any trusted certificate on this machine.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
    /// No answer, or none to the end.
    #[error("{file} could not be fetched from {url}: {trouble}")]
    Unreachable {
        /// Name of the file.
        file: String,
        /// Where it was asked for.
        url: String,
        /// The layer that failed.
        trouble: Trouble,
        /// The network's own words.
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("{file} could not be fetched from {url}: the server answered {status}")]
    Status {
        /// Name of the file.
        file: String,
        /// Where it was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The pause that the server asked for.
        retry_after: Option<Duration>,
    },
    /// The answer ended early, or did not continue where it was asked to.
    #[error("{file} could not be fetched from {url}: only {received} of {size} bytes came")]
    Incomplete {
        /// Name of the file.
        file: String,
        /// Where it was asked for.
        url: String,
        /// Bytes on disk.
        received: u64,
        /// Bytes expected.
        size: u64,
    },
    /// The server has another file under this name. What was received is deleted.
    #[error("{file} from {url} is not the file that was asked for: expected {expected} bytes, found {found}")]
    Size {
        /// Name of the file.
        file: String,
        /// Where it was asked for.
        url: String,
        /// Bytes in the lock file.
        expected: u64,
        /// Bytes that the server has, or has sent so far.
        found: u64,
    },
    /// The server has another file under this name. What was received is deleted.
    #[error(
        "{file} from {url} is not the file that was asked for: expected SHA-256 {expected}, found {found}"
    )]
    Digest {
        /// Name of the file.
        file: String,
        /// Where it was asked for.
        url: String,
        /// Digest in the lock file.
        expected: Sha256,
        /// Digest of what came.
        found: Sha256,
    },
    /// Every source failed; the last one as the source of this error says.
    #[error("{file} could not be fetched from {} nor from the last source", tried.join(", "))]
    Everywhere {
        /// Name of the file.
        file: String,
        /// What was tried before the last one, in order.
        tried: Vec<String>,
        /// How the last one failed.
        source: Box<FetchError>,
    },
    /// The disk is full. What came so far is kept, and continued next time.
    #[error("no room left on the disk for {path:?}")]
    NoRoom {
        /// The file being written.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The cache could not be read or written.
    #[error("the cache file {path:?} could not be used")]
    Storage {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FetchError {
    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { trouble, .. } => match trouble {
                Trouble::NameLookup | Trouble::Connect | Trouble::Timeout | Trouble::Broken => true,
                Trouble::Tls => false,
            },
            Self::Status { status, .. } => [408, 425, 429, 500, 502, 503, 504].contains(status),
            Self::Incomplete { .. } => true,
            Self::Client(_)
            | Self::Size { .. }
            | Self::Digest { .. }
            | Self::Everywhere { .. }
            | Self::NoRoom { .. }
            | Self::Storage { .. } => false,
        }
    }

    /// Whether another server may do better. One that has a *different* file under this name is not passed over
    /// in silence: somebody must look.
    pub(super) fn may_succeed_elsewhere(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Status { .. } | Self::Incomplete { .. } => true,
            Self::Client(_)
            | Self::Size { .. }
            | Self::Digest { .. }
            | Self::Everywhere { .. }
            | Self::NoRoom { .. }
            | Self::Storage { .. } => false,
        }
    }

    /// The pause that the server asked for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        if let Self::Status { retry_after, .. } = self { *retry_after } else { None }
    }

    /// The failure of a system call on a file of the cache.
    pub(crate) fn storage(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::NoRoom { path, source }
        } else {
            Self::Storage { path, source }
        }
    }
}
