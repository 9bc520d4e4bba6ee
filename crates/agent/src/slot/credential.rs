//! A slot's certificate: generations in folders of their own, and a link that is swapped in one step.
//!
//! A generation holds key, chain and both trust bundles, so that a process never sees parts of two.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use thiserror::Error;

use klamm_core::api::CertificateWanted;
use klamm_core::model::inventory::CertificateReport;
use klamm_core::model::target::CredentialTarget;
use klamm_core::model::{ClusterId, ClusterName, Sha256, SlotName};
use klamm_pki::{
    AltName, CertificateFacts, CertificateRequest, Credential, CredentialError, DnsName, KeyError, Profile,
    RequestError, SubjectName, renew_at,
};

use crate::folders::SlotFolders;
use crate::link::{Link, LinkError};
use klamm_disk::{self as disk, DiskError};

/// Key and chain, as the node reads them.
const KEYSTORE: &str = "node.pem";
const TRUST_NODES: &str = "trust-nodes.pem";
const TRUST_USERS: &str = "trust-users.pem";

/// How many generations stay: the one in force and the one before, for a process that still reads it.
const GENERATIONS_KEPT: usize = 2;

/// Why a slot has no new generation.
#[derive(Debug, Error)]
pub enum CertifyError {
    /// Files could not be kept.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The server could not be asked, or refused.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The key could not be made.
    #[error("a key could not be made")]
    Key(#[from] KeyError),
    /// The request could not be made.
    #[error("a certificate request could not be made")]
    Request(#[from] RequestError),
    /// What came does not fit the key.
    #[error("the server's certificate cannot be used")]
    Credential(#[from] CredentialError),
    /// A name cannot be in a certificate.
    #[error("{name:?} cannot be in a certificate")]
    Name {
        /// Which.
        name: String,
    },
}

impl CertifyError {
    /// Whether the server was the trouble.
    pub(crate) fn is_of_the_link(&self) -> bool {
        matches!(self, Self::Link(_))
    }
}

/// Whose certificate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder<'a> {
    /// The cluster's id.
    pub cluster: ClusterId,
    /// The cluster's name, the organisation.
    pub name: &'a ClusterName,
    /// The slot, the common name.
    pub slot: &'a SlotName,
}

/// What is in the generation in force.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    name: String,
    facts: CertificateFacts,
    trust: [Sha256; 2],
}

impl Generation {
    /// As the inventory tells it.
    pub(super) fn to_report(&self) -> CertificateReport {
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
pub(super) fn current(folders: &SlotFolders) -> Result<Option<Generation>, DiskError> {
    let Ok(folder) = std::fs::read_link(folders.current_generation()) else { return Ok(None) };
    let name = folder.to_string_lossy().into_owned();
    let folder = folders.tls().join(folder);
    let read = |file: &str| disk::read_file(&folder.join(file));
    let (keystore, nodes, users) = (read(KEYSTORE)?, read(TRUST_NODES)?, read(TRUST_USERS)?);
    let (Some(keystore), Some(nodes), Some(users)) = (keystore, nodes, users) else { return Ok(None) };
    let Ok(credential) = Credential::from_keystore_pem(&String::from_utf8_lossy(&keystore)) else {
        return Ok(None);
    };
    let trust = [Sha256::of(&nodes), Sha256::of(&users)];
    Ok(Some(Generation { name, facts: credential.facts().clone(), trust }))
}

/// Why a new generation must be made; none where the one in force will do.
pub(super) fn reason_to_certify(
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

/// Makes a key, has it certified, and puts the new generation in force.
pub(super) async fn certify(
    holder: Holder<'_>,
    wanted: &CredentialTarget,
    folders: &SlotFolders,
    link: &Link,
) -> Result<(), CertifyError> {
    let key = klamm_pki::PrivateKey::generate()?;
    let request = CertificateRequest::create(&key, &profile(holder, wanted)?)?;
    let wanted_certificate =
        CertificateWanted { cluster: holder.cluster, slot: holder.slot.clone(), request: request.to_pem() };
    let issued = link.certify(&wanted_certificate).await?;
    let credential = Credential::new(key, &issued.chain)?;
    let nodes = link.blob(wanted.trust_nodes).await?;
    let users = link.blob(wanted.trust_users).await?;

    let tls = folders.tls();
    disk::ensure_folder(&tls)?;
    let generations = generations(&tls)?;
    let name = format!("gen-{:06}", generations.last().map_or(0, |(number, _)| *number) + 1);
    let folder = tls.join(&name);
    disk::replace_file(&folder.join(KEYSTORE), credential.keystore_pem().as_bytes())?;
    disk::replace_file(&folder.join(TRUST_NODES), &nodes)?;
    disk::replace_file(&folder.join(TRUST_USERS), &users)?;
    disk::sync_folder(&tls)?;
    disk::replace_link(&folders.current_generation(), Path::new(&name))?;
    for (_, old) in generations.iter().rev().skip(GENERATIONS_KEPT - 1) {
        disk::delete_folder(old)?;
    }
    Ok(())
}

fn profile(holder: Holder<'_>, wanted: &CredentialTarget) -> Result<Profile, CertifyError> {
    let subject_name = |text: String| -> Result<SubjectName, CertifyError> {
        text.parse().map_err(|_| CertifyError::Name { name: text })
    };
    let dns = |name: &String| {
        let parsed: Result<DnsName, _> = name.parse();
        parsed.map(AltName::Dns).map_err(|_| CertifyError::Name { name: name.clone() })
    };
    let mut names = wanted.dns_names.iter().map(dns).collect::<Result<std::collections::BTreeSet<_>, _>>()?;
    names.extend(wanted.addresses.iter().copied().map(AltName::Ip));
    Ok(Profile::Node {
        cluster: subject_name(holder.name.to_string())?,
        slot: subject_name(holder.slot.to_string())?,
        names,
    })
}

/// All generations with their numbers, oldest first.
fn generations(tls: &Path) -> Result<Vec<(u64, PathBuf)>, DiskError> {
    let names = disk::list_folder(tls)?.unwrap_or_default();
    let mut generations: Vec<(u64, PathBuf)> = names
        .iter()
        .filter_map(|name| Some((name.strip_prefix("gen-")?.parse().ok()?, tls.join(name))))
        .collect();
    generations.sort();
    Ok(generations)
}
