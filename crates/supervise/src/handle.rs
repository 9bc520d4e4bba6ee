//! What a caller holds of a unit.

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::launch::Launch;
use crate::machine::{Event, Notice, StopRequest};
use crate::status::UnitStatus;

/// The unit was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the unit is not supervised any more")]
pub struct UnitGone;

/// Something asked of a unit's task.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) asked: Asked,
    /// Answered when the wish was taken and the status shows it.
    pub(crate) taken: oneshot::Sender<()>,
}

#[derive(Debug)]
pub(crate) enum Asked {
    /// Give this to the machine, after taking over a new launch.
    Event { launch: Option<Box<Launch>>, event: Event },
    /// Use this from the next start on.
    Prepare { launch: Box<Launch> },
    /// Stop supervising.
    Forget,
}

/// Says what is wanted of a unit and shows what is. Cheap to clone.
///
/// Every call returns as soon as the unit's task has taken the wish, not when it is fulfilled:
/// watch the status for that. When the last handle is gone, the process runs on unsupervised.
#[derive(Debug, Clone)]
pub struct UnitHandle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) status: watch::Receiver<UnitStatus>,
    pub(crate) notices: broadcast::Sender<Notice>,
}

impl UnitHandle {
    /// Wants the process to run. A live process keeps running as it is; `launch` is then used from
    /// the next start on.
    ///
    /// # Errors
    /// The unit was forgotten; so for all calls below.
    pub async fn start(&self, launch: Launch) -> Result<(), UnitGone> {
        self.ask_event(Some(launch), Event::Start).await
    }

    /// Wants a live process replaced by a new one, started as `launch` says.
    pub async fn restart(&self, launch: Launch, request: StopRequest) -> Result<(), UnitGone> {
        self.ask_event(Some(launch), Event::Restart(request)).await
    }

    /// From the next start on, whatever causes it, starts as `launch` says.
    pub async fn prepare(&self, launch: Launch) -> Result<(), UnitGone> {
        self.ask(Asked::Prepare { launch: Box::new(launch) }).await
    }

    /// Wants the process gone.
    pub async fn stop(&self, request: StopRequest) -> Result<(), UnitGone> {
        self.ask_event(None, Event::Stop(request)).await
    }

    /// Wants the process gone at once, by SIGKILL.
    pub async fn kill(&self, by: impl Into<String>) -> Result<(), UnitGone> {
        self.stop(StopRequest::now(by)).await
    }

    /// Says that a process was found ready; ignored if it is not the present one.
    pub async fn ready(&self, incarnation: u64) -> Result<(), UnitGone> {
        self.ask_event(None, Event::Ready { incarnation }).await
    }

    /// Says that a process was found not ready, and why; ignored if it is not the present one.
    pub async fn not_ready(&self, incarnation: u64, reason: impl Into<String>) -> Result<(), UnitGone> {
        self.ask_event(None, Event::NotReady { incarnation, reason: reason.into() }).await
    }

    /// Reports how far a stopping process is: any number that changes while it works.
    pub async fn progress(&self, value: u64) -> Result<(), UnitGone> {
        self.ask_event(None, Event::Progress(value)).await
    }

    /// Stops supervising; the process runs on. All other handles of the unit become useless.
    pub async fn forget(self) -> Result<(), UnitGone> {
        self.ask(Asked::Forget).await
    }

    /// The latest picture.
    pub fn status(&self) -> UnitStatus {
        self.status.borrow().clone()
    }

    /// The picture as it changes.
    pub fn watch(&self) -> watch::Receiver<UnitStatus> {
        self.status.clone()
    }

    /// What happens from now on; a listener that is too slow misses the oldest.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    async fn ask_event(&self, launch: Option<Launch>, event: Event) -> Result<(), UnitGone> {
        self.ask(Asked::Event { launch: launch.map(Box::new), event }).await
    }

    async fn ask(&self, asked: Asked) -> Result<(), UnitGone> {
        let (taken, answer) = oneshot::channel();
        self.commands.send(Command { asked, taken }).await.map_err(|_| UnitGone)?;
        answer.await.map_err(|_| UnitGone)
    }
}
