//! What the enrolled hosts said last, and the way to say something to them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use klamm_core::api::LogWanted;
use klamm_core::model::inventory::{HostReport, Observed};
use klamm_core::model::{ClusterId, HostId};

/// Text of a log on its way to a reader.
pub(crate) type LogSender = mpsc::Sender<Bytes>;

#[derive(Debug, Default)]
struct Inner {
    reports: BTreeMap<HostId, Observed<HostReport>>,
    streams: BTreeMap<HostId, mpsc::UnboundedSender<LogWanted>>,
    /// Logs that are waited for, and of which host.
    logs: BTreeMap<u64, (HostId, LogSender)>,
    next_log: u64,
}

/// All hosts.
#[derive(Debug)]
pub(crate) struct Hosts {
    inner: Mutex<Inner>,
    /// Rises with each report.
    reported: watch::Sender<u64>,
    /// Rises with each target that became current and each cluster that was forgotten.
    published: watch::Sender<u64>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self { inner: Mutex::default(), reported: watch::Sender::new(0), published: watch::Sender::new(0) }
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

    /// The reports, once there is any: right after a start the agents have not spoken yet, and silence is not
    /// absence. Empty when nobody speaks for `patience`.
    pub(crate) async fn first_reports(&self, patience: Duration) -> BTreeMap<HostId, Observed<HostReport>> {
        let mut reported = self.reported();
        let waiting = async { while self.lock().reports.is_empty() && reported.changed().await.is_ok() {} };
        // Whether it came or not shows in the reports.
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
        receiver
    }

    /// Asks a host for a log; the text comes out of the receiver. None where the host has no open stream.
    pub(crate) fn ask_for_log(
        &self,
        host: &HostId,
        wanted: impl FnOnce(u64) -> LogWanted,
    ) -> Option<mpsc::Receiver<Bytes>> {
        let (sender, receiver) = mpsc::channel(16);
        let mut inner = self.lock();
        inner.next_log += 1;
        let id = inner.next_log;
        inner.logs.insert(id, (host.clone(), sender));
        let asked = inner.streams.get(host).is_some_and(|stream| stream.send(wanted(id)).is_ok());
        if !asked {
            inner.logs.remove(&id);
        }
        asked.then_some(receiver)
    }

    /// An agent answers: where its text goes. None where nobody waits for it any more, or not for this host's.
    pub(crate) fn answer_log(&self, host: &HostId, id: u64) -> Option<LogSender> {
        let mut inner = self.lock();
        let asked = inner.logs.get(&id).is_some_and(|(asked, _)| asked == host);
        if asked { inner.logs.remove(&id).map(|(_, sender)| sender) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_is_answered_once_and_only_by_the_host_that_was_asked() {
        let hosts = Hosts::default();
        let [asked, other]: [HostId; 2] = ["h1", "h2"].map(|host| host.parse().unwrap());
        let _streams = (hosts.open_stream(asked.clone()), hosts.open_stream(other.clone()));
        let wanted = |id| LogWanted {
            id,
            cluster: ClusterId::from_random([1; 16]),
            slot: "brokers-0".parse().unwrap(),
            lines: 1,
            follow: false,
        };
        let _reader = hosts.ask_for_log(&asked, wanted).unwrap();
        assert!(hosts.answer_log(&other, 1).is_none());
        assert!(hosts.answer_log(&asked, 1).is_some());
        assert!(hosts.answer_log(&asked, 1).is_none());
    }
}
