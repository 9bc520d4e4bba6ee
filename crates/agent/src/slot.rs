//! One slot on this host: the shell around its machine in `core`. It looks, does what the machine says, and tells.

mod act;
mod credential;
pub(crate) mod launch;
mod look;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use klamm_core::machines::slot::{Act, Due, Found, SlotKey, SlotMachine, TRY_AGAIN};
use klamm_core::model::Sha256;
use klamm_core::model::inventory::{SlotReport, Stage};
use klamm_core::model::target::SlotTarget;
use klamm_disk::{DiskError, RealDisk};
use klamm_ledger::slot::Beside;
use klamm_ledger::{Folders, Launched, Ledger, SlotFolders, process};
use klamm_supervise::{Supervisor, UnitHandle, monotonic_now};

use crate::error::chain;
use crate::link::Link;
use crate::provide::Provider;
use crate::warm::Warm;
use act::{Done, Hands};
pub(crate) use credential::CertifyError;
pub(crate) use launch::StartError;

/// What all slots of a host share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) folders: Folders,
    pub(crate) supervisor: Supervisor,
    pub(crate) provider: Provider,
    pub(crate) warm: Warm,
    pub(crate) link: Link,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
}

impl Shared {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no holder of the lock panics")
    }
}

/// Keeps one slot as its target says, until the sender of targets is gone.
pub(crate) async fn keep(
    shared: Shared,
    key: SlotKey,
    mut targets: watch::Receiver<SlotTarget>,
    report: watch::Sender<SlotReport>,
) {
    let folders = shared.folders.slot(key.cluster, &key.slot);
    let unit = loop {
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
    let mut status = unit.watch();
    let mut providing = shared.provider.stage();
    let machine = SlotMachine::new(key, targets.borrow_and_update().clone());
    let mut keeper = Keeper {
        shared,
        folders,
        unit,
        launched: None,
        report,
        machine,
        last_crash: None,
        last_trouble: None,
    };
    let mut acting: Acting = None;
    loop {
        let due = keeper.machine.due(monotonic_now());
        if due == Due::Lap {
            acting = keeper.lap();
            keeper.tell();
            continue;
        }
        tokio::select! {
            changed = targets.changed() => {
                if changed.is_err() { return }
                let target = targets.borrow_and_update().clone();
                // What is under way is void with the target that it was for.
                acting = None;
                keeper.machine.set_target(target, monotonic_now());
            }
            done = done(&mut acting) => acting = keeper.take_done(done),
            _ = status.changed() => keeper.machine.process_changed(monotonic_now()),
            Ok(()) = providing.changed() => {
                if let Some(stage) = providing.borrow_and_update().clone() {
                    keeper.machine.progress(stage, monotonic_now());
                }
            }
            looked = keeper.collect_look(), if due == Due::Look => keeper.take_look(looked).await,
            () = sleep_until(due) => {}
        }
        keeper.tell();
    }
}

/// The acts under way.
type Acting = Option<BoxFuture<'static, Done>>;

struct Keeper {
    shared: Shared,
    folders: SlotFolders,
    unit: UnitHandle,
    /// What the process that runs, or ran last, was started with.
    launched: Option<Sha256>,
    report: watch::Sender<SlotReport>,
    machine: SlotMachine,
    /// The how-manieth process ended by itself last, and why.
    last_crash: Option<(u64, String)>,
    /// What was logged last of what is in the way.
    last_trouble: Option<String>,
}

impl Keeper {
    /// Looks at everything and begins what is next.
    fn lap(&mut self) -> Acting {
        let found = self.collect().map_err(|error| chain(&error));
        let acts = self.machine.lap(found, monotonic_now());
        self.begin(acts)
    }

    fn collect(&mut self) -> Result<Found, DiskError> {
        // The record is written before a start, so it is right whenever there is a process.
        let launched = Launched::read(&RealDisk, &self.folders.launched())?;
        self.launched = launched.map(|launched| launched.launch);
        let target = self.machine.target();
        let beside = Beside {
            distribution: self.shared.provider.provided(&target.process).is_some(),
            process: process::facts(&self.unit.status().state, self.launched),
            now: Timestamp::now(),
        };
        let place = (self.machine.key(), &self.folders);
        klamm_ledger::slot::collect(&RealDisk, place, target, &self.shared.ledger(), beside)
    }

    fn begin(&self, acts: Vec<Act>) -> Acting {
        (!acts.is_empty()).then(|| self.hands().act(acts))
    }

    fn hands(&self) -> Hands {
        Hands {
            shared: self.shared.clone(),
            key: self.machine.key().clone(),
            target: self.machine.target().clone(),
            folders: self.folders.clone(),
            unit: self.unit.clone(),
        }
    }

    fn take_done(&mut self, done: Done) -> Acting {
        let now = monotonic_now();
        match done {
            Done::Permit(answer) => {
                let acts = self.machine.permit_answered(answer.map_err(|error| error.to_failure()), now);
                return self.begin(acts);
            }
            Done::All => self.machine.acted(Ok(()), now),
            Done::Failed(error) => self.machine.acted(Err(error.to_failure()), now),
        }
        None
    }

    /// Tells what changed; memory alone is no reason to report at once.
    fn tell(&mut self) {
        let trouble = self.machine.trouble();
        if let Some(reason) = trouble.filter(|reason| self.last_trouble.as_deref() != Some(reason)) {
            tracing::warn!(slot = %self.machine.key().slot, reason, "the slot cannot go on; it is tried again");
        }
        self.last_trouble = trouble.map(ToOwned::to_owned);
        self.report.send_if_modified(|told| {
            let news = self.machine.is_news(told);
            told.clone_from(self.machine.report());
            news
        });
    }
}

/// Waits for the acts under way; for ever if there are none.
async fn done(acting: &mut Acting) -> Done {
    match acting {
        Some(acting) => acting.await,
        None => std::future::pending().await,
    }
}

/// Sleeps until that moment; for ever where something else is due.
async fn sleep_until(due: Due) {
    match due {
        Due::At(moment) => {
            let ahead = moment.saturating_sub(monotonic_now()).min(Duration::from_secs(3600));
            tokio::time::sleep_until(Instant::now() + ahead).await;
        }
        Due::Lap | Due::Look => std::future::pending().await,
    }
}
