//! A folder, a supervisor and shell scripts to keep; whatever is still alive at the end is killed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use klamm_supervise::{
    Launch, Live, ProcessIdentity, RestartPolicy, StopRequest, Supervisor, UnitHandle, UnitOptions,
    UnitStatus,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Past every deadline of this kind the thing waited for is not coming; the machine may be loaded.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) supervisor: Supervisor,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, supervisor: Supervisor::new().expect("a kernel with pidfd") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A shell script, its output in `console.log`, its record in `process.json`.
    pub(crate) fn script(&self, text: &str) -> Launch {
        script_in(self.folder.path(), text)
    }

    /// A unit whose pauses are short.
    pub(crate) fn unit(&self) -> UnitHandle {
        self.supervisor.unit(options())
    }

    pub(crate) fn console(&self) -> String {
        std::fs::read_to_string(self.path("console.log")).unwrap_or_default()
    }

    /// Waits until the console holds `text`.
    pub(crate) async fn printed(&self, text: &str) {
        until(&format!("the console says {text:?}"), || self.console().contains(text)).await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let Ok(Some(identity)) = ProcessIdentity::read_record(&self.path("process.json")) else { return };
        let Some(pid) = i32::try_from(identity.pid).ok().and_then(Pid::from_raw) else { return };
        if exists(&identity) {
            // Only a failed test leaves one.
            kill_process_group(pid, Signal::KILL).ok();
        }
    }
}

pub(crate) fn script_in(folder: &Path, text: &str) -> Launch {
    let mut launch = Launch::new("/bin/sh", folder, folder.join("console.log"));
    launch.args = vec!["-c".into(), text.into()];
    launch.env.insert("PATH".into(), "/usr/bin:/bin".into());
    launch.record = Some(folder.join("process.json"));
    launch
}

pub(crate) fn options() -> UnitOptions {
    let mut options = UnitOptions::new("tried");
    options.policy = RestartPolicy {
        initial_delay: Duration::from_millis(20),
        max_delay: Duration::from_millis(200),
        stable_after: Duration::from_secs(60),
        give_up_after: None,
    };
    options
}

/// Waits for a status.
pub(crate) async fn shown(
    unit: &UnitHandle,
    what: &str,
    wanted: impl FnMut(&UnitStatus) -> bool,
) -> UnitStatus {
    let mut watch = unit.watch();
    let found = tokio::time::timeout(PATIENCE, watch.wait_for(wanted)).await;
    match found {
        Ok(status) => status.expect("the unit lives").clone(),
        Err(_) => panic!("waited {PATIENCE:?} for {what}; it is {:?}", unit.status()),
    }
}

/// Waits for the present process.
pub(crate) async fn process(unit: &UnitHandle) -> Live {
    let status = shown(unit, "a process", |status| status.state.process().is_some()).await;
    status.state.process().expect("just seen").clone()
}

/// Waits for the process after `before`.
pub(crate) async fn successor(unit: &UnitHandle, before: u64) -> Live {
    let wanted =
        |status: &UnitStatus| status.state.process().is_some_and(|process| process.incarnation > before);
    let status = shown(unit, "a successor", wanted).await;
    status.state.process().expect("just seen").clone()
}

/// Kills what is left of the unit and waits until nothing is.
pub(crate) async fn clear(unit: &UnitHandle) {
    unit.stop(StopRequest::now("the end of the test")).await.expect("the unit lives");
    shown(unit, "rest", |status| status.state.is_at_rest()).await;
}

/// Waits for a fact of the world.
pub(crate) async fn until(what: &str, mut fact: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !fact() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("not zero");
    kill_process(pid, signal).expect("signalled");
}

/// Fields of `/proc/PID/stat` after the name: state first.
pub(crate) fn stat(pid: u32) -> Option<Vec<String>> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

/// Whether exactly that process is there and not a zombie.
pub(crate) fn exists(identity: &ProcessIdentity) -> bool {
    stat(identity.pid)
        .is_some_and(|fields| fields[0] != "Z" && fields[19] == identity.start_ticks.to_string())
}

/// Whether there is such a process and it is not a zombie.
pub(crate) fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields[0] != "Z")
}

/// The number in a file, once it is whole.
pub(crate) async fn number_in(path: &Path) -> u32 {
    let read = || std::fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'));
    until(&format!("{} holds a number", path.display()), || read().is_some()).await;
    read().expect("just read").trim().parse().expect("a number")
}
