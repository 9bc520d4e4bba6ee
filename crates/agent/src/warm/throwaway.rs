//! The throwaway node: a real Kafka that starts, is ready once, and writes down what it loaded when it ends.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, setpriority_process};
use thiserror::Error;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use klamm_artifacts::ArchiveOf;
use klamm_core::model::target::ProcessTarget;
use klamm_disk::{DiskError, delete, replace_file};

use super::papers::{self, PapersError};
use crate::provide::Provided;
use crate::slot::launch::{ARGUMENTS, LAUNCHER, process_in, render_argument_file};
use crate::{host, observer};

/// Enough for an empty node.
const HEAP: &str = "-Xmx320m";
/// A node of its own that nobody waits for, at the lowest priority of a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(240);
/// Ending, and writing an archive of some 20,000 classes.
const WRITTEN_WITHIN: Duration = Duration::from_secs(240);
/// After these minutes Java ends by itself: should this agent be killed, its throwaway node does not stay.
const SELF_DESTRUCTION: &str = "-XX:SelfDestructTimer=10";
const LOWEST_PRIORITY: i32 = 19;
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Why a throwaway node wrote nothing.
#[derive(Debug, Error)]
pub(crate) enum ThrowawayError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Papers(#[from] PapersError),
    #[error("Java {0} writes no archives")]
    Java(String),
    #[error("the throwaway node could not be started or ended")]
    Process(#[source] io::Error),
    #[error("the throwaway node ended before it was ready ({0}); its log is in {1}")]
    Ended(std::process::ExitStatus, PathBuf),
    #[error("the throwaway node was not ready after {0:?}; its log is in {1}")]
    NotReady(Duration, PathBuf),
    #[error("the throwaway node did not end within {0:?}")]
    DoesNotEnd(Duration),
    #[error("the throwaway node ended and wrote no archive; its console is {0}")]
    NothingWritten(PathBuf),
}

/// Runs one in `folder`, which is emptied first, and gives the archive that it wrote.
pub(super) async fn run(
    folder: &Path,
    process: &ProcessTarget,
    provided: &Provided,
    of: &ArchiveOf<'_>,
) -> Result<PathBuf, ThrowawayError> {
    delete(folder)?;
    let logging = papers::write(folder, &process.kafka, host::loopback())?;
    let written = folder.join("written");
    let writing =
        of.option_to_write(&written).ok_or_else(|| ThrowawayError::Java(provided.java.version.clone()))?;
    let arguments = folder.join(ARGUMENTS);
    let text = folder.display();
    let own = [
        HEAP.to_owned(),
        SELF_DESTRUCTION.to_owned(),
        writing,
        logging,
        format!("-Djava.io.tmpdir={text}/tmp"),
        format!("-Dkafka.logs.dir={text}/logs"),
    ];
    // What is compiled, and how, is in an AOT cache too; memory is not touched before it is needed here.
    let same =
        process.jvm_options.iter().filter(|it| it.starts_with("-XX:") && !it.contains("AlwaysPreTouch"));
    let options: Vec<String> = same.cloned().chain(own).collect();
    replace_file(&arguments, render_argument_file(&options, of.class_path).as_bytes())?;
    let mut node = Node::start(folder, process, provided).await?;
    node.await_ready(folder).await?;
    node.end().await?;
    if written.is_file() { Ok(written) } else { Err(ThrowawayError::NothingWritten(console(folder))) }
}

fn console(folder: &Path) -> PathBuf {
    folder.join("logs/console.log")
}

/// An agent that was killed left one, if it made one just then.
pub(super) fn end_left_over(folder: &Path) {
    let pid = process_in(folder).and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(pid) = pid {
        tracing::info!(pid = pid.as_raw_nonzero().get(), "ending the throwaway node of an earlier agent");
        // It may have ended by itself meanwhile.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Ends with this value, however that goes.
struct Node {
    child: Child,
    /// Its id is its process group's, too.
    pid: Pid,
}

impl Node {
    async fn start(
        folder: &Path,
        process: &ProcessTarget,
        provided: &Provided,
    ) -> Result<Self, ThrowawayError> {
        let console = std::fs::File::create(console(folder)).map_err(ThrowawayError::Process)?;
        let again = console.try_clone().map_err(ThrowawayError::Process)?;
        let child = Command::new(&provided.java.executable)
            .arg(format!("@{}", folder.join(ARGUMENTS).display()))
            .args([LAUNCHER, observer::SOCKET, &process.main_class, "config/server.properties"])
            .current_dir(folder)
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8")])
            .stdin(Stdio::null())
            .stdout(console)
            .stderr(again)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(ThrowawayError::Process)?;
        let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let pid = pid.ok_or_else(|| ThrowawayError::Process(io::ErrorKind::NotFound.into()))?;
        // Java's own threads are made after this and inherit it. Refused, it only costs the others time.
        if let Err(error) = setpriority_process(Some(pid), LOWEST_PRIORITY) {
            tracing::debug!(%error, "the throwaway node keeps its priority");
        }
        Ok(Self { child, pid })
    }

    async fn await_ready(&mut self, folder: &Path) -> Result<(), ThrowawayError> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait().map_err(ThrowawayError::Process)? {
                return Err(ThrowawayError::Ended(status, folder.join("logs")));
            }
            if observer::ask(folder).await.is_ok_and(|status| status.is_ready()) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(ThrowawayError::NotReady(READY_WITHIN, folder.join("logs")));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn end(&mut self) -> Result<(), ThrowawayError> {
        kill_process(self.pid, Signal::TERM).map_err(|error| ThrowawayError::Process(error.into()))?;
        let ended = timeout(WRITTEN_WITHIN, self.child.wait()).await;
        ended.map_err(|_| ThrowawayError::DoesNotEnd(WRITTEN_WITHIN))?.map_err(ThrowawayError::Process)?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Java 25 assembles its cache in a child. The group is empty, or ours: its leader is not reaped before this.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }
}
