//! The ledger: what an agent keeps on disk of each cluster, enough to run the host without a server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use klamm_core::api::Delivery;
use klamm_core::machines::admission::{Admitted, Held, Refusal, admit};
use klamm_core::model::{ClusterId, HostId, SlotName};
use klamm_core::signature::VerifyingKey;

use klamm_disk::{self as disk, DiskError};

use crate::error::chain;

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
pub(crate) struct Ledger {
    folder: PathBuf,
    host: HostId,
    key: VerifyingKey,
    pages: BTreeMap<ClusterId, (Page, Admitted)>,
}

impl Ledger {
    /// Reads all pages; one that is not readable, or not signed by the pinned key, is passed over and told.
    pub(crate) fn open(folder: PathBuf, host: HostId, key: VerifyingKey) -> Result<Self, LedgerError> {
        let mut pages = BTreeMap::new();
        for name in disk::list_folder(&folder)?.unwrap_or_default() {
            let path = folder.join(&name);
            if !name.ends_with(".json") {
                continue;
            }
            // One damaged page must not keep the other clusters of the host down.
            let read =
                read_page(&path).and_then(|page| Ok((admit(&page.delivery, &key, &host, |_| None)?, page)));
            match read {
                Ok((admitted, page)) => {
                    pages.insert(admitted.root.cluster, (page, admitted));
                }
                Err(error) => {
                    let path = path.display();
                    tracing::error!(%path, error = chain(&error), "a page of the ledger is passed over");
                }
            }
        }
        Ok(Self { folder, host, key, pages })
    }

    /// The clusters that this host obeys targets of.
    pub(crate) fn clusters(&self) -> impl Iterator<Item = (ClusterId, &Admitted)> {
        self.pages.iter().map(|(cluster, (_, admitted))| (*cluster, admitted))
    }

    /// Verifies a delivery and stores it; only then may it be acted upon.
    pub(crate) fn obey(&mut self, delivery: Delivery) -> Result<ClusterId, LedgerError> {
        let held = |cluster| {
            self.pages.get(&cluster).map(|(_, admitted)| Held {
                epoch: admitted.root.epoch,
                number: admitted.root.number,
                root: admitted.root.clone(),
            })
        };
        let admitted = admit(&delivery, &self.key, &self.host, held)?;
        let cluster = admitted.root.cluster;
        let formatted = self.pages.get(&cluster).map(|(page, _)| page.formatted.clone()).unwrap_or_default();
        let known = self.pages.get(&cluster).is_some_and(|(page, _)| page.delivery == delivery);
        if !known {
            let page = Page { version: LEDGER_VERSION, delivery, formatted };
            self.write(cluster, &page)?;
            self.pages.insert(cluster, (page, admitted));
        }
        Ok(cluster)
    }

    /// Whether a slot was formatted on this host.
    pub(crate) fn was_formatted(&self, cluster: ClusterId, slot: &SlotName) -> bool {
        self.pages.get(&cluster).is_some_and(|(page, _)| page.formatted.contains(slot))
    }

    /// Notes that a slot was formatted on this host: from now on an empty directory is a lost one.
    pub(crate) fn note_formatted(&mut self, cluster: ClusterId, slot: &SlotName) -> Result<(), LedgerError> {
        let Some((page, _)) = self.pages.get_mut(&cluster) else { return Ok(()) };
        if page.formatted.insert(slot.clone()) {
            let page = page.clone();
            self.write(cluster, &page)?;
        }
        Ok(())
    }

    /// Forgets a cluster whose slots were all deleted.
    pub(crate) fn forget(&mut self, cluster: ClusterId) -> Result<(), LedgerError> {
        if self.pages.remove(&cluster).is_some() {
            let path = self.path(cluster);
            std::fs::remove_file(&path).map_err(|source| DiskError { path, operation: "removal", source })?;
            disk::sync_folder(&self.folder)?;
        }
        Ok(())
    }

    fn path(&self, cluster: ClusterId) -> PathBuf {
        self.folder.join(format!("{cluster}.json"))
    }

    fn write(&self, cluster: ClusterId, page: &Page) -> Result<(), LedgerError> {
        let content = serde_json::to_vec_pretty(page).expect("a page has only string keys");
        Ok(disk::replace_file(&self.path(cluster), &content)?)
    }
}

fn read_page(path: &Path) -> Result<Page, LedgerError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let content = disk::read_file(path)?.unwrap_or_default();
    let unreadable = |source| LedgerError::Unreadable { path: path.to_owned(), source };
    let Versioned { version } = serde_json::from_slice(&content).map_err(unreadable)?;
    if version > LEDGER_VERSION {
        return Err(LedgerError::Newer { path: path.to_owned(), found: version });
    }
    serde_json::from_slice(&content).map_err(unreadable)
}
