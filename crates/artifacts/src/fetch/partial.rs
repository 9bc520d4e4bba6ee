//! A download under way: a file that one process at a time may extend, with the digest of what it holds.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use klamm_core::model::Sha256;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::blob::{self, Digesting};

/// An open, locked partial file. The lock ends with it, also when the process is killed.
pub(super) struct Partial {
    path: PathBuf,
    file: tokio::fs::File,
    received: u64,
    digesting: Digesting,
}

impl Partial {
    /// Opens and locks the file at `path`, made when missing, and digests what an earlier attempt left; nothing
    /// while another process has it. More than `size` bytes cannot be a beginning and are dropped.
    pub(super) async fn take(path: &Path, size: u64) -> io::Result<Option<Self>> {
        let path = path.to_owned();
        blocking(move || {
            let Some(mut file) = open_locked(&path)? else { return Ok(None) };
            if file.metadata()?.len() > size {
                file.set_len(0)?;
            }
            // Not `/dev/full` and its like, which have no content to continue from.
            let (received, digesting) = if file.metadata()?.is_file() {
                blob::digest_rest(&mut file)?
            } else {
                (0, Digesting::new())
            };
            let file = tokio::fs::File::from_std(file);
            Ok(Some(Self { path, file, received, digesting }))
        })
        .await
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.digesting.update(bytes);
        self.received += bytes.len() as u64;
        Ok(())
    }

    /// Waits until everything appended is with the system, and hears of its failures.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.file.flush().await
    }

    /// Forgets all content.
    pub(super) async fn begin_again(&mut self) -> io::Result<()> {
        if self.received > 0 {
            self.file.seek(io::SeekFrom::Start(0)).await?;
            self.file.set_len(0).await?;
            self.received = 0;
        }
        self.digesting = Digesting::new();
        Ok(())
    }

    /// The digest of all content; afterwards the file can only be begun again, put in place or removed.
    pub(super) fn digest(&mut self) -> Sha256 {
        std::mem::replace(&mut self.digesting, Digesting::new()).finish()
    }

    /// Moves the complete file to `place`, durably.
    pub(super) async fn put_in_place(self, place: &Path) -> io::Result<()> {
        let (file, from, to) = (self.file.into_std().await, self.path, place.to_owned());
        blocking(move || blob::put_in_place(&file, &from, &to)).await
    }

    /// Unlinks the file while the lock is held.
    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Unlinks and closes.
    pub(super) fn discard(self) -> io::Result<()> {
        self.remove()
    }
}

fn open_locked(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(failed)) => return Err(failed),
    }
    // The one who held it before may have renamed or removed the file that was opened here.
    let (opened, named) = (file.metadata()?, fs::metadata(path));
    Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())).then_some(file))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
