//! Somebody who calls a port with the wrong papers, or with none, and what came back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use klamm_pki::{
    Authority, AuthorityKind, CertificateRequest, Credential, Grant, LiveIdentity, NewAuthority, PrivateKey,
    Profile, Serial, Validity, crypto_provider, root_store,
};
use rand::RngExt as _;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, StreamOwned, SupportedProtocolVersion};

/// How long an answer may take; a refusal comes at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// One hour.
const LIFE: Duration = Duration::from_secs(3_600);
/// An alert of TLS begins with this byte.
const TLS_ALERT: u8 = 21;

/// What somebody presents.
pub struct Papers {
    identity: Option<Credential>,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The handshake, or the first request, was refused; the reason is what the caller saw.
    Refused(String),
    /// Bytes came back.
    Served(Vec<u8>),
}

impl Papers {
    /// Nothing at all.
    pub fn none() -> Self {
        Self { identity: None }
    }

    /// A key and its chain, as `keystore.pem` and a node's `node.pem` hold them.
    pub fn of_keystore(text: &str) -> Result<Self> {
        Ok(Self {
            identity: Some(Credential::from_keystore_pem(text).context("reading a key and its chain")?),
        })
    }

    /// A certificate as ours would be, from an authority of the same name and shape that nobody here trusts.
    pub fn forged(kind: AuthorityKind, owner: &str, profile: Profile) -> Result<Self> {
        let new = NewAuthority {
            kind,
            owner: owner.parse()?,
            generation: 1,
            validity: Validity::starting(Timestamp::now(), LIFE * 2)?,
            serial: random_serial(),
        };
        Self::issued_by(&Authority::create(new, PrivateKey::generate()?)?, profile)
    }

    /// A certificate from this authority.
    pub fn issued_by(authority: &Authority, profile: Profile) -> Result<Self> {
        let key = PrivateKey::generate()?;
        let request = CertificateRequest::create(&key, &profile)?;
        let validity = Validity::starting(Timestamp::now(), LIFE)?;
        let issued = authority.issue(&request, &Grant { profile, validity, serial: random_serial() })?;
        Ok(Self { identity: Some(Credential::new(key, &issued.chain_pem)?) })
    }
}

/// The versions in which every door is tried: a client certificate is asked for and judged at different moments.
pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Calls with one version of TLS, presenting `papers` whatever the server asks for, trusting `trust`, and sends
/// `request`.
pub fn call_tls(
    to: SocketAddr,
    version: &'static SupportedProtocolVersion,
    trust: &str,
    papers: &Papers,
    request: &[u8],
) -> Result<Answer> {
    let builder = ClientConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[version])
        .context("choosing a version of TLS")?
        .with_root_certificates(root_store(trust)?);
    let config = match &papers.identity {
        Some(credential) => builder.with_client_cert_resolver(Arc::new(LiveIdentity::new(credential)?)),
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from("localhost").context("naming the server")?;
    let session = ClientConnection::new(Arc::new(config), name).context("beginning a session")?;
    exchange(StreamOwned::new(session, connect(to)?), request)
}

/// Calls without TLS.
pub fn call_plain(to: SocketAddr, request: &[u8]) -> Result<Answer> {
    Ok(match exchange(connect(to)?, request)? {
        Answer::Served(bytes) if bytes.first() == Some(&TLS_ALERT) => {
            Answer::Refused("an alert of TLS".to_owned())
        }
        answer @ (Answer::Served(_) | Answer::Refused(_)) => answer,
    })
}

fn connect(to: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE).with_context(|| format!("connecting to {to}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("setting a time-out")?;
    Ok(stream)
}

/// A time-out is neither: it is an error, as nothing was shown.
fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Result<Answer> {
    let mut bytes = vec![0; 4_096];
    let heard =
        stream.write_all(request).and_then(|()| stream.flush()).and_then(|()| stream.read(&mut bytes));
    match heard {
        Ok(0) => Ok(Answer::Refused("closed".to_owned())),
        Ok(length) => {
            bytes.truncate(length);
            Ok(Answer::Served(bytes))
        }
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            Err(error).context("neither an answer nor a refusal came")
        }
        Err(error) => Ok(Answer::Refused(error.to_string())),
    }
}

fn random_serial() -> Serial {
    Serial::from_random(rand::rng().random())
}
