//! Verified files by digest: what is wanted, whether it is here, and how a finished download gets in.

use std::fs::{self, File, FileTimes};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use klamm_core::model::Sha256;

use crate::cache::{ensure_folder, sync_folder};
use crate::lock::Artifact;
use crate::mirrors::Registry;

/// Every file of the cache gets this time of last change (2001-09-09), so that a class-data archive, which
/// remembers the times of the jars it was made from, stays valid when a jar is fetched again.
const FIXED_MTIME: Duration = Duration::from_secs(1_000_000_000);

/// One file to have in the cache.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) file: String,
    pub(crate) registry: Registry,
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) sha256: Sha256,
}

impl From<&Artifact> for Wanted {
    fn from(artifact: &Artifact) -> Self {
        Self {
            file: artifact.file_name().to_owned(),
            registry: Registry::Maven,
            path: artifact.path.clone(),
            size: artifact.size,
            sha256: artifact.sha256,
        }
    }
}

/// A running SHA-256.
pub(crate) struct Digesting(Context);

impl Digesting {
    pub(crate) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Sha256 {
        Sha256::from_bytes(self.0.finish().as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// Reads `file` from where it stands to its end; how much there was, and the state of the digest.
pub(crate) fn digest_rest(file: &mut File) -> io::Result<(u64, Digesting)> {
    let (mut digesting, mut length) = (Digesting::new(), 0);
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((length, digesting)),
            Ok(count) => {
                digesting.update(&buffer[..count]);
                length += count as u64;
            }
            Err(failed) if failed.kind() == io::ErrorKind::Interrupted => {}
            Err(failed) => return Err(failed),
        }
    }
}

/// The SHA-256 of the file at `path`, or nothing when there is none.
pub(crate) fn digest_of(path: &Path) -> io::Result<Option<Sha256>> {
    match File::open(path) {
        Ok(mut file) => digest_rest(&mut file).map(|(_, digesting)| Some(digesting.finish())),
        Err(failed) if failed.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// Whether the blob at `path` is whole, by reading it. A damaged one is unlinked: a process that has it open
/// keeps its copy, and nobody is handed it again.
pub(crate) fn is_whole_or_removed(path: &Path, expected: Sha256) -> io::Result<bool> {
    let found = digest_of(path)?;
    if found.is_some_and(|found| found != expected) {
        tracing::warn!(path = %path.display(), "a cached file was damaged and is fetched again");
        fs::remove_file(path)?;
    }
    Ok(found == Some(expected))
}

/// Moves the complete, verified file `from`, open as `file`, to its place `to`.
pub(crate) fn put_in_place(file: &File, from: &Path, to: &Path) -> io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(0o444))?;
    file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + FIXED_MTIME))?;
    file.sync_all()?;
    let folder = to.parent().expect("blobs lie in a folder");
    ensure_folder(folder)?;
    fs::rename(from, to)?;
    sync_folder(folder)
}
