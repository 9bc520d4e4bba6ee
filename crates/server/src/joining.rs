//! How hosts join: tokens, the first certificate, its renewal, and who is admitted.

use jiff::{SignedDuration, Timestamp};
use rand::Rng as _;

use klamm_core::api::{
    CertificateIssued, JOIN_VERSION, JoinToken, JoinWanted, Joined, JoinedHost, JoinedHosts, Secret,
    TokenMade, TokenWanted,
};
use klamm_core::model::{HostId, Sha256};
use klamm_pki::{CertificateRequest, Fingerprint, inspect_der};
use klamm_store::{HostRecord, Joining, NewToken};

use crate::certify::{self, CertifyError, Issuance};
use crate::error::ServerError;
use crate::{OWN_LIFE, Server};

/// The longest that a token may be good: it lies in a shell's history and in files.
const LONGEST_TOKEN: SignedDuration = SignedDuration::from_hours(24);

/// Makes a token for one host. Only its digest is kept.
pub(crate) async fn make_token(server: &Server, wanted: TokenWanted) -> Result<TokenMade, ServerError> {
    let contact = server.contact.get().ok_or(ServerError::NoContact)?;
    let TokenWanted { lifetime_seconds, hosts } = wanted;
    let lifetime = SignedDuration::from_secs(i64::try_from(lifetime_seconds).unwrap_or(i64::MAX));
    if lifetime > LONGEST_TOKEN || lifetime.is_zero() {
        return Err(ServerError::TokenLifetime { longest: LONGEST_TOKEN });
    }
    let now = Timestamp::now();
    let expires = now + lifetime;
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    let secret = Secret::from_random(bytes);
    let digest = Sha256::of(secret.expose().as_bytes());
    let token = NewToken { digest, names: hosts, actor: "operator".to_owned(), expires };
    server.store.with(move |store| store.add_token(&token, now)).await?;
    let authority = server.authority.facts().fingerprint.to_string();
    let token = JoinToken { server: contact.url.clone(), authority, secret };
    Ok(TokenMade { token: Secret::from(token.to_text()), server: contact.url.clone(), expires })
}

/// Lets a host join: its key becomes the one that it is known by.
pub(crate) async fn join(server: &Server, wanted: JoinWanted) -> Result<Joined, ServerError> {
    let JoinWanted { version, secret, host, name, request } = wanted;
    if version != JOIN_VERSION {
        return Err(ServerError::JoinVersion { version });
    }
    let key = CertificateRequest::parse_pem(&request).map_err(CertifyError::from)?.public_key_fingerprint();
    let record = HostRecord { id: host.clone(), name, key: key.to_string(), joined: Timestamp::now() };
    let digest = Sha256::of(secret.expose().as_bytes());
    let (id, name) = (record.id.clone(), record.name.clone());
    match server.store.with(move |store| store.join(&record, digest)).await? {
        Joining::Joined => {}
        // A stranger is not told which of them it is.
        refused @ (Joining::UnknownToken | Joining::Expired | Joining::Used | Joining::OtherName) => {
            tracing::warn!(host = %id, name, ?refused, "a host was refused");
            return Err(ServerError::TokenRefused);
        }
        Joining::OtherKey => return Err(ServerError::HostOfOtherKey { host: id }),
    }
    tracing::info!(host = %id, name, "a host has joined");
    let chain = certify_agent(server, &host, &request, "joining").await?;
    let (trust, targets) = (server.authority.certificate_pem().to_owned(), server.signing.verifying_key());
    Ok(Joined { version: JOIN_VERSION, chain, trust, targets })
}

/// Issues a new certificate to an agent, for the key that it joined with and no other.
pub(crate) async fn renew(
    server: &Server,
    host: &HostId,
    request: &str,
) -> Result<CertificateIssued, ServerError> {
    let key = CertificateRequest::parse_pem(request).map_err(CertifyError::from)?.public_key_fingerprint();
    if joined_as(server, host, &key).await?.is_none() {
        return Err(ServerError::HostOfOtherKey { host: host.clone() });
    }
    Ok(CertificateIssued { chain: certify_agent(server, host, request, "renewal").await? })
}

async fn certify_agent(
    server: &Server,
    host: &HostId,
    request: &str,
    purpose: &str,
) -> Result<String, ServerError> {
    let issuance = Issuance {
        profile: certify::agent_profile(host)?,
        lifetime: OWN_LIFE,
        cluster: None,
        purpose: format!("the agent of {host}, {purpose}"),
    };
    Ok(certify::issue(&server.store, &server.authority, request, issuance).await?.chain_pem)
}

/// The host whose agent presents this verified chain, if it has joined with the key of it.
pub(crate) async fn admitted_host(
    server: &Server,
    chain: &[rustls::pki_types::CertificateDer<'_>],
) -> Option<HostRecord> {
    let facts = inspect_der(chain.first()?).ok()?;
    let common_name = facts.subject.strip_suffix(",OU=agents,O=klamm")?.strip_prefix("CN=")?;
    let host: HostId = common_name.parse().ok()?;
    match joined_as(server, &host, &facts.public_key_fingerprint).await {
        Ok(Some(record)) => Some(record),
        Ok(None) => {
            tracing::warn!(%host, "an agent is not admitted: its host has not joined with this key");
            None
        }
        Err(error) => {
            tracing::error!(%host, error = crate::error::chain(&error), "an agent could not be looked up");
            None
        }
    }
}

async fn joined_as(
    server: &Server,
    host: &HostId,
    key: &Fingerprint,
) -> Result<Option<HostRecord>, ServerError> {
    let wanted = host.clone();
    let record = server.store.with(move |store| store.host(&wanted)).await?;
    Ok(record.filter(|record| record.key == key.to_string()))
}

/// All hosts that have joined, with what their agents said last.
pub(crate) async fn hosts(server: &Server) -> Result<JoinedHosts, ServerError> {
    let reports = server.hosts.reports();
    let records = server.store.with(|store| store.hosts()).await?;
    let hosts = records.into_iter().map(|HostRecord { id, name, key: _, joined }| {
        let report = reports.get(&id);
        JoinedHost {
            name,
            joined,
            seen: report.map(|report| report.at),
            address: report.map(|report| report.value.address),
            klamm: report.map(|report| report.value.klamm.clone()),
            id,
        }
    });
    Ok(JoinedHosts { hosts: hosts.collect(), now: Timestamp::now() })
}
