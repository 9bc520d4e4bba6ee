//! One slot on this host: looks, asks the machine in `core` what to do next, does it, tells where it is.

mod credential;
mod files;
mod launch;
mod look;
mod storage;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use klamm_core::api::PermitWanted;
use klamm_core::machines::reconcile::{Action, DirectoryFacts, Next, ProcessFacts, SlotFacts, reconcile};
use klamm_core::model::inventory::{CertificateReport, SlotReport, Stage};
use klamm_core::model::target::{RunState, SlotTarget};
use klamm_core::model::{ClusterId, ClusterName, HostId, SlotName};
use klamm_supervise::{State, StopRequest, Supervisor, UnitHandle, UnitStatus};

use crate::error::{AgentError, chain};
use crate::folders::{Folders, SlotFolders};
use crate::ledger::Ledger;
use crate::link::Link;
use crate::provide::Provider;
pub(crate) use credential::CertifyError;
use launch::Launched;
pub(crate) use launch::StartError;
pub(crate) use storage::FillError;

/// How often a stopping process is asked after.
const LOOK_SOON: Duration = Duration::from_millis(100);
/// How often everything on the disk is looked at although nothing changed: certificates come of age.
const LOOK_AT_ALL: Duration = Duration::from_secs(60);
/// The pause before an action that failed is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(3);

/// What all slots of a host share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) host: HostId,
    pub(crate) folders: Folders,
    pub(crate) supervisor: Supervisor,
    pub(crate) provider: Provider,
    pub(crate) link: Link,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
}

/// Which slot.
#[derive(Debug, Clone)]
pub(crate) struct SlotKey {
    pub(crate) cluster: ClusterId,
    pub(crate) cluster_name: ClusterName,
    pub(crate) slot: SlotName,
}

/// Keeps one slot as its target says, until the sender of targets is gone.
pub(crate) async fn keep(
    shared: Shared,
    key: SlotKey,
    mut targets: watch::Receiver<SlotTarget>,
    report: watch::Sender<SlotReport>,
) {
    let folders = shared.folders.slot(key.cluster, &key.slot);
    let (unit, launched) = loop {
        match launch::find_or_make_unit(&shared.supervisor, &key.slot.to_string(), &folders).await {
            Ok(found) => break found,
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(slot = %key.slot, error = reason, "the slot's process cannot be looked for");
                report.send_modify(|report| report.stage = Stage::Blocked { reason });
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    };
    let mut keeper = Keeper { shared, key, folders, unit, launched, report, trouble: None, done: Vec::new() };
    let mut status = keeper.unit.watch();
    loop {
        let target = targets.borrow_and_update().clone();
        status.mark_unchanged();
        let pause = keeper.lap(&target).await;
        tokio::select! {
            changed = targets.changed() => if changed.is_err() { return },
            _ = status.changed() => {}
            () = keeper.look_until(&target, pause) => {}
        }
    }
}

struct Keeper {
    shared: Shared,
    key: SlotKey,
    folders: SlotFolders,
    unit: UnitHandle,
    /// What the process was started with; none while there was none.
    launched: Option<Launched>,
    report: watch::Sender<SlotReport>,
    /// Why the last action failed.
    trouble: Option<String>,
    /// What was done last, and succeeded.
    done: Vec<Action>,
}

impl Keeper {
    /// Looks at everything and does what is next; says how long nothing else is expected.
    async fn lap(&mut self, target: &SlotTarget) -> Duration {
        let next = match self.facts(target) {
            Ok(facts) => reconcile(self.key.cluster, target, &facts),
            Err(error) => Next::Blocked { reason: chain(&error) },
        };
        match next {
            Next::Settled => {
                self.trouble = None;
                self.done.clear();
                LOOK_AT_ALL
            }
            Next::AwaitStop => LOOK_SOON,
            Next::Blocked { reason } => {
                self.show(Stage::Blocked { reason });
                TRY_AGAIN
            }
            // What was done and is wanted again at once had no effect: going on would be a tight loop.
            Next::Do(actions) if actions == self.done => {
                self.done.clear();
                let reason = format!("{actions:?} was done and did not help");
                tracing::error!(slot = %self.key.slot, reason, "an action has no effect");
                self.show(Stage::Blocked { reason });
                TRY_AGAIN
            }
            Next::Do(actions) => match self.act(target, &actions).await {
                Ok(()) => {
                    self.done = actions;
                    Duration::ZERO
                }
                Err(error) => {
                    let reason = chain(&error);
                    tracing::warn!(slot = %self.key.slot, error = reason, "an action failed and is tried again");
                    if error.needs_a_person() {
                        self.show(Stage::Blocked { reason: reason.clone() });
                    } else {
                        self.show(Stage::Preparing { step: reason.clone() });
                    }
                    self.trouble = Some(reason);
                    TRY_AGAIN
                }
            },
        }
    }

    fn facts(&self, target: &SlotTarget) -> Result<SlotFacts, AgentError> {
        let directories =
            target.identity.directories.iter().map(storage::inspect).collect::<Result<_, _>>()?;
        let formatted_before = self.ledger().was_formatted(self.key.cluster, &self.key.slot);
        let generation = credential::current(&self.folders)?;
        let certificate_wanted =
            credential::reason_to_certify(generation.as_ref(), &target.credential, Timestamp::now());
        self.report.send_modify(|report| {
            let served = report.certificate.take().map(|certificate| certificate.served).unwrap_or_default();
            report.certificate =
                generation.map(|generation| CertificateReport { served, ..generation.to_report() });
        });
        Ok(SlotFacts {
            directories,
            formatted_before,
            remains: self.remains(target),
            distribution: self.shared.provider.provided(&target.process).is_some(),
            files: files::outdated(&self.folders.slot, &target.files)?.is_empty(),
            certificate_wanted,
            process: self.process_facts(&self.unit.status()),
        })
    }

    fn remains(&self, target: &SlotTarget) -> bool {
        let is_own = |directory| storage::is_own(directory, self.owner(target)).unwrap_or(true);
        let data = target.identity.directories.iter().any(is_own);
        data || self.folders.slot.exists() || self.folders.logs.exists()
    }

    fn process_facts(&self, status: &UnitStatus) -> ProcessFacts {
        let Some(launched) = &self.launched else { return ProcessFacts::Absent };
        let launch = launched.launch;
        match &status.state {
            State::Idle | State::Stopped { .. } | State::Failed { .. } => ProcessFacts::Absent,
            State::Spawning { .. } | State::Starting { .. } | State::Running { .. } => {
                ProcessFacts::Live { launch }
            }
            State::Stopping { .. } => ProcessFacts::Stopping,
            State::BackingOff { .. } => ProcessFacts::BackingOff { launch },
        }
    }

    /// Does actions that do not depend on each other, all at once.
    async fn act(&mut self, target: &SlotTarget, actions: &[Action]) -> Result<(), AgentError> {
        for action in actions {
            match action {
                Action::Launch => self.launch(target).await?,
                Action::Stop { reason } => {
                    self.show(Stage::Stopping);
                    let patience = match target.run {
                        RunState::Removed => launch::PATIENCE_WITH_REMOVED,
                        RunState::Running | RunState::Stopped => launch::PATIENCE_WITH_STOPPED,
                    };
                    self.unit.stop(StopRequest::graceful(reason, patience)).await?;
                }
                Action::Replace => self.replace(target).await?,
                Action::Delete => self.delete(target)?,
                Action::Provide | Action::Format | Action::Certify { .. } | Action::WriteFiles => {}
            }
        }
        let preparations = actions.iter().map(|action| self.prepare(target, action));
        futures_util::future::try_join_all(preparations).await.map(drop)
    }

    /// What comes before a launch.
    async fn prepare(&self, target: &SlotTarget, action: &Action) -> Result<(), AgentError> {
        let preparing = |step: &str| self.show(Stage::Preparing { step: step.to_owned() });
        match action {
            Action::Provide => self.provide(target).await,
            Action::Format => self.format(target).await,
            Action::Certify { reason } => {
                tracing::info!(slot = %self.key.slot, reason, "making a certificate");
                preparing("making a key and a certificate");
                self.certify(target).await
            }
            Action::WriteFiles => {
                preparing("writing files");
                Ok(files::write(&self.folders.slot, &target.files, &self.shared.link).await?)
            }
            Action::Launch | Action::Replace | Action::Stop { .. } | Action::Delete => Ok(()),
        }
    }

    async fn provide(&self, target: &SlotTarget) -> Result<(), AgentError> {
        let mut stage = self.shared.provider.stage();
        let work = self.shared.provider.provide(&target.process);
        let show = async {
            while stage.changed().await.is_ok() {
                if let Some(stage) = stage.borrow_and_update().clone() {
                    self.show(stage);
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            provided = work => { provided?; }
            () = show => {}
        }
        Ok(())
    }

    async fn format(&self, target: &SlotTarget) -> Result<(), AgentError> {
        self.show(Stage::Preparing { step: "formatting the data directories".to_owned() });
        for directory in &target.identity.directories {
            // A formatted sibling is never written to again.
            if !matches!(storage::inspect(directory)?, DirectoryFacts::Formatted { .. }) {
                storage::format(directory, self.owner(target), &self.shared.link).await?;
            }
        }
        self.ledger().note_formatted(self.key.cluster, &self.key.slot)?;
        Ok(())
    }

    async fn certify(&self, target: &SlotTarget) -> Result<(), AgentError> {
        let holder = credential::Holder {
            cluster: self.key.cluster,
            name: &self.key.cluster_name,
            slot: &self.key.slot,
        };
        Ok(credential::certify(holder, &target.credential, &self.folders, &self.shared.link).await?)
    }

    async fn launch(&mut self, target: &SlotTarget) -> Result<(), AgentError> {
        let Some(provided) = self.shared.provider.provided(&target.process) else { return Ok(()) };
        if let Some(pid) = launch::process_in(&self.folders.slot) {
            return Err(StartError::Occupied { folder: self.folders.slot.clone(), pid }.into());
        }
        let (launch, launched) = launch::prepare(target, &provided, &self.folders)?;
        self.launched = Some(launched);
        self.show(Stage::Launching);
        Ok(self.unit.start(launch).await?)
    }

    /// The one way in which a running node is stopped to be started anew: with a permit of this very moment, however
    /// old the target is. With the server away nothing is stopped.
    async fn replace(&self, target: &SlotTarget) -> Result<(), AgentError> {
        let wanted =
            PermitWanted { cluster: self.key.cluster, slot: self.key.slot.clone(), launch: target.launch() };
        if let Some(reason) = self.shared.link.may_stop(&wanted).await?.refused {
            return Err(AgentError::NotNow { slot: self.key.slot.clone(), reason });
        }
        self.show(Stage::Stopping);
        let request = StopRequest::graceful("its launch differs from the target's", launch::STOP_PATIENCE);
        Ok(self.unit.stop(request).await?)
    }

    /// Deletes what is the slot's own. A data directory of somebody else stays, whatever the target says.
    fn delete(&self, target: &SlotTarget) -> Result<(), AgentError> {
        for directory in &target.identity.directories {
            if storage::is_own(directory, self.owner(target))? {
                klamm_disk::delete_folder(directory.path.as_ref())?;
            } else {
                tracing::warn!(slot = %self.key.slot, path = directory.path, "a foreign data directory is left alone");
            }
        }
        klamm_disk::delete_folder(&self.folders.slot)?;
        Ok(klamm_disk::delete_folder(&self.folders.logs)?)
    }

    fn owner<'a>(&'a self, target: &SlotTarget) -> storage::Owner<'a> {
        storage::Owner {
            cluster: self.key.cluster,
            slot: &self.key.slot,
            node_id: target.identity.node_id,
            host: &self.shared.host,
            claim: target.identity.claim,
        }
    }

    fn show(&self, stage: Stage) {
        self.report.send_if_modified(|report| std::mem::replace(&mut report.stage, stage.clone()) != stage);
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.shared.ledger.lock().expect("no holder of the lock panics")
    }
}
