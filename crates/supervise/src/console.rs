//! The file that takes what a process prints. No pipe, no copying task: the process writes itself,
//! in append mode, and goes on doing so when nobody is left to watch it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, OFlags};

/// How much of a process's output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogCap {
    /// Above this size the file's content moves on to `FILE.1`, that one's to `FILE.2`, and so on.
    /// Looked at every few seconds, so a file may be larger for that long.
    pub max_bytes: u64,
    /// How many older files are kept.
    pub keep: u32,
}

impl Default for LogCap {
    /// 32 MiB and three older files: what Kafka prints to its console is little, unless it is
    /// misconfigured, and then the newest 100 MiB tell why.
    fn default() -> Self {
        Self { max_bytes: 32 * 1024 * 1024, keep: 3 }
    }
}

/// What [`cap_console`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capped {
    /// Nothing: the file is small enough, or not there.
    Small,
    /// So many bytes moved on.
    Moved {
        /// Bytes.
        bytes: u64,
    },
}

/// The output file cannot be opened or capped.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// It cannot be opened.
    #[error("{path} cannot be opened for appending")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else than a file.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Its content cannot be moved on.
    #[error("{path} cannot be shortened")]
    Cap {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Opens the file for a new process. A symbolic link is refused: the folder may belong to the
/// process's account, and an agent may be root.
pub(crate) fn open_console(path: &Path) -> Result<File, ConsoleError> {
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|source| ConsoleError::Open { path: path.into(), source })?;
    check_regular(path, opened)
}

/// Moves the content of `path` on if it has grown above the cap, while the process goes on writing.
/// A check costs one `stat`.
///
/// Nothing is lost on ext4 and XFS, where the copied part is cut out of the file's beginning.
/// Elsewhere the file is emptied, and what is written in the microseconds between the last look
/// and that moment is lost.
///
/// # Errors
/// The file is not a file, or cannot be copied or shortened; a full disk among it.
pub fn cap_console(path: &Path, cap: &LogCap) -> Result<Capped, ConsoleError> {
    let failed = |source| ConsoleError::Cap { path: path.into(), source };
    match std::fs::symlink_metadata(path) {
        Ok(facts) if facts.is_file() && facts.size() <= cap.max_bytes => return Ok(Capped::Small),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Capped::Small),
        Ok(_) => {}
        Err(source) => return Err(failed(source)),
    }
    let source = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|source| ConsoleError::Open { path: path.into(), source })?;
    let source = check_regular(path, source)?;
    if cap.keep == 0 {
        let bytes = source.metadata().map_err(failed)?.size();
        source.set_len(0).map_err(failed)?;
        return Ok(Capped::Moved { bytes });
    }
    // A copy left by a supervisor that was killed here may be all that is left of its content.
    if std::fs::symlink_metadata(copying(path)).is_ok() {
        move_on(path, cap.keep).map_err(failed)?;
    }
    match copy_on(path, &source) {
        Ok(bytes) => {
            // The older files move only now: a disk too full for the copy has cost nothing.
            move_on(path, cap.keep).map_err(failed)?;
            Ok(Capped::Moved { bytes })
        }
        Err(error) => {
            if let Err(leftover) = std::fs::remove_file(copying(path)) {
                tracing::debug!(path = %path.display(), error = %leftover, "partial copy stays");
            }
            Err(failed(error))
        }
    }
}

/// Makes the copy number 1, and every older file one older.
fn move_on(path: &Path, keep: u32) -> io::Result<()> {
    for number in (1..keep).rev() {
        match std::fs::rename(numbered(path, number), numbered(path, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    std::fs::rename(copying(path), numbered(path, 1))
}

/// Copies the content to a temporary neighbour and takes it out of the file.
fn copy_on(path: &Path, source: &File) -> io::Result<u64> {
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(copying(path))?;
    let facts = source.metadata()?;
    // A whole number of blocks, and less than the whole file: what the kernel can cut out.
    let block = facts.blksize().max(1);
    let cuttable = facts.size().saturating_sub(1) / block * block;
    let mut reader = source;
    let mut copied = io::copy(&mut reader.take(cuttable), &mut copy)?;
    if copied == cuttable
        && cuttable > 0
        && rustix::fs::fallocate(source, FallocateFlags::COLLAPSE_RANGE, 0, cuttable).is_ok()
    {
        return Ok(copied);
    }
    // The writer may add while we copy: go on until nothing came, then empty the file at once.
    loop {
        let more = io::copy(&mut reader, &mut copy)?;
        copied += more;
        if more == 0 {
            source.set_len(0)?;
            return Ok(copied);
        }
    }
}

fn check_regular(path: &Path, file: File) -> Result<File, ConsoleError> {
    match file.metadata() {
        Ok(facts) if facts.is_file() => Ok(file),
        Ok(_) => Err(ConsoleError::NotAFile { path: path.into() }),
        Err(source) => Err(ConsoleError::Open { path: path.into(), source }),
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    path.with_added_extension(number.to_string())
}

fn copying(path: &Path) -> PathBuf {
    path.with_added_extension("copying")
}

#[cfg(test)]
mod tests;
