//! TLS: certificates that change while clients run, and what a refused one looks like.

use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use crate::fake_broker::{API_VERSIONS, Asked, metadata, serve, versions};
use klamm_kafka::{Address, Cluster, ConnectError, ConnectOptions, Connection, Endpoint, Transport, probe};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const PATIENCE: Duration = Duration::from_secs(10);

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: Arc<RootCertStore>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("self-signed");
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).expect("a root");
        Self { issuer: Issuer::new(params, key), roots: Arc::new(roots) }
    }

    fn issue(&self) -> Arc<CertifiedKey> {
        let key = KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).expect("good names");
        let certificate = params.signed_by(&key, &self.issuer).expect("issued");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = default_provider().key_provider.load_private_key(key).expect("a signing key");
        Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key))
    }
}

/// The certificate in use, which a test may replace.
#[derive(Debug, Clone)]
struct Current(Arc<RwLock<Option<Arc<CertifiedKey>>>>);

impl Current {
    fn new(key: Option<Arc<CertifiedKey>>) -> Self {
        Self(Arc::new(RwLock::new(key)))
    }

    fn replace(&self, key: Arc<CertifiedKey>) {
        *self.0.write().expect("not poisoned") = Some(key);
    }

    fn get(&self) -> Option<Arc<CertifiedKey>> {
        self.0.read().expect("not poisoned").clone()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.get()
    }
}

impl ResolvesClientCert for Current {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.get()
    }

    fn has_certs(&self) -> bool {
        self.get().is_some()
    }
}

/// A listener that demands client certificates and notes which ones it was shown.
struct Listener {
    address: Address,
    shown: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(authority: &Authority, server: &Current) -> Listener {
    let provider = Arc::new(default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&authority.roots), Arc::clone(&provider))
            .build()
            .expect("a verifier");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(server.clone()));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = Address::new("localhost", listener.local_addr().expect("bound").port());
    let shown = Arc::new(Mutex::new(Vec::new()));
    let (seen, own) = (Arc::clone(&shown), address.clone());
    let task = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, seen, own) = (acceptor.clone(), Arc::clone(&seen), own.clone());
            tokio::spawn(async move {
                let Ok(socket) = acceptor.accept(socket).await else { return };
                if let Some([leaf, ..]) = socket.get_ref().1.peer_certificates() {
                    seen.lock().expect("not poisoned").push(leaf.to_vec());
                }
                let act = |asked: &Asked| match asked.api {
                    API_VERSIONS => versions(asked, None),
                    _ => metadata(asked, &own),
                };
                serve(socket, act, &Mutex::new(Vec::new())).await;
            });
        }
    });
    Listener { address, shown, task }
}

fn client(authority: &Authority, certificate: &Current) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(Arc::clone(&authority.roots))
        .with_client_cert_resolver(Arc::new(certificate.clone()));
    Arc::new(config)
}

fn leaf(key: &CertifiedKey) -> Vec<u8> {
    key.cert[0].to_vec()
}

#[tokio::test]
async fn renewed_certificates_of_both_sides_are_seen_by_the_next_connection() {
    let authority = Authority::new();
    let (old, new) = (authority.issue(), authority.issue());
    let server = Current::new(Some(Arc::clone(&old)));
    let listener = listen(&authority, &server).await;
    let (mine, mine_renewed) = (authority.issue(), authority.issue());
    let certificate = Current::new(Some(Arc::clone(&mine)));
    let config = client(&authority, &certificate);
    let options = ConnectOptions::new(Transport::Tls(Arc::clone(&config)));

    let first = Connection::open(&listener.address, &options).await.expect("accepted");
    let facts = probe(&listener.address, &config, PATIENCE).await.expect("a handshake");
    assert_eq!((facts.chain, facts.protocol.as_str()), (vec![leaf(&old)], "TLSv1_3"));

    server.replace(Arc::clone(&new));
    certificate.replace(Arc::clone(&mine_renewed));
    let second = Connection::open(&listener.address, &options).await.expect("accepted");
    let facts = probe(&listener.address, &config, PATIENCE).await.expect("a handshake");
    assert_eq!(facts.chain, [leaf(&new)]);
    let shown = listener.shown.lock().expect("not poisoned").clone();
    assert_eq!(shown.first(), Some(&leaf(&mine)));
    assert_eq!(shown.last(), Some(&leaf(&mine_renewed)));
    assert!(first.is_open() && second.is_open());
}

#[tokio::test]
async fn a_whole_operation_runs_over_tls_by_name_and_by_address() {
    let authority = Authority::new();
    let listener = listen(&authority, &Current::new(Some(authority.issue()))).await;
    let config = client(&authority, &Current::new(Some(authority.issue())));
    for host in ["localhost", "127.0.0.1"] {
        let address = Address::new(host, listener.address.port);
        let options = ConnectOptions::new(Transport::Tls(Arc::clone(&config)));
        let cluster = Cluster::new(vec![address], Endpoint::Brokers, options);
        assert_eq!(cluster.list_topics(PATIENCE).await.expect("an answer").len(), 1);
    }
}

#[tokio::test]
async fn a_refused_certificate_fails_at_once_however_long_the_caller_would_wait() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let listener = listen(&authority, &Current::new(Some(authority.issue()))).await;
    for certificate in [None, Some(foreign.issue())] {
        let config = client(&authority, &Current::new(certificate));
        let options = ConnectOptions::new(Transport::Tls(config));
        let begun = Instant::now();
        let failure = Connection::open(&listener.address, &options).await.expect_err("refused");
        assert!(!failure.is_retriable(), "{failure:?}");
        let cluster = Cluster::new(vec![listener.address.clone()], Endpoint::Brokers, options);
        cluster.list_topics(Duration::from_secs(60)).await.expect_err("refused");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn a_server_of_another_authority_or_name_is_refused_by_us() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let listener = listen(&authority, &Current::new(Some(authority.issue()))).await;
    let config = client(&foreign, &Current::new(Some(authority.issue())));
    let failure = probe(&listener.address, &config, PATIENCE).await.expect_err("foreign");
    assert!(matches!(failure, ConnectError::Tls { .. }) && !failure.is_retriable(), "{failure:?}");
    let config = client(&authority, &Current::new(None));
    let other_name = Address::new("127.0.0.2", listener.address.port);
    if let Err(failure) = probe(&other_name, &config, PATIENCE).await {
        // Listening on 127.0.0.1 only: nothing to shake hands with there is just as good.
        assert!(matches!(failure, ConnectError::Tls { .. } | ConnectError::Tcp { .. }), "{failure:?}");
    } else {
        panic!("a certificate for another name was accepted");
    }
}
