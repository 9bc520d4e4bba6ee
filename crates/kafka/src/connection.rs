//! One connection to one listener: framed requests, pipelined, answered in order.
//!
//! Two tasks own the socket, one per direction, so that a caller may stop waiting at any point without
//! leaving half a frame behind. Kafka answers a connection's requests in the order in which they came.

mod frame;

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::address::Address;
use crate::codec::calls::versions::{ApiVersions, Spoken};
use crate::codec::{self, Call, CodecError, Ranges};
use crate::refusal::{ErrorCode, Refusal};
use crate::transport::{ConnectError, Duplex, Transport, dial, is_tls_refusal};

pub use frame::FrameError;

/// Requests that may wait for the socket before callers have to.
const QUEUE: usize = 64;

/// How to connect and how long to wait.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Plain or TLS.
    pub transport: Transport,
    /// For name resolution, TCP and TLS together. Ten seconds by default.
    pub connect_timeout: Duration,
    /// For one request's answer. Thirty seconds by default, as in Kafka's Java clients.
    pub request_timeout: Duration,
    /// An answer that claims more bytes is refused before anything is reserved for it. 100 MiB by
    /// default, Kafka's own bound on requests (`socket.request.max.bytes`).
    pub max_frame: usize,
}

impl ConnectOptions {
    /// The defaults over `transport`.
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_frame: 100 << 20,
        }
    }
}

/// Why a request was not answered usefully.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The listener and this library share no usable version of the API.
    #[error("{address} does not serve {api} in a version between {oldest} and {newest}")]
    Unsupported {
        /// The API's name.
        api: &'static str,
        /// The listener.
        address: Address,
        /// The oldest version this library speaks.
        oldest: i16,
        /// The newest version this library speaks.
        newest: i16,
    },
    /// The request could not be written down.
    #[error("{api} for {address} could not be encoded")]
    Encode {
        /// The API's name.
        api: &'static str,
        /// The listener.
        address: Address,
        /// What the codec said.
        source: CodecError,
    },
    /// The answer is not what the protocol says.
    #[error("the answer of {address} to {api} could not be decoded")]
    Decode {
        /// The API's name.
        api: &'static str,
        /// The listener.
        address: Address,
        /// What the codec said.
        source: CodecError,
    },
    /// No answer in time. The connection is given up, as later answers would wait behind this one.
    #[error("{address} did not answer {api} within {after:?}")]
    TimedOut {
        /// The API's name.
        api: &'static str,
        /// The listener.
        address: Address,
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke before the answer came.
    #[error("the connection to {address} was lost before {api} was answered")]
    Lost {
        /// The API's name.
        api: &'static str,
        /// The listener.
        address: Address,
        /// What broke it, when that is known.
        source: Option<Arc<FrameError>>,
    },
    /// Kafka answered that it did not do it.
    #[error("{address} refused {api}")]
    Refused {
        /// The API's name.
        api: &'static str,
        /// The listener.
        address: Address,
        /// Its answer.
        source: Refusal,
    },
}

impl RequestError {
    /// Whether the same request may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Unsupported { .. } | Self::Encode { .. } | Self::Decode { .. } => false,
            Self::TimedOut { .. } => true,
            Self::Lost { source, .. } => source.as_deref().is_none_or(FrameError::is_retriable),
            Self::Refused { source, .. } => source.is_retriable(),
        }
    }

    /// Whether Kafka may have acted on the request although no answer came.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Lost { .. } | Self::Decode { .. } => true,
            Self::Unsupported { .. } | Self::Encode { .. } | Self::Refused { .. } => false,
        }
    }

    /// Kafka's answer, when there was one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { source, .. } => Some(source),
            Self::Unsupported { .. }
            | Self::Encode { .. }
            | Self::Decode { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. } => None,
        }
    }
}

/// An open connection that has agreed on versions. Cheap to clone; closed when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: Address,
    ranges: Ranges,
    request_timeout: Duration,
    link: Link,
}

/// The two tasks and the way to them.
#[derive(Debug)]
struct Link {
    requests: mpsc::Sender<Outgoing>,
    next_correlation: AtomicI32,
    broken: Arc<OnceLock<Arc<FrameError>>>,
    tasks: [AbortHandle; 2],
}

struct Outgoing {
    frame: Bytes,
    expected: Expected,
}

struct Expected {
    correlation: i32,
    answer: oneshot::Sender<Bytes>,
}

impl Drop for Link {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Connection {
    /// Connects, shakes hands, and agrees on versions; the listener has then accepted our certificate.
    pub async fn open(address: &Address, options: &ConnectOptions) -> Result<Self, ConnectError> {
        let stream = dial(address, &options.transport, options.connect_timeout).await?;
        let link = Link::start(stream, options.max_frame);
        let ranges = negotiate(&link, address, options.request_timeout).await.map_err(|source| {
            ConnectError::Negotiate { address: address.clone(), source: Box::new(source) }
        })?;
        Ok(Self {
            shared: Arc::new(Shared {
                address: address.clone(),
                ranges,
                request_timeout: options.request_timeout,
                link,
            }),
        })
    }

    /// The listener this leads to.
    pub fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Whether it still stands, as far as is known.
    pub fn is_open(&self) -> bool {
        self.shared.link.is_open()
    }

    /// The versions of the API with this number that the listener announced, oldest and newest.
    pub fn versions_of(&self, api: i16) -> Option<(i16, i16)> {
        self.shared.ranges.get(&api).copied()
    }

    /// Sends one request and waits for its answer, no longer than `patience` and the request time-out.
    pub(crate) async fn call<C: Call>(&self, call: &C, patience: Duration) -> Result<C::Reply, RequestError> {
        let (api, oldest, newest) = codec::own_versions::<C>();
        let version = self
            .versions_of(api)
            .map(|(theirs_oldest, theirs_newest)| (theirs_oldest.max(oldest), theirs_newest.min(newest)))
            .filter(|(oldest, newest)| oldest <= newest)
            .map(|(_, newest)| newest)
            .ok_or_else(|| RequestError::Unsupported {
                api: C::NAME,
                address: self.address().clone(),
                oldest,
                newest,
            })?;
        let patience = patience.min(self.shared.request_timeout);
        let frame = self.shared.link.exchange(self.address(), call, version, patience).await?;
        read_answer::<C>(self.address(), frame, version)
    }
}

fn read_answer<C: Call>(address: &Address, frame: Bytes, version: i16) -> Result<C::Reply, RequestError> {
    codec::decode::<C>(frame, version)
        .map_err(|source| RequestError::Decode { api: C::NAME, address: address.clone(), source })?
        .map_err(|source| RequestError::Refused { api: C::NAME, address: address.clone(), source })
}

/// Asks in our newest version; a listener that does not know it answers in the oldest layout with the
/// versions that it does know, and is asked again.
async fn negotiate(link: &Link, address: &Address, patience: Duration) -> Result<Ranges, RequestError> {
    let (api, oldest, newest) = codec::own_versions::<ApiVersions>();
    let frame = link.exchange(address, &ApiVersions, newest, patience).await?;
    let Some(theirs) = codec::unsupported_api_versions(&frame) else {
        return read_answer::<ApiVersions>(address, frame, newest).map(|Spoken { ranges, .. }| ranges);
    };
    let version = theirs
        .get(&api)
        .map(|(_, theirs_newest)| newest.min(*theirs_newest))
        .filter(|version| oldest <= *version && *version < newest)
        .ok_or_else(|| RequestError::Unsupported {
            api: ApiVersions::NAME,
            address: address.clone(),
            oldest,
            newest,
        })?;
    let frame = link.exchange(address, &ApiVersions, version, patience).await?;
    if codec::unsupported_api_versions(&frame).is_some() {
        let source = Refusal::new(ErrorCode::UNSUPPORTED_VERSION);
        return Err(RequestError::Refused { api: ApiVersions::NAME, address: address.clone(), source });
    }
    read_answer::<ApiVersions>(address, frame, version).map(|Spoken { ranges, .. }| ranges)
}

impl Link {
    fn start(stream: Box<dyn Duplex>, max_frame: usize) -> Self {
        let (reading, writing) = tokio::io::split(stream);
        let (requests, queue) = mpsc::channel(QUEUE);
        let (in_flight, expected) = mpsc::unbounded_channel();
        let broken = Arc::new(OnceLock::new());
        let writer = tokio::spawn(write_requests(writing, queue, in_flight, Arc::clone(&broken)));
        let reader = tokio::spawn(read_answers(reading, expected, max_frame, Arc::clone(&broken)));
        Self {
            requests,
            next_correlation: AtomicI32::new(0),
            broken,
            tasks: [writer.abort_handle(), reader.abort_handle()],
        }
    }

    fn is_open(&self) -> bool {
        self.broken.get().is_none() && !self.requests.is_closed()
    }

    async fn exchange<C: Call>(
        &self,
        address: &Address,
        call: &C,
        version: i16,
        patience: Duration,
    ) -> Result<Bytes, RequestError> {
        let lost = || RequestError::Lost {
            api: C::NAME,
            address: address.clone(),
            source: self.broken.get().cloned(),
        };
        let correlation = self.next_correlation.fetch_add(1, Ordering::Relaxed);
        let frame = codec::encode(call, version, correlation).map_err(|source| RequestError::Encode {
            api: C::NAME,
            address: address.clone(),
            source,
        })?;
        let (answer, answered) = oneshot::channel();
        let request = Outgoing { frame, expected: Expected { correlation, answer } };
        let exchange = async {
            self.requests.send(request).await.map_err(|_| lost())?;
            answered.await.map_err(|_| lost())
        };
        match timeout(patience, exchange).await {
            Ok(result) => result,
            Err(_) => {
                // An answer that comes after all would stand before those of later requests.
                self.broken.get_or_init(|| Arc::new(FrameError::GivenUp));
                for task in &self.tasks {
                    task.abort();
                }
                Err(RequestError::TimedOut { api: C::NAME, address: address.clone(), after: patience })
            }
        }
    }
}

async fn write_requests(
    mut socket: WriteHalf<Box<dyn Duplex>>,
    mut queue: mpsc::Receiver<Outgoing>,
    in_flight: mpsc::UnboundedSender<Expected>,
    broken: Arc<OnceLock<Arc<FrameError>>>,
) {
    while let Some(Outgoing { frame, expected }) = queue.recv().await {
        // The reader has to expect an answer before the request can be answered.
        if in_flight.send(expected).is_err() {
            break;
        }
        let written = async {
            socket.write_all(&frame).await?;
            socket.flush().await
        };
        if let Err(source) = written.await {
            if is_tls_refusal(&source) {
                broken.get_or_init(|| Arc::new(FrameError::Broken { source }));
            }
            // Otherwise the reader finds the better reason, such as the alert that came before the reset.
            break;
        }
    }
}

async fn read_answers(
    mut socket: ReadHalf<Box<dyn Duplex>>,
    mut expected: mpsc::UnboundedReceiver<Expected>,
    max_frame: usize,
    broken: Arc<OnceLock<Arc<FrameError>>>,
) {
    let failure = loop {
        let frame = match frame::read(&mut socket, max_frame).await {
            Ok(frame) => frame,
            Err(failure) => break failure,
        };
        let Ok(Expected { correlation, answer }) = expected.try_recv() else {
            break FrameError::Unexpected;
        };
        let found = codec::correlation_id(&frame);
        if found != Some(correlation) {
            break FrameError::Correlation { expected: correlation, found };
        }
        // Nobody waits any more when the caller stopped waiting: the answer is still consumed in its turn.
        drop(answer.send(frame));
    };
    // Before the waiting callers are let go, so that they find the reason.
    broken.get_or_init(|| Arc::new(failure));
}
