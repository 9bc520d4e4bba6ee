//! One combined Kafka node in a process of its own, on loopback, plain, gone when dropped.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm_kafka::{Address, Cluster, ConnectOptions, Endpoint, Transport};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

/// A JVM on two busy cores needs some ten seconds; a minute is no longer slow but stuck.
const START: Duration = Duration::from_secs(60);

pub(crate) struct RealKafka {
    libs: OsString,
    folder: TempDir,
    broker_port: u16,
    controller_port: u16,
    tls_port: u16,
    authority: Authority,
    process: Option<Child>,
}

/// Who signs the node's certificate and those of clients that it trusts.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A key with its certificate.
struct Identity {
    certificate: CertificateDer<'static>,
    key_der: Vec<u8>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("self-signed");
        let pem = certificate.pem();
        Self { issuer: Issuer::new(params, key), certificate: certificate.der().clone(), pem }
    }

    fn issue(&self, common_name: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a good name");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = params.signed_by(&key, &self.issuer).expect("issued");
        let pem = key.serialize_pem() + &certificate.pem();
        Identity { certificate: certificate.der().clone(), key_der: key.serialize_der(), pem }
    }
}

impl Drop for RealKafka {
    fn drop(&mut self) {
        self.kill();
    }
}

impl RealKafka {
    /// Formats and starts a node; nothing, with the reason printed, when no jars are named.
    pub(crate) async fn start() -> Option<Self> {
        let Some(libs) = std::env::var_os("KLAMM_KAFKA_LIBS") else {
            eprintln!("skipped: KLAMM_KAFKA_LIBS names no folder with Kafka's jars");
            return None;
        };
        let mut class_path = libs;
        class_path.push("/*");
        let folder = tempfile::tempdir().expect("a folder");
        let [broker_port, controller_port, tls_port] = free_ports();
        let authority = Authority::new();
        let mut kafka = Self {
            libs: class_path,
            folder,
            broker_port,
            controller_port,
            tls_port,
            authority,
            process: None,
        };
        kafka.write_files();
        kafka.format();
        kafka.launch().await;
        Some(kafka)
    }

    pub(crate) fn cluster(&self, endpoint: Endpoint) -> Cluster {
        let options = ConnectOptions::new(Transport::Plain);
        Cluster::new(vec![self.address(endpoint)], endpoint, options)
    }

    /// The node's plain listener of this kind.
    pub(crate) fn address(&self, endpoint: Endpoint) -> Address {
        let port = match endpoint {
            Endpoint::Brokers => self.broker_port,
            Endpoint::Controllers => self.controller_port,
        };
        Address::new("127.0.0.1", port)
    }

    /// The node's mutual TLS listener.
    pub(crate) fn tls_address(&self) -> Address {
        Address::new("localhost", self.tls_port)
    }

    /// A client that trusts the node and shows a certificate by `authority`, else by the node's own.
    pub(crate) fn tls_client(&self, authority: Option<&Authority>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate.clone()).expect("a root");
        let Identity { certificate, key_der, pem: _ } = authority.unwrap_or(&self.authority).issue("tester");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key_der));
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)
            .expect("a matching key");
        Arc::new(config)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// SIGKILL: no goodbye, no controlled shutdown.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("our own child");
            process.wait().expect("our own child");
        }
    }

    /// Starts the formatted node and waits until it serves.
    pub(crate) async fn launch(&mut self) {
        let log = File::create(self.folder.path().join("stdout.log")).expect("a file");
        let errors = log.try_clone().expect("a file");
        let process = self
            .java("kafka.Kafka")
            .arg(self.folder.path().join("server.properties"))
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("java on the path");
        self.process = Some(process);
        let begun = Instant::now();
        let cluster = self.cluster(Endpoint::Brokers);
        loop {
            let alive = self.process.as_mut().expect("just set").try_wait().expect("our own child").is_none();
            assert!(alive && begun.elapsed() < START, "kafka did not start:\n{}", self.log());
            let described = cluster.describe_cluster(Duration::from_secs(1)).await;
            if described.is_ok_and(|cluster| cluster.nodes.iter().any(|node| !node.fenced)) {
                return;
            }
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("stdout.log")).unwrap_or_default()
    }

    /// What one of the programs beside this file prints.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_broker").join(program);
        let output = self.java(source).args(arguments).output().expect("a JDK on the path");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
        printed
    }

    /// A JVM that runs a class, or a program in one file of source.
    fn java(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("java");
        let logging = self.folder.path().join("log4j2.properties");
        command
            .args(["-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
            .arg(&self.libs)
            .arg(format!("-Dlog4j2.configurationFile={}", logging.display()))
            .arg(format!("-Dkafka.logs.dir={}", self.folder.path().display()))
            .arg(program)
            .stdin(Stdio::null());
        command
    }

    fn write_files(&self) {
        let (broker, controller, tls) = (self.broker_port, self.controller_port, self.tls_port);
        let data = self.data();
        let (keys, trust) = (self.folder.path().join("keys.pem"), self.folder.path().join("trust.pem"));
        fs::write(&keys, self.authority.issue("node").pem).expect("written");
        fs::write(&trust, &self.authority.pem).expect("written");
        let (keys, trust) = (keys.display(), trust.display());
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\nlog.dirs={}\n\
             listeners=PLAIN://127.0.0.1:{broker},TLS://localhost:{tls},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAIN://127.0.0.1:{broker},TLS://localhost:{tls},CONTROLLER://127.0.0.1:{controller}\n\
             listener.security.protocol.map=PLAIN:PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT\n\
             inter.broker.listener.name=PLAIN\ncontroller.listener.names=CONTROLLER\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:ANONYMOUS;User:CN=tester\nssl.client.auth=required\n\
             ssl.keystore.type=PEM\nssl.keystore.location={keys}\n\
             ssl.truststore.type=PEM\nssl.truststore.location={trust}\nauto.create.topics.enable=false\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\ntransaction.state.log.num.partitions=1\nbroker.rack=zone-a\n",
            data.display()
        );
        fs::write(self.folder.path().join("server.properties"), properties).expect("written");
        let logging = "rootLogger.level=WARN\nrootLogger.appenderRef.out.ref=out\n\
                       appender.out.type=Console\nappender.out.name=out\nappender.out.layout.type=PatternLayout\n";
        fs::write(self.folder.path().join("log4j2.properties"), logging).expect("written");
    }

    fn format(&self) {
        let output = self
            .java("kafka.tools.StorageTool")
            .args(["format", "--standalone", "-t", CLUSTER_ID, "-c"])
            .arg(self.folder.path().join("server.properties"))
            .output()
            .expect("java on the path");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

pub(crate) const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qg";

fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let held: [TcpListener; COUNT] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|listener| listener.local_addr().expect("bound").port())
}

/// For one step, on a machine that does other things too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until there is something to see.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::task::yield_now().await;
    }
}
