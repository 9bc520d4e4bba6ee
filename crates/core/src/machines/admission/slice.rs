//! Whether a slice asks only for what an agent does: its own paths, the one program, known options. A signature proves
//! who speaks; it must not make a stolen server able to run commands on hosts.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::Terms;
use crate::kafka::jvm_options::agents_accept;
use crate::model::SlotName;
use crate::model::target::{DataDirectory, HostSlice, ProcessTarget, SlotIdentity, SlotTarget};

/// The classes whose `main` an agent runs.
const MAIN_CLASSES: &[&str] = &["kafka.Kafka"];

/// The only folder of a slot that a target may write files into; the others are the agent's.
const CONFIG: &str = "config";

/// Folders of the system, which hold no data of Kafka's.
const OF_THE_SYSTEM: &[&str] =
    &["/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"];

/// The first thing of a slice that the agent does not do; none where it does all of it.
pub(super) fn problem_of(slice: &HostSlice, terms: &Terms) -> Option<(SlotName, String)> {
    let mut used = BTreeSet::new();
    slice.slots.iter().find_map(|(name, slot)| {
        let place = Place { slice, name, terms };
        place.problem_of(slot, &mut used).map(|problem| (name.clone(), problem))
    })
}

struct Place<'a> {
    slice: &'a HostSlice,
    name: &'a SlotName,
    terms: &'a Terms,
}

impl Place<'_> {
    fn folder(&self) -> String {
        self.terms.folders.slot(self.slice.cluster, self.name)
    }

    fn problem_of(&self, slot: &SlotTarget, used: &mut BTreeSet<String>) -> Option<String> {
        let SlotTarget { identity, run: _, process, files, credential: _, launched_with: _, made_from: _ } =
            slot;
        let SlotIdentity { node_id: _, claim: _, directories, listeners: _ } = identity;
        if directories.is_empty() {
            return Some("it has no data directory".to_owned());
        }
        let stray = files.keys().find(|path| !is_below(path, CONFIG));
        if let Some(path) = stray {
            return Some(format!("the file {path:?} is not below {CONFIG}/ of its folder"));
        }
        for directory in directories {
            let problem = self.problem_of_directory(directory);
            let twice = || (!used.insert(directory.path.clone())).then(|| "is of two slots".to_owned());
            if let Some(problem) = problem.or_else(twice) {
                return Some(format!("the data directory {:?} {problem}", directory.path));
            }
        }
        self.problem_of_process(process)
    }

    fn problem_of_directory(&self, directory: &DataDirectory) -> Option<String> {
        let DataDirectory { path, id: _, seeds } = directory;
        if let Some(seed) = seeds.keys().find(|seed| !is_relative(seed)) {
            return Some(format!("has a file {seed:?} that is not inside of it"));
        }
        if *path == format!("{}/data", self.folder()) {
            return None;
        }
        let own = |folder: &str| is_inside(path, folder);
        let folders = &self.terms.folders;
        if !is_absolute(path) {
            Some("is not an absolute path without `..`".to_owned())
        } else if !path.ends_with(&format!("/{}/{}", self.slice.name, self.name)) {
            Some(format!("does not end with {}/{}", self.slice.name, self.name))
        } else if own(&folders.state) || own(&folders.logs) {
            Some("is among the agent's own folders".to_owned())
        } else if OF_THE_SYSTEM.iter().any(|folder| own(folder)) {
            Some("is in a folder of the system".to_owned())
        } else {
            None
        }
    }

    fn problem_of_process(&self, process: &ProcessTarget) -> Option<String> {
        // Which jars and which Java are run is decided by the lock files that the agent carries.
        let ProcessTarget {
            kafka: _,
            lock: _,
            jar: _,
            java: _,
            jvm_options,
            main_class,
            arguments,
            generation: _,
        } = process;
        if !MAIN_CLASSES.contains(&main_class.as_str()) {
            return Some(format!("the class {main_class:?} is not one that agents run"));
        }
        let (folder, logs) = (self.folder(), self.terms.folders.slot_logs(self.slice.cluster, self.name));
        if *arguments != [format!("{folder}/{CONFIG}/server.properties")] {
            return Some(format!("its arguments are {arguments:?}, not its own server.properties"));
        }
        let refused = jvm_options.iter().find(|option| !agents_accept(option, &folder, &logs));
        refused.map(|option| format!("the JVM option {option:?} is not one that agents accept"))
    }
}

/// Whether a path stays inside of the folder that it is relative to.
fn is_relative(path: &str) -> bool {
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
    !path.is_empty()
        && !path.contains('\0')
        && !path.ends_with('/')
        && Path::new(path).components().all(plain)
}

fn is_below(path: &str, folder: &str) -> bool {
    let mut components = Path::new(path).components();
    is_relative(path)
        && components.next() == Some(Component::Normal(folder.as_ref()))
        && components.next().is_some()
}

fn is_absolute(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(is_relative)
}

/// Whether a path leads into a folder, as far as the names tell: a folder may have been given with `..` in it.
fn is_inside(path: &str, folder: &str) -> bool {
    let mut plain = PathBuf::new();
    for component in Path::new(folder).components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(component),
        }
    }
    Path::new(path).starts_with(plain)
}

#[cfg(test)]
mod tests;
