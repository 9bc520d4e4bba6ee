//! A Unix socket whose path may be too long for a socket address.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// `sun_path` of Linux holds 108 bytes, the closing zero included.
const LONGEST: usize = 107;

/// A socket's path that fits into a socket address, valid while this value lives.
#[derive(Debug)]
pub struct ReachableSocket {
    path: PathBuf,
    _folder: Option<File>,
}

impl ReachableSocket {
    /// A path to `socket` of at most 107 bytes: its own, or one through the opened folder, which must exist then.
    pub fn new(socket: &Path) -> io::Result<Self> {
        if socket.as_os_str().len() <= LONGEST {
            return Ok(Self { path: socket.to_owned(), _folder: None });
        }
        let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
            return Err(io::ErrorKind::InvalidFilename.into());
        };
        let folder = File::open(folder)?;
        let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _folder: Some(folder) })
    }

    /// The path to hand to `bind` or `connect`.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
