//! The shell of one unit: one task, one loop. It asks the machine what to do, does it, and tells the
//! machine what came of it. What can block (sweeping, copying) runs on other threads; so does starting,
//! unless the runtime can move its other tasks out of the way.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{broadcast, mpsc, watch as latest};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::clock::monotonic_now;
use crate::console::{Capped, ConsoleError, LogCap, cap_console};
use crate::handle::{Asked, Command, UnitHandle};
use crate::identity::ProcessIdentity;
use crate::kernel::watch;
use crate::launch::{Launch, LaunchError, Launched, launch};
use crate::machine::{Action, Event, Notice, Unit};
use crate::memory;
use crate::pidfd::{self, Fate};
use crate::session;
use crate::status::UnitStatus;
use crate::supervisor::UnitOptions;

/// Wishes that may wait; more make their senders wait.
const COMMANDS: usize = 16;
/// Notices kept for a slow listener.
const NOTICES: usize = 64;

/// What a unit is made with.
pub(crate) struct Setting {
    pub(crate) options: UnitOptions,
    pub(crate) boot_id: Arc<str>,
}

/// A live process of an earlier supervisor.
pub(crate) struct Found {
    pub(crate) pidfd: AsyncFd<OwnedFd>,
    pub(crate) identity: ProcessIdentity,
    pub(crate) since: Duration,
    pub(crate) launch: Launch,
}

/// The process that is watched.
struct Held {
    pidfd: AsyncFd<OwnedFd>,
    identity: ProcessIdentity,
    /// Set when it ended and is a child of ours: its pid is taken until we reap it.
    ended_child: bool,
    /// The kernel's count of kills for memory while it was known to live.
    memory_kills: Option<u64>,
}

/// What came of work on another thread.
enum Done {
    Launched(Result<(Launched, Option<u64>), LaunchError>),
    Swept { incarnation: u64, left: u32 },
    Looked { capped: Result<Capped, ConsoleError>, memory_kills: Option<u64> },
}

enum Input {
    Asked(Option<Command>),
    Ended,
    Done(Done),
    TimeToLook,
    Tick,
}

struct Task {
    setting: Setting,
    unit: Unit,
    launch: Option<Arc<Launch>>,
    held: Option<Held>,
    /// Ended processes whose sessions may not be clear yet.
    ended: BTreeMap<u64, ProcessIdentity>,
    jobs: JoinSet<Done>,
    /// What was done on this thread and the machine has not heard of yet.
    done: VecDeque<Done>,
    looking: bool,
    status: latest::Sender<UnitStatus>,
    notices: broadcast::Sender<Notice>,
}

/// Starts the task of a unit, with a process if one was found.
pub(crate) fn begin(setting: Setting, found: Option<Found>) -> UnitHandle {
    let unit = Unit::new(setting.options.policy.clone(), monotonic_now());
    let (status, watched) = latest::channel(UnitStatus::of(&setting.options.name, &unit));
    let (commands, wishes) = mpsc::channel(COMMANDS);
    let notices = broadcast::Sender::new(NOTICES);
    let handle = UnitHandle { commands, status: watched, notices: notices.clone() };
    let mut task = Task {
        setting,
        unit,
        launch: None,
        held: None,
        ended: BTreeMap::new(),
        jobs: JoinSet::new(),
        done: VecDeque::new(),
        looking: false,
        status,
        notices,
    };
    if let Some(Found { pidfd, identity, since, launch }) = found {
        task.launch = Some(Arc::new(launch));
        let memory_kills = memory::kills_so_far();
        task.held = Some(Held { pidfd, identity: identity.clone(), ended_child: false, memory_kills });
        task.tell(Event::Adopted { identity, since });
    }
    tokio::spawn(task.run(wishes));
    handle
}

impl Task {
    async fn run(mut self, mut wishes: mpsc::Receiver<Command>) {
        let mut look = tokio::time::interval(self.setting.options.log_check);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.reset();
        loop {
            let wake_at = self.unit.wake_at().map(as_instant);
            let input = tokio::select! {
                command = wishes.recv() => Input::Asked(command),
                () = end_of(self.held.as_ref()) => Input::Ended,
                Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => match done {
                    Ok(done) => Input::Done(done),
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                () = sleep_until(wake_at) => Input::Tick,
                _ = look.tick(), if self.held.is_some() && !self.looking => Input::TimeToLook,
            };
            match input {
                Input::Asked(Some(Command { asked, taken })) => {
                    match asked {
                        Asked::Event { launch, event } => {
                            self.prepare(launch);
                            self.tell(event);
                        }
                        Asked::Prepare { launch } => self.prepare(Some(launch)),
                        Asked::Forget => {
                            taken.send(()).ok();
                            drop(wishes);
                            return self.let_go().await;
                        }
                    }
                    // A caller that does not wait for the answer has not asked for less.
                    taken.send(()).ok();
                }
                Input::Asked(None) => return self.let_go().await,
                Input::Ended => self.take_end(),
                Input::Done(done) => self.take_done(done),
                Input::TimeToLook => self.look_at_console(),
                Input::Tick => self.tell(Event::Tick),
            }
        }
    }

    fn prepare(&mut self, launch: Option<Box<Launch>>) {
        if let Some(launch) = launch {
            self.launch = Some(Arc::from(launch));
        }
    }

    /// Gives the machine an event, does what it answers, and shows the outcome.
    fn tell(&mut self, event: Event) {
        for action in self.unit.handle(monotonic_now(), event) {
            match action {
                Action::Spawn { .. } => self.start_launch(),
                Action::Terminate => {
                    self.signal(Signal::TERM);
                    // A process that somebody suspended could not take the first one.
                    self.signal(Signal::CONT);
                }
                Action::Kill => self.signal(Signal::KILL),
                Action::Sweep { incarnation } => self.start_sweep(incarnation),
                Action::Report(notice) => self.report(notice),
            }
        }
        let status = UnitStatus::of(&self.setting.options.name, &self.unit);
        self.status.send_if_modified(|shown| {
            let changed = *shown != status;
            *shown = status;
            changed
        });
        while let Some(done) = self.done.pop_front() {
            self.take_done(done);
        }
    }

    /// A hand-over to another thread costs a successor up to 5 ms on a loaded machine (measured: two
    /// cores, load 6). So where the runtime has other threads, this one starts the process itself.
    fn start_launch(&mut self) {
        let (wanted, boot_id) = (self.launch.clone(), Arc::clone(&self.setting.boot_id));
        let (name, cap) = (self.setting.options.name.clone(), self.setting.options.log_cap);
        let work = move || {
            let wanted = wanted.expect("the machine starts only after an event that carried a launch");
            // A process that crashes at once lives too short to be looked at while it runs.
            log_capped(&name, &cap_console(&wanted.console, &cap));
            let launched = launch(&wanted, &boot_id);
            Done::Launched(launched.map(|launched| (launched, memory::kills_so_far())))
        };
        if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
            self.done.push_back(tokio::task::block_in_place(work));
        } else {
            self.jobs.spawn_blocking(work);
        }
    }

    fn start_sweep(&mut self, incarnation: u64) {
        let held = self.held.take();
        if let Some(held) = &held {
            if held.ended_child {
                // Before any successor is started; the thorough search may overlap with it.
                session::kill_group_of_unreaped(&held.identity);
            }
            self.ended.insert(incarnation, held.identity.clone());
        }
        let Some(identity) = self.ended.get(&incarnation).cloned() else { return };
        let unreaped = held.filter(|held| held.ended_child).map(|held| held.pidfd.into_inner());
        self.jobs.spawn_blocking(move || {
            let left = session::sweep(&identity);
            if let Some(pidfd) = unreaped
                && let Err(error) = pidfd::reap(&pidfd)
            {
                tracing::warn!(pid = identity.pid, %error, "ended child not taken note of");
            }
            Done::Swept { incarnation, left }
        });
    }

    fn signal(&self, signal: Signal) {
        let Some(held) = &self.held else { return };
        if let Err(error) = pidfd::send(held.pidfd.get_ref(), signal) {
            let (unit, pid) = (&self.setting.options.name, held.identity.pid);
            tracing::error!(unit, pid, signal = signal.as_raw(), %error, "signal refused");
        }
    }

    fn report(&self, notice: Notice) {
        let unit = &self.setting.options.name;
        match &notice {
            Notice::GaveUp { .. } => tracing::error!(unit, "{notice}"),
            Notice::NotStarted { .. }
            | Notice::Ended { asked: false, .. }
            | Notice::BackingOff { .. }
            | Notice::KilledForNoProgress { .. }
            | Notice::HelpersLeft { .. } => tracing::warn!(unit, "{notice}"),
            Notice::Started { .. }
            | Notice::Adopted { .. }
            | Notice::Ready { .. }
            | Notice::Ended { asked: true, .. }
            | Notice::KilledAsAsked { .. } => tracing::info!(unit, "{notice}"),
        }
        // Nobody listening is the usual case.
        self.notices.send(notice).ok();
    }

    fn take_end(&mut self) {
        let Some(held) = &mut self.held else { return };
        let reason = match pidfd::fate(held.pidfd.get_ref()) {
            Ok(Fate::Alive) => return,
            Ok(Fate::EndedChild(reason)) => {
                held.ended_child = true;
                reason
            }
            Ok(Fate::EndedForeign(reason)) => reason,
            Err(error) => {
                tracing::warn!(pid = held.identity.pid, %error, "exit reason not told");
                crate::exit::ExitReason::Unknown
            }
        };
        let reason = memory::attribute(reason, held.memory_kills);
        self.tell(Event::Exited(reason));
    }

    fn take_done(&mut self, done: Done) {
        match done {
            Done::Launched(Ok((launched, memory_kills))) => {
                let Launched { pidfd, identity } = launched;
                match watch(pidfd) {
                    Ok(pidfd) => {
                        let ended_child = false;
                        let identity_held = identity.clone();
                        self.held = Some(Held { pidfd, identity: identity_held, ended_child, memory_kills });
                        self.tell(Event::Spawned { identity });
                    }
                    Err(error) => {
                        // Nobody would see it end: better none than an unwatched one.
                        if let Ok(Some(pidfd)) = pidfd::open(identity.pid) {
                            pidfd::send(&pidfd, Signal::KILL).ok();
                        }
                        let message = format!("pid {} cannot be watched: {error}", identity.pid);
                        self.tell(Event::SpawnFailed { message });
                    }
                }
            }
            Done::Launched(Err(error)) => {
                self.tell(Event::SpawnFailed { message: whole_message(&error) });
            }
            Done::Swept { incarnation, left } => {
                if left == 0 {
                    self.ended.remove(&incarnation);
                }
                self.tell(Event::Swept { incarnation, left });
            }
            Done::Looked { capped, memory_kills } => {
                self.looking = false;
                log_capped(&self.setting.options.name, &capped);
                if let Some(held) = &mut self.held {
                    held.memory_kills = memory_kills;
                }
            }
        }
    }

    fn look_at_console(&mut self) {
        let Some(launch) = self.launch.clone() else { return };
        self.looking = true;
        let cap: LogCap = self.setting.options.log_cap;
        self.jobs.spawn_blocking(move || {
            let capped = cap_console(&launch.console, &cap);
            Done::Looked { capped, memory_kills: memory::kills_so_far() }
        });
    }

    /// Supervises no more, but leaves no zombie while this program runs.
    async fn let_go(self) {
        let Self { mut jobs, mut held, status, .. } = self;
        drop(status);
        while let Some(done) = jobs.join_next().await {
            if let Ok(Done::Launched(Ok((Launched { pidfd, identity }, memory_kills)))) = done
                && let Ok(pidfd) = watch(pidfd)
            {
                held = Some(Held { pidfd, identity, ended_child: false, memory_kills });
            }
        }
        if let Some(held) = held {
            end_of(Some(&held)).await;
            if let Err(error) = pidfd::reap(held.pidfd.get_ref()) {
                tracing::warn!(pid = held.identity.pid, %error, "ended child not taken note of");
            }
        }
    }
}

/// Waits for the end of the process; for ever if there is none.
async fn end_of(held: Option<&Held>) {
    let Some(held) = held else { return std::future::pending().await };
    loop {
        match held.pidfd.readable().await {
            Ok(_) if pidfd::has_ended(held.pidfd.get_ref()) => return,
            Ok(mut guard) => guard.clear_ready(),
            // The runtime is going down, and we with it.
            Err(_) => return std::future::pending().await,
        }
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn as_instant(moment: Duration) -> Instant {
    let now = Instant::now();
    let ahead = moment.saturating_sub(monotonic_now());
    now.checked_add(ahead).unwrap_or(now + Duration::from_secs(3600))
}

fn log_capped(unit: &str, capped: &Result<Capped, ConsoleError>) {
    match capped {
        Ok(Capped::Small) => {}
        Ok(Capped::Moved { bytes }) => tracing::debug!(unit, bytes, "console file moved on"),
        Err(error) => tracing::warn!(unit, error = whole_message(error), "console file not capped"),
    }
}

fn whole_message(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
