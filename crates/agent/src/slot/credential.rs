//! Making a slot's certificate: the key is made here and stays here, the server signs.

use thiserror::Error;

use klamm_core::api::CertificateWanted;
use klamm_core::machines::slot::SlotKey;
use klamm_core::model::target::CredentialTarget;
use klamm_disk::{DiskError, RealDisk};
use klamm_ledger::SlotFolders;
use klamm_ledger::credential::{NewGeneration, install};
use klamm_pki::{
    AltName, CertificateRequest, Credential, CredentialError, DnsName, KeyError, PrivateKey, Profile,
    RequestError, SubjectName,
};

use crate::link::{Link, LinkError};

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

/// Makes a key, has it certified, and puts the new generation in force.
pub(super) async fn certify(
    holder: &SlotKey,
    wanted: &CredentialTarget,
    folders: &SlotFolders,
    link: &Link,
) -> Result<(), CertifyError> {
    let key = PrivateKey::generate()?;
    let request = CertificateRequest::create(&key, &profile(holder, wanted)?)?;
    let wanted_certificate =
        CertificateWanted { cluster: holder.cluster, slot: holder.slot.clone(), request: request.to_pem() };
    let issued = link.certify(&wanted_certificate).await?;
    let credential = Credential::new(key, &issued.chain)?;
    let trust_nodes = link.blob(wanted.trust_nodes).await?;
    let trust_users = link.blob(wanted.trust_users).await?;
    let keystore = credential.keystore_pem();
    let generation =
        NewGeneration { keystore: keystore.as_bytes(), trust_nodes: &trust_nodes, trust_users: &trust_users };
    Ok(install(&RealDisk, folders, generation)?)
}

fn profile(holder: &SlotKey, wanted: &CredentialTarget) -> Result<Profile, CertifyError> {
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
        cluster: subject_name(holder.cluster_name.to_string())?,
        slot: subject_name(holder.slot.to_string())?,
        names,
    })
}
