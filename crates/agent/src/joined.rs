//! A host that has joined a server: how it joins, what it keeps of that, and its agent's run.
//!
//! The key is made here and never leaves; the server is known by the fingerprint in the token before it is told the
//! secret, and by its authority from then on.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use klamm_artifacts::{JavaPolicy, SourceFiles, Supply};
use klamm_core::api::{IdentityWanted, JOIN_VERSION, JoinToken, JoinWanted, Joined};
use klamm_core::model::HostId;
use klamm_core::signature::VerifyingKey;
use klamm_disk::{DiskError, read_file, replace_file};
use klamm_ledger::Folders;
use klamm_pki::{
    CertificateRequest, Credential, CredentialError, Fingerprint, KeyError, LiveIdentity, PrivateKey,
    Profile, RequestError, TlsError, client_config, enrolment_client_config, inspect, renew_at, root_store,
};

use crate::agent::{AgentOptions, run};
use crate::error::{AgentError, chain};
use crate::host;
use crate::link::{Link, LinkError};

const MEMBERSHIP_VERSION: u32 = 1;

/// How often the agent looks whether its certificate comes of age.
const LOOK_AT_CERTIFICATE: Duration = Duration::from_secs(3600);

/// Why a host has not joined, or cannot run as one that has.
#[derive(Debug, Error)]
pub enum JoinError {
    /// Files.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file of the membership is damaged.
    #[error("{path} is not readable")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The host has not joined.
    #[error("this host has not joined a server: {path} is not there")]
    NotJoined {
        /// What is missing.
        path: PathBuf,
    },
    /// It is another server's.
    #[error("this host has joined {server} and obeys it; a host has one server")]
    Elsewhere {
        /// Whose it is.
        server: String,
    },
    /// The token's fingerprint is none.
    #[error("the token is damaged: {authority:?} is not a fingerprint")]
    Fingerprint {
        /// What is there.
        authority: String,
    },
    /// The server's name leads nowhere.
    #[error("{server} leads to no address")]
    NoAddress {
        /// The server.
        server: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key.
    #[error("the key of this host cannot be used")]
    Key(#[from] KeyError),
    /// The request.
    #[error("a certificate request could not be made")]
    Request(#[from] RequestError),
    /// What came does not fit the key.
    #[error("the server's certificate for this host cannot be used")]
    Credential(#[from] CredentialError),
    /// TLS.
    #[error("the link to the server could not be made")]
    Tls(#[from] TlsError),
    /// The server.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The authority that came is not the one of the token.
    #[error("the server's answer names another authority than the token")]
    OtherAuthority,
    /// The agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// What a person says when a host joins.
#[derive(Debug)]
pub struct JoinOptions {
    /// From the server.
    pub token: JoinToken,
    /// Another address of the server than the token's.
    pub server: Option<String>,
    /// The host's name; its own without it.
    pub name: Option<String>,
    /// What its listeners bind; without it the address from which it reaches the server.
    pub address: Option<IpAddr>,
}

/// What a host that has joined runs with.
pub struct JoinedOptions {
    /// Where it keeps things.
    pub folders: Folders,
    /// Where executables are kept.
    pub supply: Supply,
    /// Where the operator wants downloads to come from.
    pub sources: SourceFiles,
    /// Which Java may be used.
    pub java: JavaPolicy,
}

/// Of which server a host is. Certificate and trust are one file, replaced as one; the key stays.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Membership {
    version: u32,
    /// `https://HOST:PORT`.
    pub server: String,
    /// The host's name.
    pub name: String,
    /// What its listeners bind.
    pub address: IpAddr,
    chain: String,
    trust: String,
    targets: VerifyingKey,
}

fn membership_file(folders: &Folders) -> PathBuf {
    folders.own().join("membership.json")
}

impl Membership {
    /// Reads it; none where the host has not joined.
    fn read(folders: &Folders) -> Result<Option<Self>, JoinError> {
        let path = membership_file(folders);
        let Some(content) = read_file(&path)? else { return Ok(None) };
        serde_json::from_slice(&content).map(Some).map_err(|source| JoinError::Unreadable { path, source })
    }

    fn write(&self, folders: &Folders) -> Result<(), JoinError> {
        let content = serde_json::to_vec_pretty(self).expect("a membership has only string keys");
        Ok(replace_file(&membership_file(folders), &content)?)
    }

    fn is_under(&self, authority: Fingerprint) -> bool {
        inspect(&self.trust).is_ok_and(|all| all.iter().any(|facts| facts.fingerprint == authority))
    }
}

/// The host's id: made once, kept in the agent's folder.
pub fn host_id(folders: &Folders) -> Result<HostId, DiskError> {
    let path = folders.own().join("host-id");
    let known = read_file(&path)?.and_then(|text| String::from_utf8_lossy(&text).trim().parse().ok());
    if let Some(id) = known {
        return Ok(id);
    }
    let id = format!("host-{:016x}", rand::rng().next_u64());
    replace_file(&path, id.as_bytes())?;
    Ok(id.parse().expect("sixteen hexadecimal digits are a host id"))
}

/// The host's key: made once, so that a host whose answer was lost asks again as itself.
fn host_key(folders: &Folders) -> Result<PrivateKey, JoinError> {
    let path = folders.own().join("identity.key");
    if let Some(pem) = read_file(&path)? {
        return Ok(PrivateKey::from_pem(&String::from_utf8_lossy(&pem))?);
    }
    let key = PrivateKey::generate()?;
    replace_file(&path, key.to_pem().as_bytes())?;
    Ok(key)
}

fn request_of(key: &PrivateKey, host: &HostId) -> Result<String, JoinError> {
    let host = host.to_string().parse().expect("a host id is a subject name");
    Ok(CertificateRequest::create(key, &Profile::Agent { host })?.to_pem())
}

/// Joins a server. A host that has joined it already gets a new certificate, and the token's address of it.
pub async fn join(folders: &Folders, options: JoinOptions) -> Result<Membership, JoinError> {
    let JoinOptions { token, server, name, address } = options;
    let JoinToken { server: told, authority, secret } = token;
    let pinned: Fingerprint =
        authority.parse().map_err(|_| JoinError::Fingerprint { authority: authority.clone() })?;
    if let Some(before) = Membership::read(folders)?.filter(|before| !before.is_under(pinned)) {
        return Err(JoinError::Elsewhere { server: before.server });
    }
    let server = server.unwrap_or(told);
    let address = match address {
        Some(address) => address,
        None => address_towards(&server)?,
    };
    let (host, key, name) = (host_id(folders)?, host_key(folders)?, name.unwrap_or_else(host::name));
    let request = request_of(&key, &host)?;
    let link = Link::new(server.clone(), enrolment_client_config(pinned)?)?;
    let wanted = JoinWanted { version: JOIN_VERSION, secret, host, name: name.clone(), request };
    let Joined { version: _, chain, trust, targets } = link.join(&wanted).await?;
    Credential::new(key, &chain)?;
    let membership = Membership { version: MEMBERSHIP_VERSION, server, name, address, chain, trust, targets };
    if !membership.is_under(pinned) {
        return Err(JoinError::OtherAuthority);
    }
    membership.write(folders)?;
    Ok(membership)
}

/// The address of this host from which packets to the server go. Nothing is sent.
fn address_towards(server: &str) -> Result<IpAddr, JoinError> {
    let nowhere = |source| JoinError::NoAddress { server: server.to_owned(), source };
    let authority = server.trim_start_matches("https://").trim_end_matches('/');
    let none = || std::io::Error::other("the name has no address");
    let mut found = authority.to_socket_addrs().map_err(nowhere)?;
    let there = found.next().ok_or_else(none).map_err(nowhere)?;
    let any: SocketAddr = if there.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).and_then(|socket| socket.connect(there).map(|()| socket));
    let here = socket.and_then(|socket| socket.local_addr()).map_err(nowhere)?;
    Ok(here.ip())
}

/// Runs the agent of a host that has joined, until its future is dropped. Processes run on.
pub async fn run_joined(options: JoinedOptions) -> Result<(), JoinError> {
    let JoinedOptions { folders, supply, sources, java } = options;
    let membership = Membership::read(&folders)?;
    let membership = membership.ok_or_else(|| JoinError::NotJoined { path: membership_file(&folders) })?;
    let host = host_id(&folders)?;
    let identity = Arc::new(LiveIdentity::new(&Credential::new(host_key(&folders)?, &membership.chain)?)?);
    let mut tls = client_config(Some(identity.clone()), root_store(&membership.trust)?)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let link = Link::new(membership.server.clone(), tls.clone())?;
    let (server, name) = (&membership.server, &membership.name);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %host, name, server, "the agent runs");
    let agent = run(AgentOptions {
        host: host.clone(),
        name: membership.name.clone(),
        address: membership.address,
        folders: folders.clone(),
        server: membership.server.clone(),
        tls,
        targets: membership.targets.clone(),
        supply,
        sources,
        java,
    });
    let renewing = keep_certified(membership, host, folders, identity, link);
    tokio::select! {
        kept = agent => Ok(kept?),
        () = renewing => Ok(()),
    }
}

/// Asks for a new certificate at two thirds of the life of the one in force, and again until there is one.
async fn keep_certified(
    mut membership: Membership,
    host: HostId,
    folders: Folders,
    identity: Arc<LiveIdentity>,
    link: Link,
) {
    loop {
        let facts = inspect(&membership.chain).ok().and_then(|all| all.into_iter().next());
        let due = facts.is_none_or(|facts| Timestamp::now() >= renew_at(facts.not_before, facts.not_after));
        if due {
            match renew(&membership, &host, &folders, &identity, &link).await {
                Ok(renewed) => membership = renewed,
                Err(error) => {
                    tracing::error!(error = chain(&error), "the agent's certificate was not renewed");
                }
            }
        }
        tokio::time::sleep(LOOK_AT_CERTIFICATE).await;
    }
}

async fn renew(
    membership: &Membership,
    host: &HostId,
    folders: &Folders,
    identity: &LiveIdentity,
    link: &Link,
) -> Result<Membership, JoinError> {
    let key = host_key(folders)?;
    let wanted = IdentityWanted { request: request_of(&key, host)? };
    let chain = link.renew_identity(&wanted).await?.chain;
    let credential = Credential::new(key, &chain)?;
    let renewed = Membership { chain, ..membership.clone() };
    renewed.write(folders)?;
    identity.replace(&credential)?;
    tracing::info!("the agent's certificate was renewed");
    Ok(renewed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(folder: &std::path::Path) -> Folders {
        Folders { state: folder.join("state"), logs: folder.join("log"), cache: folder.join("cache") }
    }

    #[test]
    fn id_and_key_are_made_once_and_the_key_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let folders = folders(folder.path());
        assert_eq!(host_id(&folders).unwrap(), host_id(&folders).unwrap());
        let key = host_key(&folders).unwrap();
        assert_eq!(host_key(&folders).unwrap().public_key_fingerprint(), key.public_key_fingerprint());
        let mode = std::fs::metadata(folders.own().join("identity.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_address_towards_a_server_on_this_machine_is_the_loopback_address() {
        assert_eq!(address_towards("https://127.0.0.1:7420").unwrap(), IpAddr::from([127, 0, 0, 1]));
        assert!(matches!(address_towards("https://nowhere.invalid:1"), Err(JoinError::NoAddress { .. })));
    }

    #[tokio::test]
    async fn a_host_that_has_not_joined_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let cache = klamm_artifacts::Cache::open(folder.path().join("cache")).unwrap();
        let options = JoinedOptions {
            folders: folders(folder.path()),
            supply: Supply::new(cache),
            sources: SourceFiles::in_folder(folder.path()),
            java: JavaPolicy::MachineOrManaged,
        };
        let refused = run_joined(options).await.unwrap_err();
        assert!(matches!(refused, JoinError::NotJoined { .. }), "{refused}");
    }
}
