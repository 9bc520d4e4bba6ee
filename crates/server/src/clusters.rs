//! What the server keeps in memory of each cluster: its authorities, its link to Kafka, its last look, its run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, watch};

use klamm_core::api::{RunState, RunView};
use klamm_core::machines::executor::Executor;
use klamm_core::machines::permits::PermitDesk;
use klamm_core::model::inventory::{KafkaView, Observed};
use klamm_core::model::target::Target;
use klamm_core::model::{ClusterId, ClusterName};

use crate::certify::{self, Issuance, OwnCredential};
use crate::error::ServerError;
use crate::kafka_link::{KafkaLink, bootstrap_of};
use crate::keys::{ClusterAuthorities, Keys};
use crate::store::StoreHandle;

/// The server's own certificate in a cluster: short, because it is made anew without anybody noticing.
const OWN_LIFE: Duration = Duration::from_secs(24 * 3600);

/// An order to end a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Abort {
    /// Which.
    pub run: u64,
    /// Who asks.
    pub by: String,
}

/// What is kept of one cluster.
#[derive(Debug)]
pub(crate) struct ClusterState {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// Its authorities.
    pub authorities: ClusterAuthorities,
    /// Its run, as a person sees it; none before the first.
    pub run: watch::Sender<Option<RunView>>,
    /// Held by whoever runs a plan: one at a time.
    pub acting: Arc<Mutex<()>>,
    /// The last order to end a run.
    pub abort: watch::Sender<Option<Abort>>,
    /// Where agents ask whether they may stop a node.
    pub(crate) permits: Mutex<PermitDesk>,
    link: Mutex<Option<KafkaLink>>,
    view: watch::Sender<Option<Observed<KafkaView>>>,
}

impl ClusterState {
    /// Shows people where a run is.
    pub(crate) fn show(&self, executor: &Executor) {
        let now = Some(executor.view());
        self.run.send_if_modified(|view| std::mem::replace(view, now.clone()) != now);
    }

    /// The last look, however old.
    pub(crate) fn last_look(&self) -> Option<Observed<KafkaView>> {
        self.view.borrow().clone()
    }

    /// Looks now; a look that fails is remembered as not having seen anything.
    pub(crate) async fn look(&self, store: &StoreHandle, target: &Target) -> Option<Observed<KafkaView>> {
        let seen = match self.link(store, target).await {
            Ok(link) => link.look().await.map_err(ServerError::from),
            Err(error) => Err(error),
        };
        let seen = match seen {
            Ok(seen) => Some(seen),
            Err(error) => {
                tracing::debug!(cluster = %self.name, error = crate::error::chain(&error), "no look at Kafka");
                None
            }
        };
        self.view.send_replace(seen.clone());
        seen
    }

    /// Looks now, also at the settings of each broker.
    pub(crate) async fn look_closely(
        &self,
        store: &StoreHandle,
        target: &Target,
    ) -> Option<Observed<KafkaView>> {
        let mut seen = self.look(store, target).await?;
        let link = self.link(store, target).await.ok()?;
        seen.value.broker_config = link.look_at_brokers(seen.value.brokers.iter().copied()).await;
        Some(seen)
    }

    /// The link to Kafka, made anew when listeners or the certificate ask for it.
    pub(crate) async fn link(&self, store: &StoreHandle, target: &Target) -> Result<KafkaLink, ServerError> {
        let bootstrap = bootstrap_of(target);
        let mut kept = self.link.lock().await;
        if let Some(link) = kept.as_ref()
            && link.bootstrap == bootstrap
            && !link.own.is_due(Timestamp::now())
        {
            return Ok(link.clone());
        }
        let issuance = Issuance {
            profile: certify::cluster_server_profile(&self.name)?,
            lifetime: OWN_LIFE,
            cluster: Some(self.id),
            purpose: "the server's link to Kafka".to_owned(),
        };
        let credential = certify::issue_own(store, &self.authorities.nodes, issuance).await?;
        let own = OwnCredential { credential: Arc::new(credential) };
        let link = KafkaLink::new(bootstrap, own, self.authorities.nodes.certificate_pem())?;
        *kept = Some(link.clone());
        Ok(link)
    }
}

/// All clusters of a server.
#[derive(Debug)]
pub(crate) struct Clusters {
    keys: Keys,
    known: Mutex<BTreeMap<ClusterId, Arc<ClusterState>>>,
}

impl Clusters {
    /// Over a folder of keys.
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys, known: Mutex::default() }
    }

    /// A cluster's state; authorities are made at the first call.
    pub(crate) async fn state(
        &self,
        id: ClusterId,
        name: &ClusterName,
    ) -> Result<Arc<ClusterState>, ServerError> {
        let mut known = self.known.lock().await;
        if let Some(state) = known.get(&id) {
            return Ok(state.clone());
        }
        let authorities = self.keys.cluster(id, name, &mut rand::rng())?;
        let state = Arc::new(ClusterState {
            id,
            name: name.clone(),
            authorities,
            run: watch::Sender::new(None),
            acting: Arc::default(),
            abort: watch::Sender::new(None),
            permits: Mutex::default(),
            link: Mutex::default(),
            view: watch::Sender::new(None),
        });
        known.insert(id, state.clone());
        Ok(state)
    }

    /// Whether a run goes on in any cluster.
    pub(crate) async fn is_any_running(&self) -> bool {
        let known = self.known.lock().await;
        known
            .values()
            .any(|state| state.run.borrow().as_ref().is_some_and(|run| run.state == RunState::Running))
    }

    /// Forgets a destroyed cluster, its authorities included.
    pub(crate) async fn forget(&self, id: ClusterId) -> Result<(), ServerError> {
        self.known.lock().await.remove(&id);
        Ok(self.keys.forget(id)?)
    }
}
