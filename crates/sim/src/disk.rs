//! A host's disk: what was acknowledged survives everything but the loss of the disk; what was not may be there,
//! half there, or not.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use klamm_disk::{Disk, DiskError};

use crate::points::Points;

/// A disk that can be shared between an agent and the host that outlives it.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    /// Where whoever writes can die: before a write, within it, and after it. Nothing works for the dead.
    pub points: Points,
}

#[derive(Debug, Clone, Default)]
struct State {
    entries: BTreeMap<PathBuf, Entry>,
    /// Whether writes fail for want of room.
    full: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Folder,
    File(Arc<[u8]>),
    Link(PathBuf),
}

impl SimDisk {
    /// Whether writes fail for want of room.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// A copy that goes its own way.
    pub fn snapshot(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().clone())), points: Points::default() }
    }

    /// Makes this disk hold what another one holds.
    pub fn restore(&self, other: &Self) {
        let entries = other.state().entries.clone();
        self.state().entries = entries;
    }

    fn alive(&self, path: &Path) -> Result<(), DiskError> {
        if self.points.is_dead() { Err(failed(path, "read", io::ErrorKind::Interrupted)) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

impl State {
    fn has_room(&self, path: &Path) -> Result<(), DiskError> {
        if self.full { Err(failed(path, "write", io::ErrorKind::StorageFull)) } else { Ok(()) }
    }

    fn make_folders(&mut self, points: &Points, path: &Path) -> Result<(), DiskError> {
        let known = path.ancestors().find_map(|folder| self.entries.get(folder));
        if matches!(known, Some(Entry::File(_))) {
            return Err(failed(path, "making the folder", io::ErrorKind::NotADirectory));
        }
        let mut missing: Vec<&Path> =
            path.ancestors().take_while(|folder| !self.entries.contains_key(*folder)).collect();
        missing.reverse();
        for folder in missing {
            self.has_room(folder)?;
            self.entries.insert(folder.to_owned(), Entry::Folder);
            pass(points, folder, "making the folder")?;
        }
        Ok(())
    }

    /// Puts an entry under its name by way of one beside it.
    fn replace(
        &mut self,
        points: &Points,
        path: &Path,
        entry: Entry,
        operation: &'static str,
    ) -> Result<(), DiskError> {
        pass(points, path, operation)?;
        self.make_folders(points, path.parent().expect("a file lives in a folder"))?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let torn = match &entry {
            Entry::File(content) => Entry::File(content[..content.len() / 2].into()),
            Entry::Folder | Entry::Link(_) => entry.clone(),
        };
        self.entries.insert(beside.clone(), torn);
        self.has_room(path)?;
        pass(points, path, operation)?;
        self.entries.remove(&beside);
        self.entries.insert(path.to_owned(), entry);
        pass(points, path, operation)
    }
}

impl Disk for SimDisk {
    fn ensure_folder(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        pass(&self.points, path, "making the folder")?;
        state.make_folders(&self.points, path)
    }

    fn replace_file(&self, path: &Path, content: &[u8]) -> Result<(), DiskError> {
        self.state().replace(&self.points, path, Entry::File(content.into()), "replacement")
    }

    fn read_file(&self, path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
        let state = self.state();
        self.alive(path)?;
        match state.entries.get(&followed(&state.entries, path)) {
            Some(Entry::File(content)) => Ok(Some(content.to_vec())),
            Some(Entry::Folder) => Err(failed(path, "read", io::ErrorKind::IsADirectory)),
            Some(Entry::Link(_)) | None => Ok(None),
        }
    }

    fn list_folder(&self, path: &Path) -> Result<Option<Vec<String>>, DiskError> {
        let state = self.state();
        self.alive(path)?;
        let folder = followed(&state.entries, path);
        match state.entries.get(&folder) {
            Some(Entry::Folder) => {}
            Some(Entry::File(_) | Entry::Link(_)) => {
                return Err(failed(path, "listing", io::ErrorKind::NotADirectory));
            }
            None => return Ok(None),
        }
        let inside =
            state.entries.range(folder.clone()..).take_while(|(entry, _)| entry.starts_with(&folder));
        let names = inside.filter(|(entry, _)| entry.parent() == Some(&folder));
        let mut names: Vec<String> =
            names.filter_map(|(entry, _)| Some(entry.file_name()?.to_string_lossy().into_owned())).collect();
        names.sort();
        Ok(Some(names))
    }

    fn delete(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.state();
        pass(&self.points, path, "removal")?;
        let doomed: Vec<PathBuf> = state
            .entries
            .range(path.to_owned()..)
            .map(|(entry, _)| entry)
            .take_while(|entry| entry.starts_with(path))
            .cloned()
            .collect();
        // What is deepest goes first, and a crash leaves the rest.
        for entry in doomed.iter().rev() {
            state.entries.remove(entry);
            pass(&self.points, entry, "removal")?;
        }
        Ok(())
    }

    fn exists(&self, path: &Path) -> Result<bool, DiskError> {
        let state = self.state();
        self.alive(path)?;
        Ok(state.entries.contains_key(path))
    }

    fn replace_link(&self, link: &Path, destination: &Path) -> Result<(), DiskError> {
        self.state().replace(&self.points, link, Entry::Link(destination.to_owned()), "replacement")
    }

    fn read_link(&self, link: &Path) -> Result<Option<PathBuf>, DiskError> {
        let state = self.state();
        self.alive(link)?;
        match state.entries.get(link) {
            Some(Entry::Link(destination)) => Ok(Some(destination.clone())),
            Some(Entry::Folder | Entry::File(_)) | None => Ok(None),
        }
    }
}

fn pass(points: &Points, path: &Path, operation: &'static str) -> Result<(), DiskError> {
    if points.pass() { Ok(()) } else { Err(failed(path, operation, io::ErrorKind::Interrupted)) }
}

fn failed(path: &Path, operation: &'static str, kind: io::ErrorKind) -> DiskError {
    DiskError { path: path.to_owned(), operation, source: kind.into() }
}

/// A path with the links in it followed; generations point one folder beside themselves.
fn followed(entries: &BTreeMap<PathBuf, Entry>, path: &Path) -> PathBuf {
    let mut real = PathBuf::new();
    for part in path.components() {
        real.push(part);
        if let Some(Entry::Link(destination)) = entries.get(&real) {
            real.pop();
            real.push(destination);
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_contract_of_disks() {
        let disk = SimDisk::default();
        disk.ensure_folder(Path::new("/empty")).unwrap();
        klamm_disk::contract::check(&disk, Path::new("/empty"));
    }

    #[test]
    fn a_death_within_a_write_leaves_the_old_content_or_the_new() {
        let path = Path::new("/state/a.json");
        let writing_takes = {
            let disk = SimDisk::default();
            disk.replace_file(path, b"old").unwrap();
            let before = disk.points.passed();
            disk.replace_file(path, b"new").unwrap();
            disk.points.passed() - before
        };
        let mut seen = std::collections::BTreeSet::new();
        for point in 0..writing_takes {
            let disk = SimDisk::default();
            disk.replace_file(path, b"old").unwrap();
            disk.points.die_after(point);
            disk.replace_file(path, b"new").unwrap_err();
            assert!(disk.points.is_dead());
            disk.points.revive();
            seen.insert(disk.read_file(path).unwrap().unwrap());
        }
        assert_eq!(seen, [b"new".to_vec(), b"old".to_vec()].into());
    }

    #[test]
    fn a_full_disk_keeps_what_it_has() {
        let disk = SimDisk::default();
        let path = Path::new("/state/a.json");
        disk.replace_file(path, b"old").unwrap();
        disk.set_full(true);
        disk.replace_file(path, b"new").unwrap_err();
        assert_eq!(disk.read_file(path).unwrap().unwrap(), b"old");
    }
}
