//! The writes below a folder as the kernel tells them: what a crash is timed by.

use std::collections::BTreeMap;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

/// Kafka's own folders: what it writes is none of the product's.
const OF_KAFKA: [&str; 2] = ["data", "tmp"];

/// Counts what is written, made, renamed and deleted below a folder.
pub struct Writes {
    queue: OwnedFd,
    folders: BTreeMap<i32, PathBuf>,
    seen: u64,
}

impl Writes {
    /// Watches the folder and all below it, those to come included. What happens in a new folder before it is watched
    /// is not counted.
    pub fn below(folder: &Path) -> Result<Self> {
        let queue = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).context("watching files")?;
        let mut writes = Self { queue, folders: BTreeMap::new(), seen: 0 };
        writes.add(folder)?;
        Ok(writes)
    }

    /// How many there were.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Waits for the next, no longer than `patience`, and counts all that came meanwhile.
    pub fn gather(&mut self, patience: Duration) -> Result<()> {
        let patience = Timespec::try_from(patience).context("a patience of centuries")?;
        match poll(&mut [PollFd::new(&self.queue, PollFlags::IN)], Some(&patience)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for writes"),
        }
        let mut space = [MaybeUninit::<u8>::uninit(); 16 << 10];
        let mut new_folders = Vec::new();
        let mut events = Reader::new(&self.queue, &mut space);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error).context("reading what was written"),
            };
            let name = event.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if OF_KAFKA.contains(&name.as_str()) {
                continue;
            }
            self.seen += 1;
            let came = event.events().intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
            if let Some(folder) = self.folders.get(&event.wd())
                && came
                && event.events().contains(ReadFlags::ISDIR)
            {
                new_folders.push(folder.join(name));
            }
        }
        new_folders.iter().try_for_each(|folder| self.add(folder))
    }

    fn add(&mut self, folder: &Path) -> Result<()> {
        let wanted = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::ONLYDIR;
        match add_watch(&self.queue, folder, wanted) {
            Ok(number) => self.folders.insert(number, folder.to_owned()),
            // It was there for a moment only.
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("watching {}", folder.display())),
        };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let of_kafka = OF_KAFKA.iter().any(|name| entry.file_name() == *name);
            if !of_kafka && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.add(&entry.path())?;
            }
        }
        Ok(())
    }
}
