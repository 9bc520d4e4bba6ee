//! The loop that owns an agent's state: targets in, slots kept, reports out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc, watch};

use klamm_artifacts::JavaPolicy;
use klamm_core::api::{LogWanted, ReportAnswer, ServerMessage};
use klamm_core::machines::admission::Terms;
use klamm_core::machines::agent::{TakeUp, may_forget, take_up};
use klamm_core::machines::slot::SlotKey;
use klamm_core::model::inventory::{ClusterReport, HostReport, SlotReport, Stage};
use klamm_core::model::target::{HostSlice, ProcessTarget, RunState, SlotTarget};
use klamm_core::model::{ClusterId, HostId, SlotName};
use klamm_core::signature::VerifyingKey;
use klamm_disk::RealDisk;
use klamm_ledger::{Folders, Ledger, Opened};
use klamm_supervise::Supervisor;

use crate::error::{AgentError, chain};
use crate::link::Link;
use crate::provide::{Provided, Provider};
use crate::slot::{self, Shared};
use crate::warm::{Training, Warm};
use crate::{host, logs};

/// A report is sent at least this often, so that its age is never mistaken for silence.
const REPORT_EVERY: Duration = Duration::from_secs(2);
/// Changes that come together are told together.
const REPORT_GATHERS: Duration = Duration::from_millis(20);
/// The pause before a broken link is dialled again.
const DIAL_AGAIN: Duration = Duration::from_millis(500);

/// What an agent is told when it starts.
pub struct AgentOptions {
    /// Who it is.
    pub host: HostId,
    /// The host's name, for people and for `hosts` in specs.
    pub name: String,
    /// What the listeners of this host bind; the same at every start.
    pub address: IpAddr,
    /// Where it keeps things.
    pub folders: Folders,
    /// `https://HOST:PORT` of its server.
    pub server: String,
    /// Its identity, and whom it trusts as a server.
    pub tls: rustls::ClientConfig,
    /// What targets are verified with.
    pub targets: VerifyingKey,
    /// Where executables are kept, and how hard to try to get them.
    pub supply: klamm_artifacts::Supply,
    /// Where downloads come from; read before each one.
    pub sources: klamm_artifacts::SourceFiles,
    /// Which Java may be used.
    pub java: JavaPolicy,
}

struct SlotHandle {
    target: watch::Sender<SlotTarget>,
    report: watch::Receiver<SlotReport>,
    task: tokio::task::JoinHandle<()>,
}

type Slots = BTreeMap<(ClusterId, SlotName), SlotHandle>;

/// Runs the agent until its future is dropped. Processes run on.
pub async fn run(options: AgentOptions) -> Result<(), AgentError> {
    let AgentOptions { host, name, address, folders, server, tls, targets, supply, sources, java } = options;
    let terms = Terms { key: targets, host: host.clone(), folders: folders.to_report() };
    let Opened { ledger, passed_over } = Ledger::open(&RealDisk, folders.own().join("ledger"), terms)?;
    for page in passed_over {
        let (path, error) = (page.path.display(), chain(&page.error));
        tracing::error!(%path, error, "a page of the ledger is passed over");
    }
    let link = Link::new(server, tls)?;
    let warm = Warm::new(supply.cache.clone(), folders.own().join("throwaway"));
    let shared = Shared {
        folders,
        supervisor: Supervisor::new()?,
        warm: warm.clone(),
        provider: Provider::new(supply, sources, java),
        link: link.clone(),
        ledger: Arc::new(Mutex::new(ledger)),
    };
    let changed = Arc::new(Notify::new());
    let mut agent = Agent { host, name, address, shared, slots: Slots::new(), changed: changed.clone() };
    agent.take_up_all();
    let mut training = Training::new(warm);
    let (messages, mut inbox) = mpsc::channel(16);
    let _listening = AbortOnDrop(tokio::spawn(listen(link.clone(), messages)));
    let (reports, latest) = watch::channel(None);
    let (answers, mut answered) = mpsc::channel(1);
    let _telling = AbortOnDrop(tokio::spawn(tell(link, latest, answers)));
    let mut next_report = tokio::time::Instant::now();
    loop {
        tokio::select! {
            message = inbox.recv() => match message {
                Some(message) => agent.take(message),
                None => return Ok(()),
            },
            () = changed.notified() => next_report = next_report.min(tokio::time::Instant::now() + REPORT_GATHERS),
            Some(ReportAnswer { server_time: _, destroyed }) = answered.recv() => {
                destroyed.into_iter().for_each(|cluster| agent.forget_if_removed(cluster));
            }
            () = tokio::time::sleep_until(next_report) => {
                // The newest wins: what could not be sent in time is told anew.
                reports.send_replace(Some(agent.host_report()));
                training.look(agent.calm_nodes());
                next_report = tokio::time::Instant::now() + REPORT_EVERY;
            }
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hears the server, dialling again whenever the line breaks.
async fn listen(link: Link, messages: mpsc::Sender<ServerMessage>) {
    loop {
        match link.messages().await {
            Ok(stream) => {
                let mut stream = Box::pin(stream);
                while let Some(Ok(message)) = stream.next().await {
                    if messages.send(message).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::debug!(error = chain(&error), "the server cannot be heard"),
        }
        tokio::time::sleep(DIAL_AGAIN).await;
    }
}

/// Sends the newest report whenever there is one, beside the loop: a server that hangs holds up nothing.
async fn tell(
    link: Link,
    mut reports: watch::Receiver<Option<HostReport>>,
    answers: mpsc::Sender<ReportAnswer>,
) {
    let mut is_heard = true;
    while reports.changed().await.is_ok() {
        let Some(report) = reports.borrow_and_update().clone() else { continue };
        match link.report(&report).await {
            Ok(answer) => {
                is_heard = true;
                if answers.send(answer).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                if std::mem::replace(&mut is_heard, false) {
                    tracing::warn!(
                        error = chain(&error),
                        "the server does not take reports; everything runs on"
                    );
                }
                // A refusal comes at once; asking again at once would not help.
                tokio::time::sleep(DIAL_AGAIN).await;
            }
        }
    }
}

struct Agent {
    host: HostId,
    name: String,
    address: IpAddr,
    shared: Shared,
    slots: Slots,
    /// Says that some slot's report changed.
    changed: Arc<Notify>,
}

impl Agent {
    fn take(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Target(delivery) => {
                let obeyed = self.shared.ledger().obey(&RealDisk, delivery);
                match obeyed {
                    Ok(cluster) => self.take_up(cluster),
                    Err(error) => tracing::warn!(error = chain(&error), "a target was refused"),
                }
            }
            ServerMessage::Destroyed { cluster } => self.forget_if_removed(cluster),
            ServerMessage::Log(wanted) => self.answer_log(wanted),
        }
        // A new target is acknowledged at once: the server waits for it.
        self.changed.notify_one();
    }

    fn take_up_all(&mut self) {
        let clusters: Vec<ClusterId> = self.shared.ledger().clusters().map(|(cluster, _)| cluster).collect();
        for cluster in clusters {
            self.take_up(cluster);
        }
    }

    /// Hands each slot of a cluster its target.
    fn take_up(&mut self, cluster: ClusterId) {
        let Some(slice) = self.slice(cluster) else { return };
        let TakeUp { hand_over, let_go } = take_up(&self.kept(cluster), &slice);
        for slot in let_go {
            self.slots.remove(&(cluster, slot));
        }
        for (slot, target) in hand_over {
            match self.slots.get(&(cluster, slot.clone())) {
                Some(handle) => {
                    handle.target.send_replace(target.clone());
                }
                None => {
                    let key = SlotKey {
                        cluster,
                        cluster_name: slice.name.clone(),
                        slot: slot.clone(),
                        host: self.host.clone(),
                    };
                    self.slots.insert((cluster, slot.clone()), self.begin(key, target.clone()));
                }
            }
        }
    }

    /// This host's slice of the target that it obeys.
    fn slice(&self, cluster: ClusterId) -> Option<HostSlice> {
        self.shared.ledger().cluster(cluster).map(|admitted| admitted.slice.clone())
    }

    /// The slots of a cluster that are kept, with their targets.
    fn kept(&self, cluster: ClusterId) -> BTreeMap<SlotName, SlotTarget> {
        let own = self.slots.iter().filter(|((of, _), _)| *of == cluster);
        own.map(|((_, slot), handle)| (slot.clone(), handle.target.borrow().clone())).collect()
    }

    fn begin(&self, key: SlotKey, target: SlotTarget) -> SlotHandle {
        let (target, targets) = watch::channel(target);
        let (sender, report) = watch::channel(SlotReport::waiting());
        let mut told = report.clone();
        let changed = self.changed.clone();
        let keeping = slot::keep(self.shared.clone(), key, targets, sender);
        let task = tokio::spawn(async move {
            let telling = async {
                while told.changed().await.is_ok() {
                    changed.notify_one();
                }
            };
            tokio::join!(keeping, telling);
        });
        SlotHandle { target, report, task }
    }

    /// What every node here runs, if each of them is as it shall be and serves.
    fn calm_nodes(&self) -> Option<Vec<(ProcessTarget, Arc<Provided>)>> {
        let mut nodes = Vec::new();
        for handle in self.slots.values() {
            let target = handle.target.borrow();
            match (target.run, &handle.report.borrow().stage) {
                (RunState::Running, Stage::Ready) => {}
                (RunState::Stopped | RunState::Removed, _) => continue,
                (RunState::Running, _) => return None,
            }
            if let Some(provided) = self.shared.provider.provided(&target.process) {
                nodes.push((target.process.clone(), provided));
            }
        }
        Some(nodes)
    }

    fn host_report(&self) -> HostReport {
        let ledger = self.shared.ledger();
        let clusters: BTreeMap<ClusterId, ClusterReport> = ledger
            .clusters()
            .filter_map(|(cluster, _)| Some((cluster, ledger.report(cluster, self.slot_reports(cluster))?)))
            .collect();
        HostReport {
            version: 1,
            name: self.name.clone(),
            klamm: env!("CARGO_PKG_VERSION").to_owned(),
            folders: self.shared.folders.to_report(),
            memory: host::memory(),
            processors: host::processors(),
            address: self.address,
            advertised: host::advertised(self.address),
            ports_taken: host::ports_taken(),
            clusters,
            refused: ledger.refused().clone(),
        }
    }

    fn slot_reports(&self, cluster: ClusterId) -> BTreeMap<SlotName, SlotReport> {
        let own = self.slots.iter().filter(|((of, _), _)| *of == cluster);
        own.map(|((_, slot), handle)| (slot.clone(), handle.report.borrow().clone())).collect()
    }

    /// Forgets a cluster that the server has forgotten, if all of its slots here are deleted by a signed target.
    fn forget_if_removed(&mut self, cluster: ClusterId) {
        let Some(slice) = self.slice(cluster) else { return };
        let stages: BTreeMap<SlotName, Stage> =
            self.slot_reports(cluster).into_iter().map(|(slot, report)| (slot, report.stage)).collect();
        if !may_forget(&slice, &stages) {
            return;
        }
        self.slots.retain(|(of, _), _| *of != cluster);
        let folders = &self.shared.folders;
        let forgotten =
            klamm_ledger::slot::forget_cluster(&RealDisk, folders, &mut self.shared.ledger(), cluster);
        if let Err(error) = forgotten {
            tracing::error!(error = chain(&error), "a destroyed cluster could not be forgotten");
            self.take_up(cluster);
        }
        self.changed.notify_one();
    }

    fn answer_log(&self, wanted: LogWanted) {
        let LogWanted { id, cluster, slot, lines, follow } = wanted;
        if !self.slots.contains_key(&(cluster, slot.clone())) {
            tracing::warn!(%cluster, %slot, "a log was asked for that is not of a slot of this host");
            return;
        }
        let folders = self.shared.folders.slot(cluster, &slot);
        let log = [folders.server_log(), folders.console_log()].into_iter().find(|path| path.exists());
        let path = log.unwrap_or_else(|| folders.server_log());
        let link = self.shared.link.clone();
        tokio::spawn(async move {
            if let Err(error) = link.send_log(id, logs::read(path, lines, follow)).await {
                tracing::debug!(error = chain(&error), "a log was not read to its end");
            }
        });
    }
}

impl Drop for SlotHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
