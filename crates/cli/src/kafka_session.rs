//! Talking to Kafka as a user: the key is made here, the certificate lives ten minutes, nothing is written to disk.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use klamm_core::api::{UserCertificate, UserCertificateRequest, Want};
use klamm_core::model::{ClusterName, UserName};
use klamm_kafka::{Address, Cluster, ConnectOptions, Endpoint, OperationError, Refusal, Transport};
use klamm_pki::{
    CertificateRequest, Credential, LiveIdentity, PrivateKey, Profile, client_config, renew_at, root_store,
};
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::error::CliError;
use crate::invocation::Invocation;
use crate::output::tell;

/// Long enough for most commands, short enough that a key which dies with its process leaves nothing behind.
pub(crate) const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// After a renewal that failed.
const PAUSE: Duration = Duration::from_secs(15);
/// How long one question to Kafka may take, retries included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

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
    pub(crate) user: UserName,
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
        let api = invocation.api()?;
        let cluster = invocation.choose_cluster(&api).await?;
        let clusters = api.clusters().await?.clusters;
        if clusters.iter().any(|row| row.name == cluster && row.want != Want::Up) {
            return Err(CliError::Down { cluster, command: invocation.command() });
        }
        let (credential, issued) = obtain(&api, &cluster, user, Some(LIFETIME), purpose).await?;
        if !issued.known_user {
            tell(&format!(
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
        Ok(Self { kafka, user: user.clone(), renewal })
    }

    /// The error of an operation that Kafka did not answer.
    pub(crate) fn no_answer(&self, doing: String, source: OperationError) -> CliError {
        CliError::Kafka { doing, user: self.user.clone(), source: Box::new(source) }
    }

    /// The error of an operation that Kafka refused.
    pub(crate) fn refused(&self, doing: String, source: Refusal) -> CliError {
        CliError::KafkaRefused { doing, user: self.user.clone(), source }
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
