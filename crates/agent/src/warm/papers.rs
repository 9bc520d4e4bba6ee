//! The files of a throwaway node: those of a real one of the same Kafka, for a cluster that nobody else knows, with
//! certificates of an authority whose key is forgotten at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng as _;
use thiserror::Error;

use klamm_core::kafka::defaults::Size;
use klamm_core::kafka::storage::{
    DirectoryUse, FormatRefused, StorageFormat, Voter, VoterEndpoint, format_storage,
};
use klamm_core::kafka::{KafkaVersion, NodeRole, Profile as Purpose};
use klamm_core::model::target::{DataDirectory, ListenerAddress, ListenerPurpose, SlotIdentity};
use klamm_core::model::{ClusterId, ClusterName, DirectoryId, Epoch, NodeId, SlotName};
use klamm_core::render::NodeContext;
use klamm_core::render::logging::Logging;
use klamm_core::render::server_properties::{CONTROLLER, INTERNAL, ServerProperties};
use klamm_disk::{DiskError, ensure_folder, replace_file, replace_link};
use klamm_pki::{
    AltName, Authority, AuthorityError, AuthorityKind, CertificateRequest, Grant, IssueError, KeyError,
    NewAuthority, PemError, PrivateKey, Profile, RequestError, Serial, SubjectName, Validity, ValidityError,
    keystore_pem,
};

/// Also the name of the cluster.
const NAME: &str = "throwaway";
/// The certificates outlive the node by far.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// Why the files could not be made.
#[derive(Debug, Error)]
pub(crate) enum PapersError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("there are no free ports on {address}")]
    Ports { address: IpAddr, source: io::Error },
    #[error("{0} is not a version of Kafka that can be rendered")]
    Version(String),
    #[error(transparent)]
    Format(#[from] FormatRefused),
    #[error("a key could not be made")]
    Key(#[from] KeyError),
    #[error("a life could not be given to a certificate")]
    Life(#[from] ValidityError),
    #[error("an authority could not be made")]
    Authority(#[from] AuthorityError),
    #[error("a certificate could not be asked for")]
    Request(#[from] RequestError),
    #[error("a certificate could not be made")]
    Issue(#[from] IssueError),
    #[error("a key and its certificate could not be written down")]
    Pem(#[from] PemError),
}

/// Writes everything that a combined node needs below `folder`; gives the option that names its log's configuration.
pub(super) fn write(folder: &Path, kafka: &str, address: IpAddr) -> Result<String, PapersError> {
    let version: KafkaVersion = kafka.parse().map_err(|_| PapersError::Version(kafka.to_owned()))?;
    let cluster: ClusterName = NAME.parse().expect("a lower-case word is a cluster's name");
    let slot: SlotName = format!("{NAME}-0").parse().expect("a word and a number are a slot's name");
    let text = folder.to_string_lossy().into_owned();
    let logs = format!("{text}/logs");
    let identity = identity(&text, address)?;
    let controllers = [format!("{}:{}", bracketed(address), identity.listeners[CONTROLLER].port)];
    let node = NodeContext {
        cluster: &cluster,
        version,
        profile: Purpose::Laptop,
        role: NodeRole::Combined,
        slot: &slot,
        identity: &identity,
        size: Size { brokers: 1, directories: 1, processors: None },
        controllers: &controllers,
        zone: None,
        folder: &text,
        logs: &logs,
        settings: &BTreeMap::new(),
    };
    let logging = Logging::of(version);
    replace_file(&folder.join("config/server.properties"), ServerProperties::of(&node).render().as_bytes())?;
    replace_file(&folder.join(logging.file()), logging.render(&node).as_bytes())?;
    ensure_folder(&folder.join("logs"))?;
    ensure_folder(&folder.join("tmp"))?;
    format(folder, version, &identity)?;
    certify(folder, address)?;
    Ok(logging.jvm_option(&text))
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn identity(folder: &str, address: IpAddr) -> Result<SlotIdentity, PapersError> {
    let clients = ListenerPurpose::Clients("clients".parse().expect("a word is a listener's name"));
    let purposes = [
        (CONTROLLER, ListenerPurpose::Controller),
        (INTERNAL, ListenerPurpose::Internal),
        ("CLIENTS", clients),
    ];
    // All held until each has its own. Another process may still take one before Kafka binds it; then nothing is made.
    let mut held = Vec::new();
    let mut listeners = BTreeMap::new();
    for (name, purpose) in purposes {
        let no_port = |source| PapersError::Ports { address, source };
        let listener = TcpListener::bind((address, 0)).map_err(no_port)?;
        let port = listener.local_addr().map_err(no_port)?.port();
        held.push(listener);
        let listener =
            ListenerAddress { bind: address, host: address.to_string(), port, base: port, purpose };
        listeners.insert(name.to_owned(), listener);
    }
    let directory =
        DataDirectory { path: format!("{folder}/data"), id: directory_id(), seeds: BTreeMap::new() };
    Ok(SlotIdentity { node_id: NodeId(1), claim: Epoch(1), directories: vec![directory], listeners })
}

fn directory_id() -> DirectoryId {
    DirectoryId::from_random(random())
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

fn format(folder: &Path, version: KafkaVersion, identity: &SlotIdentity) -> Result<(), PapersError> {
    let (directory, controller) = (&identity.directories[0], &identity.listeners[CONTROLLER]);
    let endpoint = VoterEndpoint {
        listener: CONTROLLER.to_owned(),
        host: controller.host.clone(),
        port: controller.port,
    };
    let voter = Voter { id: identity.node_id, directory_id: directory.id, endpoints: vec![endpoint] };
    let files = format_storage(&StorageFormat {
        version,
        cluster_id: ClusterId::from_random(random()),
        node_id: identity.node_id,
        directory_id: directory.id,
        holds: DirectoryUse::Metadata,
        role: NodeRole::Combined,
        voters: &[voter],
        timestamp_ms: Timestamp::now().as_millisecond(),
    })?;
    for file in files {
        replace_file(&folder.join("data").join(file.path), &file.content)?;
    }
    Ok(())
}

fn certify(folder: &Path, address: IpAddr) -> Result<(), PapersError> {
    let name = || -> SubjectName { NAME.parse().expect("a word is a subject's name") };
    let validity = Validity::starting(Timestamp::now(), LIFE * 2)?;
    let new = NewAuthority {
        kind: AuthorityKind::Nodes,
        owner: name(),
        generation: 1,
        validity,
        serial: Serial::from_random(random()),
    };
    let authority = Authority::create(new, PrivateKey::generate()?)?;
    let key = PrivateKey::generate()?;
    let names = BTreeSet::from([AltName::Ip(address)]);
    let profile = Profile::Node { cluster: name(), slot: name(), names };
    let request = CertificateRequest::create(&key, &profile)?;
    let validity = Validity::starting(Timestamp::now(), LIFE)?;
    let issued =
        authority.issue(&request, &Grant { profile, validity, serial: Serial::from_random(random()) })?;
    let tls = folder.join("tls");
    let generation = tls.join("gen-000001");
    replace_file(&generation.join("node.pem"), keystore_pem(&key, &issued.chain_pem)?.as_bytes())?;
    for trust in ["trust-nodes.pem", "trust-users.pem"] {
        replace_file(&generation.join(trust), authority.certificate_pem().as_bytes())?;
    }
    Ok(replace_link(&tls.join("current"), Path::new("gen-000001"))?)
}
