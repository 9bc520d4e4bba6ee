//! What the enrolled hosts said last, and the way to say something to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use klamm_core::api::LogWanted;
use klamm_core::model::inventory::{HostReport, Observed, Stage};
use klamm_core::model::{ClusterId, HostId};

/// Text of a log on its way to a reader.
pub(crate) type LogSender = mpsc::Sender<Bytes>;

/// A log that a person waits for.
#[derive(Debug)]
struct PendingLog {
    text: LogSender,
    /// Says that the agent begins to send.
    begun: oneshot::Sender<()>,
}

/// Why a log does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoLog {
    /// The host's agent has no open stream.
    Away,
    /// It has one, and does not send.
    Silent,
}

#[derive(Debug, Default)]
struct Inner {
    reports: BTreeMap<HostId, Observed<HostReport>>,
    streams: BTreeMap<HostId, mpsc::UnboundedSender<LogWanted>>,
    /// Logs that are waited for, and of which host.
    logs: BTreeMap<u64, (HostId, PendingLog)>,
    next_log: u64,
}

/// All hosts.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// When the server started.
    started: Instant,
    inner: Mutex<Inner>,
    /// Rises with each report.
    reported: watch::Sender<u64>,
    /// Rises with each target that became current and each cluster that was forgotten.
    published: watch::Sender<u64>,
    /// Rises with each message stream that an agent opens.
    opened: watch::Sender<u64>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            inner: Mutex::default(),
            reported: watch::Sender::new(0),
            published: watch::Sender::new(0),
            opened: watch::Sender::new(0),
        }
    }
}

impl Hosts {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of the lock panics")
    }

    /// Takes a report.
    pub(crate) fn take_report(&self, host: HostId, report: HostReport) {
        self.lock().reports.insert(host, Observed { at: Timestamp::now(), value: report });
        self.reported.send_modify(|count| *count += 1);
    }

    /// The last report of each.
    pub(crate) fn reports(&self) -> BTreeMap<HostId, Observed<HostReport>> {
        self.lock().reports.clone()
    }

    /// The reports, once all of `expected` have spoken: right after a start they have not yet, and silence is not
    /// absence. After `patience` since the start of the server those that are there.
    pub(crate) async fn first_reports(
        &self,
        expected: &BTreeSet<HostId>,
        patience: Duration,
    ) -> BTreeMap<HostId, Observed<HostReport>> {
        let mut reported = self.reported();
        let all = || expected.iter().all(|host| self.lock().reports.contains_key(host));
        let waiting = async { while !all() && reported.changed().await.is_ok() {} };
        // Whether they came or not shows in the reports.
        drop(tokio::time::timeout_at(self.started + patience, waiting).await);
        self.reports()
    }

    /// The reports, once every slot that a host keeps of a cluster was looked at; right after a start an agent speaks before
    /// it has. As they are after `patience`.
    pub(crate) async fn first_looks(
        &self,
        cluster: ClusterId,
        patience: Duration,
    ) -> BTreeMap<HostId, Observed<HostReport>> {
        let mut reported = self.reported();
        let was_looked_at = |report: &Observed<HostReport>| {
            let slots = report.value.clusters.get(&cluster).map(|cluster| &cluster.slots);
            slots.is_none_or(|slots| slots.values().all(|slot| slot.stage != Stage::Waiting))
        };
        let are_there = |hosts: &Self| {
            let inner = hosts.lock();
            !inner.reports.is_empty() && inner.reports.values().all(was_looked_at)
        };
        let waiting = async { while !are_there(self) && reported.changed().await.is_ok() {} };
        drop(tokio::time::timeout(patience, waiting).await);
        self.reports()
    }

    /// Waits until no host reports a cluster that is not `known`, at most for `patience`.
    pub(crate) async fn forgotten_all_but(&self, known: &[ClusterId], patience: Duration) {
        let mut reported = self.reported();
        let is_known =
            |report: &Observed<HostReport>| report.value.clusters.keys().all(|id| known.contains(id));
        let waiting = async {
            while !self.lock().reports.values().all(is_known) && reported.changed().await.is_ok() {}
        };
        if tokio::time::timeout(patience, waiting).await.is_err() {
            tracing::warn!("a host still keeps a destroyed cluster");
        }
    }

    /// Wakes whoever waits for reports.
    pub(crate) fn reported(&self) -> watch::Receiver<u64> {
        self.reported.subscribe()
    }

    /// Wakes the message streams: a target is new, or a cluster is no more.
    pub(crate) fn announce_targets(&self) {
        self.published.send_modify(|count| *count += 1);
    }

    /// Wakes with each new target.
    pub(crate) fn published(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    /// An agent's message stream was opened; it replaces an older one.
    pub(crate) fn open_stream(&self, host: HostId) -> mpsc::UnboundedReceiver<LogWanted> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.lock().streams.insert(host, sender);
        self.opened.send_modify(|count| *count += 1);
        receiver
    }

    /// Asks a host for a log; the text comes out of the receiver. The agent may need `patience` to dial, right after a
    /// start of the server, and as long again to begin.
    pub(crate) async fn ask_for_log(
        &self,
        host: &HostId,
        wanted: impl Fn(u64) -> LogWanted,
        patience: Duration,
    ) -> Result<mpsc::Receiver<Bytes>, NoLog> {
        let mut opened = self.opened.subscribe();
        let asking = async {
            loop {
                if let Some(asked) = self.try_ask_for_log(host, &wanted) {
                    return Some(asked);
                }
                opened.changed().await.ok()?;
            }
        };
        let asked = tokio::time::timeout(patience, asking).await;
        let Ok(Some((id, text, begun))) = asked else { return Err(NoLog::Away) };
        if let Ok(Ok(())) = tokio::time::timeout(patience, begun).await {
            return Ok(text);
        }
        self.lock().logs.remove(&id);
        Err(NoLog::Silent)
    }

    /// None where the host has no open stream.
    fn try_ask_for_log(
        &self,
        host: &HostId,
        wanted: impl Fn(u64) -> LogWanted,
    ) -> Option<(u64, mpsc::Receiver<Bytes>, oneshot::Receiver<()>)> {
        let ((text, receiver), (begun, beginning)) = (mpsc::channel(16), oneshot::channel());
        let mut inner = self.lock();
        inner.next_log += 1;
        let id = inner.next_log;
        let stream = inner.streams.get(host)?;
        stream.send(wanted(id)).ok()?;
        inner.logs.insert(id, (host.clone(), PendingLog { text, begun }));
        Some((id, receiver, beginning))
    }

    /// An agent answers: where its text goes. None where nobody waits for it any more, or not for this host's.
    pub(crate) fn answer_log(&self, host: &HostId, id: u64) -> Option<LogSender> {
        let mut inner = self.lock();
        inner.logs.get(&id).filter(|(asked, _)| asked == host)?;
        let (_, PendingLog { text, begun }) = inner.logs.remove(&id)?;
        begun.send(()).ok()?;
        Some(text)
    }
}

#[cfg(test)]
mod tests;
