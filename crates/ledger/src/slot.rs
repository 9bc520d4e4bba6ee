//! All that is on the disk of one slot: what there is, what is missing, and its end.

use std::collections::BTreeSet;

use jiff::Timestamp;

use klamm_core::machines::reconcile::{ProcessFacts, SlotFacts};
use klamm_core::machines::slot::{Found, SlotKey};
use klamm_core::model::Sha256;
use klamm_core::model::target::SlotTarget;
use klamm_disk::{Disk, DiskError};

use crate::storage::{self, Owner};
use crate::{Contents, FillError, Ledger, LedgerError, SlotFolders, credential, files};

/// What is known of a slot apart from its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// [`SlotFacts::distribution`].
    pub distribution: bool,
    /// The process, see [`crate::process::facts`].
    pub process: ProcessFacts,
    /// Now: certificates come of age.
    pub now: Timestamp,
}

/// Who writes for a slot.
pub fn owner<'a>(key: &'a SlotKey, target: &SlotTarget) -> Owner<'a> {
    let SlotKey { cluster, cluster_name: _, slot, host } = key;
    Owner { cluster: *cluster, slot, node_id: target.identity.node_id, host, claim: target.identity.claim }
}

/// Looks at everything on the disk.
pub fn collect(
    disk: &dyn Disk,
    (key, folders): (&SlotKey, &SlotFolders),
    target: &SlotTarget,
    ledger: &Ledger,
    beside: Beside,
) -> Result<Found, DiskError> {
    let Beside { distribution, process, now } = beside;
    let directories = target.identity.directories.iter().map(|directory| storage::inspect(disk, directory));
    let directories = directories.collect::<Result<_, _>>()?;
    let generation = credential::current(disk, folders)?;
    let facts = SlotFacts {
        directories,
        formatted_before: ledger.was_formatted(key.cluster, &key.slot),
        remains: remains(disk, (key, folders), target)?,
        distribution,
        files: files::outdated(disk, &folders.slot, &target.files)?.is_empty(),
        certificate_wanted: credential::reason_to_certify(generation.as_ref(), &target.credential, now),
        process,
    };
    Ok(Found { facts, certificate: generation.map(|generation| generation.to_report()) })
}

/// Whether anything of the slot's own is still there.
fn remains(
    disk: &dyn Disk,
    (key, folders): (&SlotKey, &SlotFolders),
    target: &SlotTarget,
) -> Result<bool, DiskError> {
    for directory in &target.identity.directories {
        if storage::is_own(disk, directory, owner(key, target))? {
            return Ok(true);
        }
    }
    Ok(disk.exists(&folders.slot)? || disk.exists(&folders.logs)?)
}

/// The contents that formatting and the files of a slot ask for.
pub fn contents_wanted(
    disk: &dyn Disk,
    folders: &SlotFolders,
    target: &SlotTarget,
) -> Result<BTreeSet<Sha256>, DiskError> {
    let mut wanted = storage::contents_wanted(disk, &target.identity.directories)?;
    wanted.extend(files::contents_wanted(disk, &folders.slot, &target.files)?);
    Ok(wanted)
}

/// Formats the data directories. [`Ledger::note_formatted`] comes next: from then on an empty one is a lost one.
pub fn format(
    disk: &dyn Disk,
    key: &SlotKey,
    target: &SlotTarget,
    contents: Contents<'_>,
) -> Result<(), FillError> {
    storage::format(disk, &target.identity.directories, owner(key, target), contents)
}

/// Deletes what is the slot's own, and gives the data directories of somebody else, which stay whatever the target says.
pub fn delete(
    disk: &dyn Disk,
    (key, folders): (&SlotKey, &SlotFolders),
    target: &SlotTarget,
) -> Result<Vec<String>, DiskError> {
    let mut foreign = Vec::new();
    for directory in &target.identity.directories {
        if storage::is_own(disk, directory, owner(key, target))? {
            storage::delete(disk, directory)?;
        } else if disk.exists(directory.path.as_ref())? {
            foreign.push(directory.path.clone());
        }
    }
    disk.delete(&folders.slot)?;
    disk.delete(&folders.logs)?;
    Ok(foreign)
}

/// Forgets a cluster whose slots were all deleted; the ledger goes last, so that a crash leaves it known.
pub fn forget_cluster(
    disk: &dyn Disk,
    folders: &crate::Folders,
    ledger: &mut Ledger,
    cluster: klamm_core::model::ClusterId,
) -> Result<(), LedgerError> {
    disk.delete(&folders.cluster(cluster))?;
    disk.delete(&folders.cluster_logs(cluster))?;
    ledger.forget(disk, cluster)
}
