//! The server: the API, the planner's and the executor's shell, the authorities.
//!
//! It must never touch a host's files or processes: agents do, from signed targets. Start at [`Server`], then
//! `http` for what can be asked and `runs` for what is done about it.

mod certify;
mod clusters;
mod error;
mod history;
mod hosts;
mod http;
mod joining;
mod kafka_link;
mod keys;
mod permits;
mod planning;
mod runs;
mod specs;
mod status;
mod store;
mod visitors;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Mutex, watch};

use klamm_core::api::Want;
use klamm_core::machines::permits::SAFETY_IS_OFF;
use klamm_core::model::{Epoch, HostId};
use klamm_core::signature::{SigningKey, VerifyingKey};
use klamm_pki::{Authority, ClientAuth, Credential, LiveIdentity, root_store, server_config};
use klamm_store::HostRecord;

pub use error::ServerError;
pub use planning::Supplies;

use certify::Issuance;
use clusters::Clusters;
use hosts::Hosts;
use keys::Keys;
use specs::Specs;
use store::StoreHandle;
use visitors::Visitors;

/// How long the server's own and agents' certificates live; both are made anew at two thirds of it.
const OWN_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// How often the server looks whether its own certificate comes of age.
const LOOK_AT_OWN: Duration = Duration::from_secs(3600);

/// What a server is told when it starts.
#[derive(Debug)]
pub struct ServerOptions {
    /// Its folder: store and keys.
    pub folder: PathBuf,
    /// Executables by the Kafka version that they are.
    pub supplies: Supplies,
}

/// How agents find a server.
#[derive(Debug, Clone)]
pub struct Contact {
    /// `https://HOST:PORT`, as tokens name it.
    pub url: String,
    /// Names of its certificate.
    pub names: Vec<String>,
    /// Addresses of its certificate.
    pub addresses: Vec<IpAddr>,
}

/// Whose agents a server has.
#[derive(Debug, Clone)]
pub enum Reach {
    /// The one agent of its own process dials this address; the server ends when nothing is wanted up any more.
    Laptop(IpAddr),
    /// Hosts join with tokens.
    Fleet(Contact),
}

/// The server.
#[derive(Debug)]
pub struct Server {
    store: StoreHandle,
    epoch: Epoch,
    signing: SigningKey,
    authority: Arc<Authority>,
    hosts: Hosts,
    clusters: Clusters,
    specs: Specs,
    supplies: Supplies,
    /// How other hosts find it; none before it serves, and for a laptop.
    contact: OnceLock<Contact>,
    /// Held while a plan is made and its run begun.
    planning: Mutex<()>,
    visitors: Visitors,
    stopping: watch::Sender<bool>,
}

/// What an agent needs to join.
#[derive(Debug)]
pub struct Enrolment {
    /// Its certificate.
    pub credential: Credential,
    /// What the server's certificate is verified with, PEM.
    pub trust: String,
    /// What targets are verified with.
    pub targets: VerifyingKey,
}

impl Server {
    /// Opens the store and the keys; both are made at the first start. Begins a new epoch.
    pub fn open(options: ServerOptions) -> Result<Arc<Self>, ServerError> {
        let ServerOptions { folder, supplies } = options;
        if SAFETY_IS_OFF {
            tracing::error!(
                "this build stops nodes without asking whether that is safe; it is for a test only"
            );
        }
        klamm_disk::ensure_folder(&folder).map_err(keys::KeysError::from)?;
        let (store, epoch) = StoreHandle::open(&folder.join("store.db"))?;
        let keys = Keys::new(folder.join("keys"));
        let random = &mut rand::rng();
        let supported = supplies.keys().filter_map(|version| version.parse().ok()).collect();
        Ok(Arc::new(Self {
            store,
            epoch,
            signing: keys.signing(random)?,
            authority: keys.klamm(random)?,
            hosts: Hosts::default(),
            clusters: Clusters::new(keys),
            specs: Specs { supported },
            supplies,
            contact: OnceLock::new(),
            planning: Mutex::default(),
            visitors: Visitors::default(),
            stopping: watch::Sender::new(false),
        }))
    }

    /// Enrols the agent of the server's own process. The key is made here because the agent lives here.
    pub async fn enrol_own_agent(&self, host: &HostId, name: &str) -> Result<Enrolment, ServerError> {
        let issuance = Issuance {
            profile: certify::agent_profile(host)?,
            lifetime: OWN_LIFE,
            cluster: None,
            purpose: "the agent of the server's own host".to_owned(),
        };
        let credential = certify::issue_own(&self.store, &self.authority, issuance).await?;
        let record = HostRecord {
            id: host.clone(),
            name: name.to_owned(),
            key: credential.facts().public_key_fingerprint.to_string(),
            joined: Timestamp::now(),
        };
        self.store.with(move |store| store.put_own_host(&record)).await?;
        Ok(Enrolment {
            credential,
            trust: self.authority.certificate_pem().to_owned(),
            targets: self.signing.verifying_key(),
        })
    }

    /// Answers people on the Unix socket and agents on the TCP port, and takes up runs that were cut short,
    /// until [`Server::stop`].
    pub async fn serve(
        self: &Arc<Self>,
        people: UnixListener,
        agents: TcpListener,
        reach: Reach,
    ) -> Result<(), ServerError> {
        let contact = match &reach {
            Reach::Laptop(address) => {
                Contact { url: String::new(), names: vec!["localhost".to_owned()], addresses: vec![*address] }
            }
            Reach::Fleet(contact) => self.contact.get_or_init(|| contact.clone()).clone(),
        };
        let credential = self.own_credential(&contact).await?;
        let tls = |source| ServerError::Kafka(kafka_link::KafkaLinkError::Tls(source));
        let identity = Arc::new(LiveIdentity::new(&credential).map_err(tls)?);
        let renewing = self.renew(identity.clone(), &contact);
        let trust = root_store(self.authority.certificate_pem()).map_err(tls)?;
        let clients = match reach {
            Reach::Laptop(_) => ClientAuth::Required(trust),
            Reach::Fleet(_) => ClientAuth::Optional(trust),
        };
        let mut config = server_config(identity, clients).map_err(tls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        runs::resume_all(self).await?;
        let people = http::serve_people(self.clone(), people);
        let agents = http::serve_agents(self.clone(), agents, Arc::new(config));
        tokio::select! {
            () = people => {}
            () = agents => {}
            () = renewing => {}
        }
        Ok(())
    }

    /// Whether it has the one agent of its own process only.
    fn is_laptop(&self) -> bool {
        self.contact.get().is_none()
    }

    /// The server's certificate for its agents, with a key made here. Its authority comes along, so that a host that
    /// joins finds the fingerprint of its token.
    async fn own_credential(&self, contact: &Contact) -> Result<Credential, ServerError> {
        let names: Vec<&str> = contact.names.iter().map(String::as_str).collect();
        let issuance = Issuance {
            profile: certify::server_profile(&names, &contact.addresses)?,
            lifetime: OWN_LIFE,
            cluster: None,
            purpose: "the server, for its agents".to_owned(),
        };
        let own = certify::issue_own(&self.store, &self.authority, issuance).await?;
        Ok(own.with_appended(self.authority.certificate_pem()).map_err(certify::CertifyError::from)?)
    }

    /// Makes the server's own certificate anew before it ends, for as long as the server serves.
    async fn renew(&self, identity: Arc<LiveIdentity>, contact: &Contact) {
        let mut made = Timestamp::now();
        loop {
            tokio::time::sleep(LOOK_AT_OWN).await;
            // By the wall clock: a laptop sleeps, and certificates do not.
            if Timestamp::now().duration_since(made).unsigned_abs() < OWN_LIFE * 2 / 3 {
                continue;
            }
            let renewed = self.own_credential(contact).await.and_then(|credential| {
                identity.replace(&credential).map_err(|source| kafka_link::KafkaLinkError::Tls(source).into())
            });
            match renewed {
                Ok(()) => made = Timestamp::now(),
                Err(error) => {
                    tracing::error!(error = error::chain(&error), "the server's certificate was not renewed");
                }
            }
        }
    }

    /// Ends [`Server::serve`].
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether nobody needs this process: a laptop's daemon with nothing wanted up and no run that goes on. A server
    /// that hosts join is needed until whoever started it ends it.
    pub(crate) async fn is_idle(&self) -> Result<bool, ServerError> {
        if !self.is_laptop() {
            return Ok(false);
        }
        let records = self.store.with(|store| store.clusters()).await?;
        let wanted = records.iter().any(|cluster| cluster.want == Want::Up);
        Ok(!wanted && !self.clusters.is_any_running().await)
    }

    /// Ends [`Server::serve`] if it is idle and no more than `visitors` are connected; whether it does.
    pub(crate) async fn stop_if_idle(&self, visitors: usize) -> Result<bool, ServerError> {
        // Nothing is planned meanwhile, so that no run begins between the look and the end.
        let _planning = self.planning.lock().await;
        let idle = self.is_idle().await? && self.visitors.are_at_most(visitors);
        if idle {
            self.stop();
        }
        Ok(idle)
    }
}
