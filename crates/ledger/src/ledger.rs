//! The ledger: what an agent keeps on disk of each cluster, enough to run the host without a server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use klamm_core::api::Delivery;
use klamm_core::machines::admission::{Admitted, Held, Refusal, Terms, admit, verify};
use klamm_core::model::inventory::{ClusterReport, RefusedTarget, SlotReport};
use klamm_core::model::{ClusterId, Sha256, SlotName};
use klamm_disk::{Disk, DiskError};

const LEDGER_VERSION: u32 = 1;

/// What went wrong with the ledger.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// It could not be read or written.
    #[error("the ledger could not be kept")]
    Disk(#[from] DiskError),
    /// Its content is damaged or of a newer Klamm.
    #[error("the ledger {path} is not readable")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A newer Klamm wrote it.
    #[error("the ledger {path} has version {found}, this Klamm knows up to {LEDGER_VERSION}")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// What is there.
        found: u32,
    },
    /// The target was refused.
    #[error("a target was refused")]
    Refused(#[from] Refusal),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Page {
    version: u32,
    /// The last target obeyed, signature and all, so that a lost server can be rebuilt from it.
    delivery: Delivery,
    /// Slots whose data directories were formatted on this host.
    formatted: BTreeSet<SlotName>,
}

/// The pages of all clusters, one file each.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    terms: Terms,
    pages: BTreeMap<ClusterId, (Page, Admitted)>,
    refused: BTreeMap<ClusterId, RefusedTarget>,
}

/// A ledger and the pages that are not part of it.
#[derive(Debug)]
pub struct Opened {
    /// The ledger.
    pub ledger: Ledger,
    /// What a person should look at.
    pub passed_over: Vec<PassedOver>,
}

/// A page that is damaged, or not signed by the pinned key. It must not keep the other clusters of the host down.
#[derive(Debug)]
pub struct PassedOver {
    /// The page.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: LedgerError,
}

impl Ledger {
    /// Reads all pages in `folder`.
    pub fn open(disk: &dyn Disk, folder: PathBuf, terms: Terms) -> Result<Opened, LedgerError> {
        let mut pages = BTreeMap::new();
        let mut passed_over = Vec::new();
        // What a write that was cut short left beside a page ends with `.new`.
        let names = disk.list_folder(&folder)?.unwrap_or_default();
        for path in names.iter().filter(|name| name.ends_with(".json")).map(|name| folder.join(name)) {
            match read_page(disk, &path).and_then(|page| Ok((verify(&page.delivery, &terms)?, page))) {
                Ok((admitted, page)) => {
                    pages.insert(admitted.root.cluster, (page, admitted));
                }
                Err(error) => passed_over.push(PassedOver { path, error }),
            }
        }
        Ok(Opened { ledger: Self { folder, terms, pages, refused: BTreeMap::new() }, passed_over })
    }

    /// The clusters that this host obeys targets of.
    pub fn clusters(&self) -> impl Iterator<Item = (ClusterId, &Admitted)> {
        self.pages.iter().map(|(cluster, (_, admitted))| (*cluster, admitted))
    }

    /// What this host obeys of a cluster.
    pub fn cluster(&self, cluster: ClusterId) -> Option<&Admitted> {
        self.pages.get(&cluster).map(|(_, admitted)| admitted)
    }

    /// Verifies a delivery and stores it; only then may it be acted upon. One that is genuine and not obeyed is kept
    /// among [`Ledger::refused`].
    pub fn obey(&mut self, disk: &dyn Disk, delivery: Delivery) -> Result<ClusterId, LedgerError> {
        let offered = self.terms.key.verify(&delivery.signed).ok();
        let obeyed = self.admit_and_store(disk, delivery);
        match (&obeyed, offered) {
            (Ok(cluster), _) => {
                self.refused.remove(cluster);
            }
            (Err(error), Some(root)) => {
                let reason = chain(error);
                let refused = RefusedTarget { epoch: root.epoch, number: root.number, reason };
                self.refused.insert(root.cluster, refused);
            }
            // Nobody knows whose it is.
            (Err(_), None) => {}
        }
        obeyed
    }

    /// The last genuine target of each cluster that was not obeyed, until one is obeyed again.
    pub fn refused(&self) -> &BTreeMap<ClusterId, RefusedTarget> {
        &self.refused
    }

    fn admit_and_store(&mut self, disk: &dyn Disk, delivery: Delivery) -> Result<ClusterId, LedgerError> {
        let held = |cluster| {
            self.pages.get(&cluster).map(|(_, admitted)| Held {
                epoch: admitted.root.epoch,
                number: admitted.root.number,
                root: admitted.root.clone(),
            })
        };
        let admitted = admit(&delivery, &self.terms, held)?;
        let cluster = admitted.root.cluster;
        let formatted = self.pages.get(&cluster).map(|(page, _)| page.formatted.clone()).unwrap_or_default();
        let known = self.pages.get(&cluster).is_some_and(|(page, _)| page.delivery == delivery);
        if !known {
            let page = Page { version: LEDGER_VERSION, delivery, formatted };
            self.write(disk, cluster, &page)?;
            self.pages.insert(cluster, (page, admitted));
        }
        Ok(cluster)
    }

    /// Whether a slot was formatted on this host.
    pub fn was_formatted(&self, cluster: ClusterId, slot: &SlotName) -> bool {
        self.pages.get(&cluster).is_some_and(|(page, _)| page.formatted.contains(slot))
    }

    /// Notes that a slot was formatted on this host: from now on an empty directory is a lost one.
    pub fn note_formatted(
        &mut self,
        disk: &dyn Disk,
        cluster: ClusterId,
        slot: &SlotName,
    ) -> Result<(), LedgerError> {
        let Some((page, admitted)) = self.pages.get(&cluster) else { return Ok(()) };
        if page.formatted.contains(slot) {
            return Ok(());
        }
        let mut page = page.clone();
        page.formatted.insert(slot.clone());
        self.write(disk, cluster, &page)?;
        let admitted = admitted.clone();
        self.pages.insert(cluster, (page, admitted));
        Ok(())
    }

    /// What is reported of a cluster, with what its slots say.
    pub fn report(&self, cluster: ClusterId, slots: BTreeMap<SlotName, SlotReport>) -> Option<ClusterReport> {
        let root = &self.cluster(cluster)?.root;
        let digest = Sha256::of(&root.to_bytes());
        Some(ClusterReport { epoch: root.epoch, number: root.number, root: digest, slots })
    }

    pub(crate) fn forget(&mut self, disk: &dyn Disk, cluster: ClusterId) -> Result<(), LedgerError> {
        disk.delete(&self.path(cluster))?;
        self.pages.remove(&cluster);
        self.refused.remove(&cluster);
        Ok(())
    }

    fn path(&self, cluster: ClusterId) -> PathBuf {
        self.folder.join(format!("{cluster}.json"))
    }

    fn write(&self, disk: &dyn Disk, cluster: ClusterId, page: &Page) -> Result<(), LedgerError> {
        let content = serde_json::to_vec_pretty(page).expect("a page has only string keys");
        Ok(disk.replace_file(&self.path(cluster), &content)?)
    }
}

fn read_page(disk: &dyn Disk, path: &Path) -> Result<Page, LedgerError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let content = disk.read_file(path)?.unwrap_or_default();
    let unreadable = |source| LedgerError::Unreadable { path: path.to_owned(), source };
    let Versioned { version } = serde_json::from_slice(&content).map_err(unreadable)?;
    if version > LEDGER_VERSION {
        return Err(LedgerError::Newer { path: path.to_owned(), found: version });
    }
    serde_json::from_slice(&content).map_err(unreadable)
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests;
