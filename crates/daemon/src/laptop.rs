//! The laptop's daemon: a server and one agent in one process, introduced to each other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use klamm_agent::{AgentOptions, host_id, host_name, loopback};
use klamm_artifacts::{Cache, JavaPolicy};
use klamm_core::model::HostId;
use klamm_pki::{LiveIdentity, client_config, root_store};
use klamm_server::{Reach, Server, ServerOptions};

use crate::server::serve_until_asked;
use crate::{DaemonError, Folders, Part, bind, lock, supplies};

/// How often the daemon looks whether its agent's certificate comes of age.
const LOOK_AT_CERTIFICATE: Duration = Duration::from_secs(3600);
/// A third of the 90 days that it lives.
const RENEW_WITH_LEFT: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// Runs until the server is asked to stop. Kafka runs on.
pub async fn run(folders: Folders) -> Result<(), DaemonError> {
    folders.ensure()?;
    let _locks = (lock(&folders, Part::Server).await?, lock(&folders, Part::Agent).await?);
    let server = Server::open(ServerOptions { folder: folders.state.join("server"), supplies: supplies() })?;

    let address = loopback();
    let socket_failed = |what: String| move |source| DaemonError::Socket { what, source };
    let agents =
        TcpListener::bind((address, 0)).await.map_err(socket_failed(format!("a port of {address}")))?;
    let port = agents.local_addr().map_err(socket_failed("the agents' port".to_owned()))?.port();
    let people = bind(&folders.socket()).map_err(socket_failed(folders.socket().display().to_string()))?;

    let (host, name) = (host_id(&folders.of_agent())?, host_name());
    let enrolment = server.enrol_own_agent(&host, &name).await?;
    let identity = Arc::new(LiveIdentity::new(&enrolment.credential)?);
    let renewing = renew(&server, (&host, &name), identity.clone(), enrolment.credential.facts().not_after);
    let mut tls = client_config(Some(identity), root_store(&enrolment.trust)?)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let agent = klamm_agent::run(AgentOptions {
        host: host.clone(),
        name: name.clone(),
        address,
        folders: folders.of_agent(),
        // By address: a bare machine may not know what localhost is.
        server: format!("https://{}", SocketAddr::new(address, port)),
        tls,
        targets: enrolment.targets,
        supply: klamm_artifacts::Supply::new(Cache::open(&folders.cache)?),
        sources: folders.sources.clone(),
        java: JavaPolicy::MachineOrManaged,
    });
    tracing::info!(version = env!("CARGO_PKG_VERSION"), port, "the daemon runs");
    tokio::select! {
        served = serve_until_asked(&server, people, agents, Reach::Laptop(address)) => served?,
        kept = agent => kept?,
        () = renewing => {}
    }
    tracing::info!("the daemon ends; what it started runs on");
    Ok(())
}

/// Makes the agent's certificate anew when a third of its life is left.
async fn renew(
    server: &Server,
    (host, name): (&HostId, &str),
    identity: Arc<LiveIdentity>,
    mut not_after: jiff::Timestamp,
) {
    loop {
        tokio::time::sleep(LOOK_AT_CERTIFICATE).await;
        if not_after.duration_since(jiff::Timestamp::now()) > RENEW_WITH_LEFT {
            continue;
        }
        match server.enrol_own_agent(host, name).await {
            Ok(enrolment) => match identity.replace(&enrolment.credential) {
                Ok(()) => not_after = enrolment.credential.facts().not_after,
                Err(error) => tracing::error!(%error, "the agent's certificate cannot be used"),
            },
            Err(error) => tracing::error!(%error, "the agent's certificate was not renewed"),
        }
    }
}
