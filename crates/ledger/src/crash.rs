//! A disk that loses power at a chosen write: for tests that stop the code at every one of them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use klamm_disk::{Disk, DiskError, RealDisk};

/// The machine's disk, until the power fails.
pub(crate) struct CrashDisk {
    writes_left: AtomicUsize,
    /// Whether the last write takes place before the power fails.
    lands: bool,
}

impl CrashDisk {
    pub(crate) fn new(writes: usize, lands: bool) -> Self {
        Self { writes_left: AtomicUsize::new(writes), lands }
    }

    /// How many writes were not needed.
    pub(crate) fn is_alive(&self) -> bool {
        self.writes_left.load(Ordering::Relaxed) > 0
    }

    fn write(
        &self,
        path: &Path,
        whole: impl FnOnce() -> Result<(), DiskError>,
        torn: impl FnOnce(),
    ) -> Result<(), DiskError> {
        let dead = || DiskError {
            path: path.to_owned(),
            operation: "write",
            source: io::Error::other("the power has failed"),
        };
        match self.writes_left.load(Ordering::Relaxed) {
            0 => return Err(dead()),
            1 => {
                self.writes_left.store(0, Ordering::Relaxed);
                if self.lands {
                    whole()?
                } else {
                    torn()
                }
                return Err(dead());
            }
            left => self.writes_left.store(left - 1, Ordering::Relaxed),
        }
        whole()
    }
}

fn beside(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.new", path.display()))
}

impl Disk for CrashDisk {
    fn ensure_folder(&self, path: &Path) -> Result<(), DiskError> {
        self.write(path, || RealDisk.ensure_folder(path), || ())
    }

    fn replace_file(&self, path: &Path, content: &[u8]) -> Result<(), DiskError> {
        let torn = || {
            // Half of it stands beside.
            RealDisk.replace_file(&beside(path), &content[..content.len() / 2]).expect("the disk works");
        };
        self.write(path, || RealDisk.replace_file(path, content), torn)
    }

    fn read_file(&self, path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
        RealDisk.read_file(path)
    }

    fn list_folder(&self, path: &Path) -> Result<Option<Vec<String>>, DiskError> {
        RealDisk.list_folder(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DiskError> {
        let torn = || {
            // The first half of a folder is gone.
            let names = RealDisk.list_folder(path).ok().flatten().unwrap_or_default();
            for name in &names[..names.len() / 2] {
                RealDisk.delete(&path.join(name)).expect("the disk works");
            }
        };
        self.write(path, || RealDisk.delete(path), torn)
    }

    fn exists(&self, path: &Path) -> Result<bool, DiskError> {
        RealDisk.exists(path)
    }

    fn replace_link(&self, link: &Path, destination: &Path) -> Result<(), DiskError> {
        let torn = || RealDisk.replace_link(&beside(link), destination).expect("the disk works");
        self.write(link, || RealDisk.replace_link(link, destination), torn)
    }

    fn read_link(&self, link: &Path) -> Result<Option<PathBuf>, DiskError> {
        RealDisk.read_link(link)
    }
}

/// Runs `attempt` with the power failing at its first write, then at its second, and so on until none fails, each with
/// the write torn and with it landed. After each failure `recover` finds what is left.
pub(crate) fn at_every_write(
    mut attempt: impl FnMut(&Path, &dyn Disk) -> bool,
    mut recover: impl FnMut(&Path),
) -> usize {
    for writes in 1.. {
        for lands in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let disk = CrashDisk::new(writes, lands);
            let went_through = attempt(folder.path(), &disk);
            assert_eq!(
                went_through,
                disk.is_alive(),
                "it goes on after the power has failed, or fails without"
            );
            if went_through {
                return writes - 1;
            }
            recover(folder.path());
        }
    }
    unreachable!("some number of writes is enough")
}
