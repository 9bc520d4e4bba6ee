//! Which process is meant: a pid alone is reused, a pid with its start time and boot is not.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Names one process of this machine for ever; what an agent stores to find it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The process id. Also the id of its session and process group.
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`: when it started, in clock ticks since boot.
    pub start_ticks: u64,
    /// `/proc/sys/kernel/random/boot_id` at that time.
    pub boot_id: String,
}

/// An identity could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file is there but cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a record of this version.
    #[error("{path} is not a process record of version {RECORD_VERSION}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The version written into a process record.
pub(crate) const RECORD_VERSION: u32 = 1;

#[derive(Deserialize)]
struct Record {
    version: u32,
    #[serde(flatten)]
    identity: ProcessIdentity,
}

impl ProcessIdentity {
    /// Reads the record that [`crate::Launch::record`] asked for; `None` if there is none.
    ///
    /// The starting process writes it itself before it becomes the program, so that there is no
    /// moment at which a process runs and no file names it.
    ///
    /// # Errors
    /// The file cannot be read, or is not a record of this version.
    pub fn read_record(path: &Path) -> Result<Option<Self>, IdentityError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(IdentityError::Unreadable { path: path.into(), source }),
        };
        let malformed = |source| IdentityError::Malformed { path: path.into(), source };
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| malformed(error.into()))?;
        if record.version != RECORD_VERSION {
            return Err(malformed(format!("it is of version {}", record.version).into()));
        }
        Ok(Some(record.identity))
    }
}

/// This boot's id.
pub(crate) fn read_boot_id() -> Result<String, IdentityError> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(IdentityError::Unreadable { path: path.into(), source }),
    }
}

/// The fields of `/proc/PID/stat` that identify a process and place it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessStat {
    /// `Z` for a process that ended and was not waited for.
    pub(crate) state: u8,
    pub(crate) session: u32,
    pub(crate) start_ticks: u64,
}

impl ProcessStat {
    /// Reads the facts of `pid`; `None` if there is no such process.
    pub(crate) fn read(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Parses the line of `/proc/PID/stat`. Allocates nothing: a forked child calls it too.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        // The name in parentheses may hold spaces and parentheses of its own.
        let after_name = line.iter().rposition(|byte| *byte == b')')? + 1;
        let mut fields = line.get(after_name..)?.split(|byte| *byte == b' ').skip(1);
        let state = *fields.next()?.first()?;
        let session = number(fields.nth(2)?)?;
        let start_ticks = number(fields.nth(15)?)?;
        Some(Self { state, session: u32::try_from(session).ok()?, start_ticks })
    }

    /// Whether it has ended and only waits for its parent to notice.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_a_nasty_name_is_understood() {
        let line = b"4711 (a) b (c) S 1 4711 4710 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 33 0 987654 1 2\n";
        let stat = ProcessStat::parse(line).expect("a stat line");
        assert_eq!(stat, ProcessStat { state: b'S', session: 4710, start_ticks: 987_654 });
    }

    #[test]
    fn a_truncated_stat_line_is_nothing() {
        assert_eq!(ProcessStat::parse(b"4711 (java) S 1 4711"), None);
    }

    #[test]
    fn a_record_of_another_version_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("process.json");
        assert!(ProcessIdentity::read_record(&path).expect("no record").is_none());
        std::fs::write(&path, r#"{"version":2,"pid":1,"start_ticks":2,"boot_id":"b"}"#).expect("written");
        assert!(matches!(ProcessIdentity::read_record(&path), Err(IdentityError::Malformed { .. })));
    }
}
