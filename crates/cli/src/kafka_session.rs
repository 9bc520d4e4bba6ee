//! Talking to Kafka as a user: the key is made here, the certificate lives ten minutes, nothing is written to disk.

mod advice;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use klamm_core::api::{UserCertificate, UserCertificateRequest, Want};
use klamm_core::model::{ClusterName, UserName};
use klamm_kafka::{Address, Cluster, ConnectOptions, Endpoint, Transport};
use klamm_pki::{
    CertificateRequest, Credential, LiveIdentity, PrivateKey, Profile, client_config, renew_at, root_store,
};
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::error::CliError;
use crate::invocation::Invocation;
use advice::{Asker, advice, closest};

pub(crate) use advice::{About, KafkaTrouble, access_example};

/// Long enough for most commands, short enough that a key which dies with its process leaves nothing behind.
pub(crate) const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// After a renewal that failed.
const PAUSE: Duration = Duration::from_secs(15);
/// How long one question to Kafka may take, retries included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Advice is worth a short wait only.
const PATIENCE_FOR_ADVICE: Duration = Duration::from_secs(2);

/// Options of commands that talk to Kafka.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct UserArgs {
    /// The user in whose name Kafka is asked; the spec says what each user may do
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub(crate) user: UserName,
}

/// A connection to Kafka in the name of a user, while this value lives.
pub(crate) struct KafkaSession {
    pub(crate) kafka: Cluster,
    user: UserName,
    /// How `klamm` was called, for commands that are shown to be typed next.
    command: String,
    renewal: JoinHandle<()>,
}

impl Drop for KafkaSession {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl KafkaSession {
    /// Gets a certificate for `user` and keeps it fresh.
    pub(crate) async fn open(
        invocation: &Invocation,
        user: &UserName,
        purpose: &'static str,
    ) -> Result<Self, CliError> {
        let asking = invocation.ask_about(async |api, cluster| {
            let clusters = api.clusters().await?.clusters;
            if clusters.iter().any(|row| row.name == *cluster && row.want != Want::Up) {
                return Err(CliError::Down { cluster: cluster.clone(), command: invocation.command() });
            }
            let issued = obtain(api, cluster, user, Some(LIFETIME), purpose).await?;
            Ok((api.clone(), cluster.clone(), issued))
        });
        let (api, cluster, (credential, issued)) = asking.await?;
        if !issued.known_user {
            invocation.terminal.tell(&format!(
                "note: the spec of cluster {cluster} has no user {user}, who may do nothing therefore"
            ));
        }
        let identity = Arc::new(LiveIdentity::new(&credential).map_err(|source| CliError::Tls { source })?);
        let roots = root_store(&issued.trust).map_err(|source| CliError::Tls { source })?;
        let tls = client_config(Some(identity.clone()), roots).map_err(|source| CliError::Tls { source })?;
        let bootstrap: Result<Vec<Address>, _> = issued.bootstrap.split(',').map(str::parse).collect();
        let bootstrap = bootstrap.map_err(|source| CliError::Bootstrap { source })?;
        let options = ConnectOptions::new(Transport::Tls(Arc::new(tls)));
        let renewal = tokio::spawn(renew(api, cluster, user.clone(), purpose, identity, credential));
        let kafka = Cluster::new(bootstrap, Endpoint::Brokers, options);
        Ok(Self { kafka, user: user.clone(), command: invocation.command(), renewal })
    }

    /// The outcome of what was asked; a failure comes with what helps against it.
    pub(crate) async fn told<T>(
        &self,
        doing: impl Into<String>,
        about: About<'_>,
        result: Result<T, impl Into<KafkaTrouble>>,
    ) -> Result<T, CliError> {
        let trouble = match result {
            Ok(value) => return Ok(value),
            Err(trouble) => trouble.into(),
        };
        let similar = match about {
            About::Topic(name) if trouble.is_unknown_topic() => self.similar_topic(name).await,
            About::Topics | About::Topic(_) | About::NewTopic(_) => None,
        };
        let asker = Asker { user: &self.user, command: &self.command };
        let advice = advice(asker, about, &trouble, similar.as_deref());
        Err(CliError::Kafka { doing: doing.into(), advice, source: trouble })
    }

    /// A topic with nearly this name; none also where Kafka does not tell.
    async fn similar_topic(&self, name: &str) -> Option<String> {
        let topics = self.kafka.list_topics(PATIENCE_FOR_ADVICE).await.ok()?;
        closest(name, topics.iter().map(|topic| topic.name.as_str())).map(str::to_owned)
    }
}

/// Makes a key and has the server certify it; `lifetime` none takes the cluster's.
pub(crate) async fn obtain(
    api: &Api,
    cluster: &ClusterName,
    user: &UserName,
    lifetime: Option<Duration>,
    purpose: &str,
) -> Result<(Credential, UserCertificate), CliError> {
    let failed = |source: anyhow::Error| CliError::Certificate { user: user.clone(), source };
    let key = PrivateKey::generate().map_err(|source| failed(source.into()))?;
    let profile = Profile::User {
        cluster: cluster
            .as_str()
            .parse()
            .map_err(|source: klamm_pki::InvalidSubjectName| failed(source.into()))?,
        name: user.as_str().parse().map_err(|source: klamm_pki::InvalidSubjectName| failed(source.into()))?,
    };
    let request = CertificateRequest::create(&key, &profile).map_err(|source| failed(source.into()))?;
    let asked = UserCertificateRequest {
        request: request.to_pem(),
        lifetime_seconds: lifetime.map(|lifetime| lifetime.as_secs()),
        purpose: purpose.to_owned(),
    };
    let issued = api.user_certificate(cluster, user, &asked).await?;
    let credential = Credential::new(key, &issued.chain).map_err(|source| failed(source.into()))?;
    Ok((credential, issued))
}

/// Replaces the certificate at two thirds of its life, again and again. While the server is away the present one
/// stays; connections that are open live on without any.
async fn renew(
    api: Api,
    cluster: ClusterName,
    user: UserName,
    purpose: &'static str,
    identity: Arc<LiveIdentity>,
    first: Credential,
) {
    let mut wait = until_renewal(&first);
    loop {
        tokio::time::sleep(wait).await;
        wait = match obtain(&api, &cluster, &user, Some(LIFETIME), purpose).await {
            Ok((credential, _)) if identity.replace(&credential).is_ok() => until_renewal(&credential),
            Ok(_) => PAUSE,
            Err(failure) => {
                tracing::warn!(error = %failure, %user, "certificate not renewed, trying again");
                PAUSE
            }
        };
    }
}

fn until_renewal(credential: &Credential) -> Duration {
    let facts = credential.facts();
    let due = renew_at(facts.not_before, facts.not_after);
    let left = due.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
    left.unsigned_abs()
}
