//! Where an agent keeps what.

use std::path::{Path, PathBuf};

use klamm_core::model::inventory::HostFolders;
use klamm_core::model::{ClusterId, SlotName};

/// The roots that an agent works under.
#[derive(Debug, Clone)]
pub struct Folders {
    /// Slots and the agent's own state.
    pub state: PathBuf,
    /// Logs.
    pub logs: PathBuf,
    /// Downloads, shared between clusters.
    pub cache: PathBuf,
}

impl Folders {
    /// As the inventory tells them to the server.
    pub fn to_report(&self) -> HostFolders {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        HostFolders { state: text(&self.state), logs: text(&self.logs) }
    }

    /// The agent's own files.
    pub fn own(&self) -> PathBuf {
        self.state.join("agent")
    }

    /// Everything of a slot.
    pub fn slot(&self, cluster: ClusterId, slot: &SlotName) -> SlotFolders {
        let report = self.to_report();
        SlotFolders { slot: report.slot(cluster, slot).into(), logs: report.slot_logs(cluster, slot).into() }
    }

    /// The folder of all slots of a cluster.
    pub fn cluster(&self, cluster: ClusterId) -> PathBuf {
        self.state.join("clusters").join(cluster.to_string())
    }

    /// The log folder of all slots of a cluster.
    pub fn cluster_logs(&self, cluster: ClusterId) -> PathBuf {
        self.logs.join("clusters").join(cluster.to_string())
    }
}

/// The folders and files of one slot.
#[derive(Debug, Clone)]
pub struct SlotFolders {
    /// The slot's folder.
    pub slot: PathBuf,
    /// Its log folder.
    pub logs: PathBuf,
}

impl SlotFolders {
    /// Certificate generations, and the link to the one in force.
    pub fn tls(&self) -> PathBuf {
        self.slot.join("tls")
    }

    /// The link to the generation in force.
    pub fn current_generation(&self) -> PathBuf {
        self.tls().join("current")
    }

    /// Which process it is, for the agent that finds it running.
    pub fn process(&self) -> PathBuf {
        self.slot.join("process.json")
    }

    /// What the process was started with, see [`crate::Launched`].
    pub fn launched(&self) -> PathBuf {
        self.slot.join("launched.json")
    }

    /// What the process prints.
    pub fn console_log(&self) -> PathBuf {
        self.logs.join("console.log")
    }

    /// Kafka's own log.
    pub fn server_log(&self) -> PathBuf {
        self.logs.join("server.log")
    }
}
