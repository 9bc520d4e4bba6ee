//! The record of what a slot's process was started with, for the agent that finds it running.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use klamm_core::model::Sha256;
use klamm_disk::{Disk, DiskError};

const LAUNCHED_VERSION: u32 = 1;

/// What the process that runs, or ran last, was started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launched {
    version: u32,
    /// [`klamm_core::model::target::SlotTarget::launch`].
    pub launch: Sha256,
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Launched {
    /// The record of a start.
    pub fn new(launch: Sha256, program: PathBuf, arguments: Vec<String>) -> Self {
        Self { version: LAUNCHED_VERSION, launch, program, arguments }
    }

    /// Reads the record; none where there is none that can be read.
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Self>, DiskError> {
        Ok(disk.read_file(path)?.and_then(|content| serde_json::from_slice(&content).ok()))
    }

    /// Writes the record: before the start, so that there is no process without one.
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
        let content = serde_json::to_vec_pretty(self).expect("a launch has only string keys");
        disk.replace_file(path, &content)
    }
}
