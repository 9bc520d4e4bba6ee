//! Issuing: what the server signs for whom, and the log of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use klamm_core::model::target::CredentialTarget;
use klamm_core::model::{ClusterId, ClusterName, HostId, SlotName, UserName};
use klamm_pki::{
    AltName, Authority, CertificateRequest, Credential, CredentialError, DnsName, Grant, IssueError,
    IssuedCertificate, KeyError, PrivateKey, Profile, RequestError, SubjectName, Validity, ValidityError,
};
use klamm_store::{Issued, StoreError};

use crate::keys::fresh_serial;
use crate::store::StoreHandle;

/// Why nothing was issued.
#[derive(Debug, Error)]
pub enum CertifyError {
    /// The request is not one, or its signature is not its key's.
    #[error("the certificate request cannot be read")]
    Request(#[from] RequestError),
    /// The authority refused.
    #[error("the certificate was refused")]
    Issue(#[from] IssueError),
    /// The life that was asked for cannot be given.
    #[error("the life of the certificate cannot be written down")]
    Validity(#[from] ValidityError),
    /// A name cannot be in a certificate.
    #[error("{name:?} cannot be in a certificate")]
    Name {
        /// Which.
        name: String,
    },
    /// It could not be written down, so it is not handed out.
    #[error("the issuance could not be recorded")]
    Record(#[from] StoreError),
    /// The server's own key could not be made.
    #[error("a key could not be made")]
    Key(#[from] KeyError),
    /// The server's own certificate does not fit.
    #[error("the certificate does not fit its key")]
    Credential(#[from] CredentialError),
}

/// What is issued, and why.
#[derive(Debug)]
pub(crate) struct Issuance {
    /// Whose.
    pub profile: Profile,
    /// For how long.
    pub lifetime: Duration,
    /// Of which cluster; none for Klamm's own.
    pub cluster: Option<ClusterId>,
    /// What for, for the log.
    pub purpose: String,
}

/// Signs a request; written down before it is handed out.
pub(crate) async fn issue(
    store: &StoreHandle,
    authority: &Authority,
    request_pem: &str,
    issuance: Issuance,
) -> Result<IssuedCertificate, CertifyError> {
    let request = CertificateRequest::parse_pem(request_pem)?;
    let Issuance { profile, lifetime, cluster, purpose } = issuance;
    let kind = match profile {
        Profile::Node { .. } => "node",
        Profile::User { .. } => "user",
        Profile::Agent { .. } => "agent",
        Profile::Server { .. } | Profile::ClusterServer { .. } => "server",
    };
    let validity = Validity::starting(Timestamp::now(), lifetime)?;
    let grant = Grant { profile, validity, serial: fresh_serial(&mut rand::rng()) };
    let issued = authority.issue(&request, &grant)?;
    let facts = &issued.facts;
    let record = Issued {
        serial: facts.serial.clone(),
        cluster,
        kind: kind.to_owned(),
        subject: facts.subject.clone(),
        issuer: facts.issuer.clone(),
        not_before: facts.not_before,
        not_after: facts.not_after,
        purpose,
    };
    store.with(move |store| store.record_issued(&record, Timestamp::now())).await?;
    Ok(issued)
}

/// Makes a key here and has it signed: for the server's own certificates, whose keys never leave its memory.
pub(crate) async fn issue_own(
    store: &StoreHandle,
    authority: &Authority,
    issuance: Issuance,
) -> Result<Credential, CertifyError> {
    let key = PrivateKey::generate()?;
    let request = CertificateRequest::create(&key, &issuance.profile)?.to_pem();
    let issued = issue(store, authority, &request, issuance).await?;
    Ok(Credential::new(key, &issued.chain_pem)?)
}

/// Who a slot is: the names come from its target, never from the request.
pub(crate) fn node_profile(
    cluster: &ClusterName,
    slot: &SlotName,
    credential: &CredentialTarget,
) -> Result<Profile, CertifyError> {
    let dns = credential.dns_names.iter().map(|name| dns_name(name));
    let mut names = dns.collect::<Result<BTreeSet<AltName>, _>>()?;
    names.extend(credential.addresses.iter().copied().map(AltName::Ip));
    Ok(Profile::Node {
        cluster: subject_name(cluster.as_str())?,
        slot: subject_name(&slot.to_string())?,
        names,
    })
}

/// Who a user is.
pub(crate) fn user_profile(cluster: &ClusterName, user: &UserName) -> Result<Profile, CertifyError> {
    Ok(Profile::User { cluster: subject_name(cluster.as_str())?, name: subject_name(user.as_str())? })
}

/// The server as a client of a cluster.
pub(crate) fn cluster_server_profile(cluster: &ClusterName) -> Result<Profile, CertifyError> {
    Ok(Profile::ClusterServer { cluster: subject_name(cluster.as_str())? })
}

/// An agent.
pub(crate) fn agent_profile(host: &HostId) -> Result<Profile, CertifyError> {
    Ok(Profile::Agent { host: subject_name(host.as_str())? })
}

/// The server as agents know it.
pub(crate) fn server_profile(
    names: &[&str],
    addresses: &[std::net::IpAddr],
) -> Result<Profile, CertifyError> {
    let mut all = names.iter().map(|name| dns_name(name)).collect::<Result<BTreeSet<AltName>, _>>()?;
    all.extend(addresses.iter().copied().map(AltName::Ip));
    Ok(Profile::Server { names: all })
}

fn subject_name(name: &str) -> Result<SubjectName, CertifyError> {
    name.parse().map_err(|_| CertifyError::Name { name: name.to_owned() })
}

fn dns_name(name: &str) -> Result<AltName, CertifyError> {
    let parsed: Result<DnsName, _> = name.parse();
    parsed.map(AltName::Dns).map_err(|_| CertifyError::Name { name: name.to_owned() })
}

/// A credential that is made anew when two thirds of its life are over.
#[derive(Debug, Clone)]
pub(crate) struct OwnCredential {
    /// It.
    pub credential: Arc<Credential>,
}

impl OwnCredential {
    /// Whether it should be made anew.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let facts = self.credential.facts();
        now >= klamm_pki::renew_at(facts.not_before, facts.not_after)
    }
}
