//! Files that are whole or not there: written beside, synced, renamed, and the folder synced.
//!
//! It must never leave half a file under its final name, nor make one that others than its owner can read. Start
//! at [`Disk`], which also says what a crash may leave behind; [`RealDisk`] is the one of the machine.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod error;
mod real;

use std::path::{Path, PathBuf};

pub use error::DiskError;
pub use real::{RealDisk, delete, ensure_folder, read_file, replace_file, replace_link, sync_folder};

/// A disk as far as durable state needs one. Every call is durable when it returns; a crash in the middle of one
/// leaves what it says. [`contract`] (feature `contract`) holds every implementation to it.
pub trait Disk: Send + Sync {
    /// Makes a folder that only its owner may enter, and its parents. A crash leaves some of the parents.
    fn ensure_folder(&self, path: &Path) -> Result<(), DiskError>;

    /// Replaces a file, readable by its owner only; its folder is made. A crash leaves the old or the new content, and
    /// perhaps a file of any content named `NAME.new` beside it.
    fn replace_file(&self, path: &Path, content: &[u8]) -> Result<(), DiskError>;

    /// Reads a file; none where there is none.
    fn read_file(&self, path: &Path) -> Result<Option<Vec<u8>>, DiskError>;

    /// The names in a folder, sorted; none where there is no folder.
    fn list_folder(&self, path: &Path) -> Result<Option<Vec<String>>, DiskError>;

    /// Deletes a file, a link, or a folder and all in it; what is not there is deleted already. A crash leaves any part
    /// of a folder.
    fn delete(&self, path: &Path) -> Result<(), DiskError>;

    /// Whether there is a file, a link or a folder.
    fn exists(&self, path: &Path) -> Result<bool, DiskError>;

    /// Points the symbolic link `link` at `destination` in one step. A crash leaves it as it was or as it shall be, and
    /// perhaps a link named `LINK.new` beside it.
    fn replace_link(&self, link: &Path, destination: &Path) -> Result<(), DiskError>;

    /// Where a symbolic link points, as it is written; none where there is no link.
    fn read_link(&self, link: &Path) -> Result<Option<PathBuf>, DiskError>;
}
