//! A handle on a cluster: knows its nodes, keeps a connection to each, sends a call to the node that must
//! get it, and asks again for as long as the caller allows when the answer says that this can help.

mod pool;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use thiserror::Error;
use tokio::time::sleep;

use crate::address::Address;
use crate::admin::{NodeDescription, TopicSelection};
use crate::codec::Call;
use crate::codec::calls::cluster::DescribeCluster;
use crate::codec::calls::metadata::Metadata;
use crate::connection::{ConnectOptions, Connection, RequestError};
use crate::deadline::Deadline;
use crate::refusal::Refusal;
use crate::transport::ConnectError;
use pool::Pool;

/// The first wait before a repeated attempt; each one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest wait between two attempts: about a leader election's time.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long one address may keep the next from being tried: several round trips across a continent.
const STAGGER: Duration = Duration::from_millis(300);

/// Which kind of listener the bootstrap addresses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// Brokers' listeners. Any broker forwards what only the active controller can do.
    Brokers,
    /// Controllers' listeners. Calls go to the active controller.
    Controllers,
}

/// Why an operation did not come to its end.
#[derive(Debug, Error)]
pub enum OperationError {
    /// No address was given to start from.
    #[error("no bootstrap address is known")]
    NoBootstrap,
    /// The cluster's metadata name no such node.
    #[error("node {node} is not in the cluster's metadata")]
    UnknownNode {
        /// The node id.
        node: i32,
    },
    /// Nobody is the active controller at the moment.
    #[error("no active controller is known")]
    NoController,
    /// A node could not be reached.
    #[error(transparent)]
    Connect(ConnectError),
    /// A node was asked, without a useful answer.
    #[error(transparent)]
    Request(RequestError),
    /// A partition's leader refused to write or read a batch.
    #[error("node {leader} refused the batch")]
    Batch {
        /// The leader.
        leader: i32,
        /// Its answer.
        source: Refusal,
    },
    /// Repeating did not help in the time allowed.
    #[error("{operation} did not succeed within {allowed:?}")]
    Deadline {
        /// What was asked: an API's name.
        operation: &'static str,
        /// The time allowed.
        allowed: Duration,
        /// The last attempt's failure, when one was made to its end.
        source: Option<Box<OperationError>>,
    },
}

impl OperationError {
    /// Whether the same operation may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::NoBootstrap => false,
            Self::UnknownNode { .. } | Self::NoController | Self::Deadline { .. } => true,
            Self::Connect(failure) => failure.is_retriable(),
            Self::Request(failure) => failure.is_retriable(),
            Self::Batch { source, .. } => source.is_retriable(),
        }
    }

    /// Kafka's answer at the root of this failure, when there was one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Request(failure) => failure.refusal(),
            Self::Batch { source, .. } => Some(source),
            Self::Deadline { source, .. } => source.as_deref()?.refusal(),
            Self::Connect(ConnectError::Negotiate { source, .. }) => source.refusal(),
            Self::NoBootstrap | Self::UnknownNode { .. } | Self::NoController | Self::Connect(_) => None,
        }
    }
}

/// Who must get a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Any,
    Controller,
    Node(i32),
}

/// A handle on one cluster through one kind of listener. Cheap to clone; nothing is opened before the
/// first operation. Every operation is safe to drop half-way.
#[derive(Debug, Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bootstrap: Vec<Address>,
    endpoint: Endpoint,
    pool: Pool,
    known: Mutex<Option<Known>>,
}

/// What the cluster said about itself last.
#[derive(Debug, Clone)]
struct Known {
    nodes: BTreeMap<i32, Address>,
    controller: Option<i32>,
}

impl Cluster {
    /// A handle that starts from `bootstrap`, all of one kind.
    pub fn new(bootstrap: Vec<Address>, endpoint: Endpoint, options: ConnectOptions) -> Self {
        let pool = Pool::new(options);
        Self { shared: Arc::new(Shared { bootstrap, endpoint, pool, known: Mutex::new(None) }) }
    }

    /// The kind of listener it speaks to.
    pub fn endpoint(&self) -> Endpoint {
        self.shared.endpoint
    }

    /// Another handle with connections of its own: a request that waits at the broker, such as a fetch,
    /// holds up everything behind it on the same connection.
    pub(crate) fn with_own_connections(&self) -> Self {
        let known = self.known().clone();
        Self {
            shared: Arc::new(Shared {
                bootstrap: self.shared.bootstrap.clone(),
                endpoint: self.shared.endpoint,
                pool: Pool::new(self.shared.pool.options().clone()),
                known: Mutex::new(known),
            }),
        }
    }

    /// Sends `call` along `route`; repeats it while that can help and `deadline` allows.
    pub(crate) async fn run<C: Call>(
        &self,
        route: Route,
        call: &C,
        deadline: Deadline,
    ) -> Result<C::Reply, OperationError> {
        let mut pause = FIRST_PAUSE;
        let mut last = None;
        loop {
            let attempt = tokio::time::timeout(deadline.left(), self.attempt(route, call, deadline)).await;
            let failure = match attempt {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(failure)) => failure,
                Err(_) => return Err(out_of_time::<C>(deadline, last)),
            };
            let may_have_happened = match &failure {
                OperationError::Request(failure) => failure.may_have_happened(),
                OperationError::NoBootstrap
                | OperationError::UnknownNode { .. }
                | OperationError::NoController
                | OperationError::Connect(_)
                | OperationError::Batch { .. }
                | OperationError::Deadline { .. } => false,
            };
            if !failure.is_retriable() || (may_have_happened && !C::REPEATABLE) {
                return Err(failure);
            }
            tracing::debug!(api = C::NAME, error = %failure, "attempt failed, asking again");
            self.learn_from(&failure);
            if deadline.left() <= pause {
                // An attempt that the deadline itself cut short says less than the one before it.
                let telling = last.filter(|_| deadline.has_passed()).unwrap_or(failure);
                return Err(out_of_time::<C>(deadline, Some(telling)));
            }
            last = Some(failure);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Sends `call` once; the caller decides what a failure means.
    pub(crate) async fn once<C: Call>(
        &self,
        route: Route,
        call: &C,
        deadline: Deadline,
    ) -> Result<C::Reply, OperationError> {
        tokio::time::timeout(deadline.left(), self.attempt(route, call, deadline))
            .await
            .unwrap_or_else(|_| Err(out_of_time::<C>(deadline, None)))
            .inspect_err(|failure| self.learn_from(failure))
    }

    async fn attempt<C: Call>(
        &self,
        route: Route,
        call: &C,
        deadline: Deadline,
    ) -> Result<C::Reply, OperationError> {
        let connection = self.connect(route, deadline).await?;
        connection.call(call, deadline.left()).await.map_err(OperationError::Request)
    }

    /// A connection to whom `route` means.
    async fn connect(&self, route: Route, deadline: Deadline) -> Result<Connection, OperationError> {
        let route = match (route, self.shared.endpoint) {
            // Brokers forward to the active controller and name a broker in its place.
            (Route::Controller, Endpoint::Brokers) => Route::Any,
            // A controller answers for any node, also for one that is down.
            (Route::Node(_), Endpoint::Controllers) => Route::Controller,
            (route, Endpoint::Brokers | Endpoint::Controllers) => route,
        };
        match route {
            Route::Any => self.connect_any().await,
            Route::Controller => {
                let known = self.ensure_known(deadline).await?;
                let controller = known.controller.ok_or(OperationError::NoController)?;
                self.connect_node(&known, controller).await
            }
            Route::Node(id) => {
                let known = self.ensure_known(deadline).await?;
                self.connect_node(&known, id).await
            }
        }
    }

    async fn connect_node(&self, known: &Known, id: i32) -> Result<Connection, OperationError> {
        let Some(address) = known.nodes.get(&id) else {
            self.forget();
            return Err(OperationError::UnknownNode { node: id });
        };
        self.shared.pool.get(address).await.map_err(OperationError::Connect)
    }

    /// An open connection if there is one, else the first bootstrap address or known node that answers. A
    /// host that swallows packets holds the next one up for a moment only.
    async fn connect_any(&self) -> Result<Connection, OperationError> {
        let mut candidates = self.shared.bootstrap.clone();
        let known: Vec<Address> =
            self.known().iter().flat_map(|known| known.nodes.values().cloned()).collect();
        candidates.extend(known.into_iter().filter(|address| !self.shared.bootstrap.contains(address)));
        if let Some(open) = self.shared.pool.any_open(&candidates) {
            return Ok(open);
        }
        let mut waiting = candidates.into_iter();
        let mut attempts = FuturesUnordered::new();
        let mut failed: Option<ConnectError> = None;
        loop {
            match waiting.next() {
                Some(address) => attempts.push(async move { self.shared.pool.get(&address).await }),
                None if attempts.is_empty() => {
                    return Err(failed.map_or(OperationError::NoBootstrap, OperationError::Connect));
                }
                None => {}
            }
            let more = waiting.len() > 0;
            let outcome = tokio::select! {
                outcome = attempts.next() => outcome,
                () = sleep(STAGGER), if more => None,
            };
            match outcome {
                Some(Ok(connection)) => return Ok(connection),
                Some(Err(failure)) => {
                    tracing::debug!(error = %failure, "no connection, trying the next address");
                    // While one of them may still come up, asking again is worth it.
                    if failed.as_ref().is_none_or(|failed| !failed.is_retriable()) {
                        failed = Some(failure);
                    }
                }
                None => {}
            }
        }
    }

    async fn ensure_known(&self, deadline: Deadline) -> Result<Known, OperationError> {
        if let Some(known) = self.known().clone() {
            return Ok(known);
        }
        let connection = self.connect_any().await?;
        let patience = deadline.left();
        let (nodes, controller) = match self.shared.endpoint {
            Endpoint::Brokers => {
                let call = Metadata { topics: TopicSelection::Named(Vec::new()) };
                let reply = connection.call(&call, patience).await.map_err(OperationError::Request)?;
                (reply.nodes, reply.controller)
            }
            Endpoint::Controllers => {
                let call = DescribeCluster { endpoint: Endpoint::Controllers };
                let reply = connection.call(&call, patience).await.map_err(OperationError::Request)?;
                (reply.nodes, reply.controller)
            }
        };
        Ok(self.remember(&nodes, controller))
    }

    /// Keeps what a call has just told about nodes.
    fn remember(&self, nodes: &[NodeDescription], controller: Option<i32>) -> Known {
        let nodes: BTreeMap<i32, Address> =
            nodes.iter().map(|node| (node.id, node.address.clone())).collect();
        self.shared.pool.keep_only(nodes.values().chain(&self.shared.bootstrap));
        let known = Known { nodes, controller };
        *self.known() = Some(known.clone());
        known
    }

    /// Has nodes and controller looked up again before the next call that needs them.
    fn forget(&self) {
        *self.known() = None;
    }

    fn learn_from(&self, failure: &OperationError) {
        let stale = match failure {
            OperationError::Request(failure) => {
                failure.refusal().is_none_or(|refusal| refusal.code.means_stale_metadata())
            }
            OperationError::Connect(_)
            | OperationError::UnknownNode { .. }
            | OperationError::NoController => true,
            OperationError::NoBootstrap | OperationError::Batch { .. } | OperationError::Deadline { .. } => {
                false
            }
        };
        if stale {
            self.forget();
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn out_of_time<C: Call>(deadline: Deadline, last: Option<OperationError>) -> OperationError {
    OperationError::Deadline { operation: C::NAME, allowed: deadline.allowed(), source: last.map(Box::new) }
}
