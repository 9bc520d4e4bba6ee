//! Starting a slot's process, and finding the one that an earlier agent left running.

use std::path::{Path, PathBuf};

use thiserror::Error;

use klamm_artifacts::ARCHIVE_OPTIONS;
use klamm_core::model::target::SlotTarget;
use klamm_disk::{DiskError, RealDisk, ensure_folder, read_file, replace_file};
use klamm_ledger::{Launched, SlotFolders};
use klamm_supervise::{
    Adoption, IdentityError, Launch, Limits, LogCap, ProcessIdentity, Supervisor, SupervisorError,
    UnitHandle, UnitOptions,
};

use crate::error::chain;
use crate::observer::SOCKET;
use crate::provide::Provided;

/// Kafka's documentation asks for at least 100,000 (`hardware-and-os.md`).
const OPEN_FILES: u64 = 100_000;

/// Starts the observer, then runs the class that it is told to. A Java agent would do the same, and forbid the
/// archives that make a start fast (measured: `jvm/README.md`).
pub(crate) const LAUNCHER: &str = "dev.klamm.kafka.Launch";

/// What the JVM prints besides Kafka's own log is little; a thread dump is about 200 KiB.
const CONSOLE: LogCap = LogCap { max_bytes: 5 << 20, keep: 2 };

/// Java's argument file in the slot's folder.
pub(crate) const ARGUMENTS: &str = "java.args";

/// Why a process could not be started or found.
#[derive(Debug, Error)]
pub enum StartError {
    /// A file could not be kept.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The record of the process is damaged.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A process that this agent does not know works in the slot's folder. Kafka's own lock does not stop a second
    /// one before it has opened the metadata log.
    #[error("process {pid} works in {folder} and was not started by this agent; end it, if it is not wanted")]
    Occupied {
        /// The slot's folder.
        folder: PathBuf,
        /// The process.
        pid: u32,
    },
    /// The process cannot be watched.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
}

/// The supervised unit of a slot, with the process that an earlier agent left running.
pub(crate) async fn find_or_make_unit(
    supervisor: &Supervisor,
    name: &str,
    folders: &SlotFolders,
) -> Result<UnitHandle, StartError> {
    let options = || UnitOptions { log_cap: CONSOLE, ..UnitOptions::new(name) };
    let launched = Launched::read(&RealDisk, &folders.launched())?;
    let identity = match ProcessIdentity::read_record(&folders.process()) {
        // The process writes it itself when it starts; what a power loss tears was of a process that is gone with it.
        // Should one run all the same, it is found by its argument file before another is started.
        Err(error @ IdentityError::Malformed { .. }) => {
            tracing::warn!(
                slot = name,
                error = chain(&error),
                "a damaged record of a process is passed over"
            );
            None
        }
        read => read?,
    };
    let (Some(launched), Some(identity)) = (launched, identity) else {
        return Ok(supervisor.unit(options()));
    };
    match supervisor.adopt(options(), to_launch(&launched, folders), &identity).await? {
        Adoption::Alive(unit) => Ok(unit),
        Adoption::Gone(reason) => {
            tracing::info!(slot = name, ?reason, "the process of an earlier agent is gone");
            Ok(supervisor.unit(options()))
        }
    }
}

/// A process that was started like the slot's own: whoever started it. A person's shell in the folder is none.
pub(crate) fn process_in(folder: &Path) -> Option<u32> {
    let own = format!("@{}", folder.join(ARGUMENTS).display());
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == own.as_bytes())
    })
}

/// Writes down what will be started, and gives it.
pub(crate) fn prepare(
    target: &SlotTarget,
    provided: &Provided,
    archive: Option<String>,
    folders: &SlotFolders,
) -> Result<Launch, StartError> {
    ensure_folder(&folders.logs)?;
    ensure_folder(&folders.slot.join("tmp"))?;
    let options = folders.slot.join(ARGUMENTS);
    // What the archive is changes with each start, and nothing of the target.
    let jvm_options: Vec<String> = target.process.jvm_options.iter().cloned().chain(archive).collect();
    let class_path = provided.class_path();
    replace_file(&options, render_argument_file(&jvm_options, &class_path).as_bytes())?;
    let mut arguments = vec![format!("@{}", options.display())];
    arguments.extend([LAUNCHER, SOCKET, &target.process.main_class].map(ToOwned::to_owned));
    arguments.extend(target.process.arguments.iter().cloned());
    let launched = Launched::new(target.launch(), provided.java.executable.clone(), arguments);
    launched.write(&RealDisk, &folders.launched())?;
    Ok(to_launch(&launched, folders))
}

fn to_launch(launched: &Launched, folders: &SlotFolders) -> Launch {
    let mut launch = Launch::new(&launched.program, &folders.slot, folders.console_log());
    launch.args = launched.arguments.clone();
    launch.record = Some(folders.process());
    launch.limits = Limits { open_files: Some(OPEN_FILES), ..Limits::default() };
    for (name, value) in [("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8")] {
        launch.env.insert(name.to_owned(), value.to_owned());
    }
    launch
}

/// Java's argument file: the class path alone is longer than what `ps` shows.
pub(crate) fn render_argument_file(options: &[String], class_path: &[PathBuf]) -> String {
    let class_path = class_path.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>().join(":");
    let options = options.iter().map(String::as_str);
    let all = options.chain(["-cp", class_path.as_str()]);
    all.map(|option| format!("{}\n", quoted(option))).collect()
}

/// Takes the archive out of the argument file, for the starts that the supervisor makes by itself; gives its path.
pub(super) fn forsake_archive(folders: &SlotFolders) -> Result<Option<PathBuf>, DiskError> {
    let path = folders.slot.join(ARGUMENTS);
    let text = read_file(&path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let is_archive = |line: &&str| archive_in(line).is_some();
    let Some(archive) = text.lines().find_map(archive_in) else { return Ok(None) };
    let rest: String =
        text.lines().filter(|line| !is_archive(line)).map(|line| format!("{line}\n")).collect();
    replace_file(&path, rest.as_bytes())?;
    Ok(Some(archive))
}

/// The archive that a line of an argument file names.
fn archive_in(line: &str) -> Option<PathBuf> {
    let word = line.strip_prefix('"')?.strip_suffix('"')?;
    let path = ARCHIVE_OPTIONS.iter().find_map(|option| word.strip_prefix(option))?;
    Some(path.replace("\\\\", "\\").into())
}

/// A word of an argument file: in double quotes, with backslashes doubled.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crashed_java_is_started_again_without_its_archive() {
        let scratch = tempfile::tempdir().unwrap();
        let folders = SlotFolders { slot: scratch.path().to_owned(), logs: scratch.path().to_owned() };
        for option in ["-XX:SharedArchiveFile=/a b/x.jsa", "-XX:AOTCache=/a b/x.jsa"] {
            let with = ["-Xmx1g".to_owned(), option.to_owned()];
            let class_path = ["/jars/kafka.jar".into()];
            let path = folders.slot.join(ARGUMENTS);
            replace_file(&path, render_argument_file(&with, &class_path).as_bytes()).unwrap();
            assert_eq!(forsake_archive(&folders).unwrap(), Some("/a b/x.jsa".into()));
            let left = String::from_utf8(read_file(&path).unwrap().unwrap()).unwrap();
            assert_eq!(left, render_argument_file(&with[..1], &class_path));
            assert_eq!(forsake_archive(&folders).unwrap(), None);
        }
    }

    #[test]
    fn words_with_spaces_quotes_and_backslashes_stay_one_word() {
        assert_eq!(quoted(r#"-Da=b c"d\e"#), r#""-Da=b c\"d\\e""#);
    }

    #[tokio::test]
    async fn a_record_that_was_torn_by_a_power_loss_does_not_block_the_slot() {
        let folder = tempfile::tempdir().unwrap();
        let folders = SlotFolders { slot: folder.path().join("slot"), logs: folder.path().join("logs") };
        let launched =
            Launched::new(klamm_core::model::Sha256::of(b"launch"), "/bin/true".into(), Vec::new());
        launched.write(&RealDisk, &folders.launched()).unwrap();
        for torn in ["", "{\"version\": 1, \"pi", "\0\0\0\0"] {
            replace_file(&folders.process(), torn.as_bytes()).unwrap();
            let supervisor = Supervisor::new().unwrap();
            let unit = find_or_make_unit(&supervisor, "brokers-0", &folders).await.unwrap();
            assert!(unit.status().state.is_at_rest(), "{torn:?}");
        }
    }

    #[test]
    fn a_process_of_the_slot_is_found_by_its_argument_file_whatever_its_record_says() {
        let folder = tempfile::tempdir().unwrap();
        let word = format!("@{}", folder.path().join(ARGUMENTS).display());
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", "read line", &word]).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let found = process_in(folder.path());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, Some(child.id()));
    }
}
