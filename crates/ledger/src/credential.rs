//! A slot's certificate: generations in folders of their own, and a link that is swapped in one step.
//!
//! A generation holds key, chain and both trust bundles, so that a process never sees parts of two.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use klamm_core::model::Sha256;
use klamm_core::model::inventory::CertificateReport;
use klamm_core::model::target::CredentialTarget;
use klamm_disk::{Disk, DiskError};
use klamm_pki::{CertificateFacts, Credential, renew_at};

use crate::SlotFolders;

/// Key and chain, as the node reads them.
const KEYSTORE: &str = "node.pem";
const TRUST_NODES: &str = "trust-nodes.pem";
const TRUST_USERS: &str = "trust-users.pem";

/// What is in the generation in force.
#[derive(Debug, Clone)]
pub struct Generation {
    name: String,
    facts: CertificateFacts,
    trust: [Sha256; 2],
}

impl Generation {
    /// As the inventory tells it.
    pub fn to_report(&self) -> CertificateReport {
        let CertificateFacts { serial, names, not_before, not_after, .. } = &self.facts;
        CertificateReport {
            serial: serial.clone(),
            not_before: *not_before,
            not_after: *not_after,
            names: names.clone(),
            generation: self.name.clone(),
            served: Default::default(),
        }
    }
}

/// Reads the generation in force; none where there is none that can be read.
pub fn current(disk: &dyn Disk, folders: &SlotFolders) -> Result<Option<Generation>, DiskError> {
    let Some(folder) = disk.read_link(&folders.current_generation())? else { return Ok(None) };
    let name = folder.to_string_lossy().into_owned();
    let folder = folders.tls().join(folder);
    let read = |file: &str| disk.read_file(&folder.join(file));
    let (keystore, nodes, users) = (read(KEYSTORE)?, read(TRUST_NODES)?, read(TRUST_USERS)?);
    let (Some(keystore), Some(nodes), Some(users)) = (keystore, nodes, users) else { return Ok(None) };
    let Ok(credential) = Credential::from_keystore_pem(&String::from_utf8_lossy(&keystore)) else {
        return Ok(None);
    };
    let trust = [Sha256::of(&nodes), Sha256::of(&users)];
    Ok(Some(Generation { name, facts: credential.facts().clone(), trust }))
}

/// Why a new generation must be made; none where the one in force will do.
pub fn reason_to_certify(
    generation: Option<&Generation>,
    wanted: &CredentialTarget,
    now: Timestamp,
) -> Option<String> {
    let Some(generation) = generation else { return Some("there is no certificate yet".to_owned()) };
    let CertificateFacts { names, not_before, not_after, .. } = &generation.facts;
    let wanted_names: Vec<String> = wanted_names(wanted);
    let mut names = names.clone();
    names.sort();
    if names != wanted_names {
        return Some(format!("its names are {}, wanted are {}", names.join(", "), wanted_names.join(", ")));
    }
    if generation.trust != [wanted.trust_nodes, wanted.trust_users] {
        return Some("the trusted authorities changed".to_owned());
    }
    (now >= renew_at(*not_before, *not_after))
        .then(|| format!("two thirds of its life are over, it ends at {not_after}"))
}

/// The names as certificates show them: `dns:NAME` and `ip:ADDRESS`.
fn wanted_names(wanted: &CredentialTarget) -> Vec<String> {
    let CredentialTarget { dns_names, addresses, .. } = wanted;
    let dns = dns_names.iter().map(|name| format!("dns:{name}"));
    let mut names: Vec<String> = dns.chain(addresses.iter().map(|address| format!("ip:{address}"))).collect();
    names.sort();
    names
}

/// A new generation: key and chain as one PEM file, and the two bundles of authorities.
#[derive(Debug, Clone, Copy)]
pub struct NewGeneration<'a> {
    /// [`Credential::keystore_pem`], a secret.
    pub keystore: &'a [u8],
    /// What node certificates are verified with.
    pub trust_nodes: &'a [u8],
    /// What user certificates are verified with.
    pub trust_users: &'a [u8],
}

/// Puts a new generation in force. The one before stays, for a process that still reads it.
pub fn install(
    disk: &dyn Disk,
    folders: &SlotFolders,
    generation: NewGeneration<'_>,
) -> Result<(), DiskError> {
    let NewGeneration { keystore, trust_nodes, trust_users } = generation;
    let tls = folders.tls();
    let before = disk.read_link(&folders.current_generation())?.map(|name| tls.join(name));
    let generations = generations(disk, &tls)?;
    // One that was cut short is there without being in force; its number is not used again.
    let name = format!("gen-{:06}", generations.last().map_or(0, |(number, _)| *number) + 1);
    let folder = tls.join(&name);
    disk.replace_file(&folder.join(KEYSTORE), keystore)?;
    disk.replace_file(&folder.join(TRUST_NODES), trust_nodes)?;
    disk.replace_file(&folder.join(TRUST_USERS), trust_users)?;
    disk.replace_link(&folders.current_generation(), Path::new(&name))?;
    for (_, old) in generations.iter().filter(|(_, folder)| Some(folder) != before.as_ref()) {
        disk.delete(old)?;
    }
    Ok(())
}

/// All generations with their numbers, oldest first.
fn generations(disk: &dyn Disk, tls: &Path) -> Result<Vec<(u64, PathBuf)>, DiskError> {
    let names = disk.list_folder(tls)?.unwrap_or_default();
    let mut generations: Vec<(u64, PathBuf)> = names
        .iter()
        .filter_map(|name| Some((name.strip_prefix("gen-")?.parse().ok()?, tls.join(name))))
        .collect();
    generations.sort();
    Ok(generations)
}
