//! The product in a folder of its own: its command, its processes, its end.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{Listening, Missing, Process, Role, Status, poll};

/// Variables that would lead the product elsewhere.
const OWN_VARIABLES: [&str; 2] = ["KLAMM_ROOT", "KLAMM_CLUSTER"];

/// The longest that a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(20);

/// One installation: everything is below [`Product::root`]. Its processes end with it.
pub struct Product {
    binary: PathBuf,
    root: PathBuf,
    // its folder goes last, when the processes are gone
    folder: TempDir,
}

/// What a run of the command gave.
#[derive(Debug)]
pub struct Ran {
    /// The arguments.
    pub line: String,
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Product {
    /// An empty installation whose root is `name` in a new temporary folder. The binary is `KLAMM_BIN`; downloads come
    /// from `KLAMM_KAFKA_CACHE` where that is set.
    pub fn empty(name: &str) -> Result<Self> {
        let Some(binary) = std::env::var_os("KLAMM_BIN") else {
            return Err(Missing("KLAMM_BIN does not say where the binary is".to_owned()).into());
        };
        Self::empty_of(&binary, name)
    }

    /// [`Product::empty`] of another binary.
    pub fn empty_of(binary: &OsStr, name: &str) -> Result<Self> {
        let binary = fs::canonicalize(binary).with_context(|| format!("finding {}", binary.display()))?;
        let folder = tempfile::Builder::new().prefix("klamm-e2e-").tempdir().context("making a folder")?;
        let root = folder.path().join(name);
        fs::create_dir_all(&root).context("making the root")?;
        if let Some(warm) = std::env::var_os("KLAMM_KAFKA_CACHE") {
            link_tree(Path::new(&warm), &root.join("cache")).context("taking over the downloads")?;
        }
        Ok(Self { binary, root, folder })
    }

    /// Where everything of it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder beside the root, for files of the test; made if it is not there.
    pub fn beside(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// The command, with its root and nothing on standard input.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("--root")
            .arg(&self.root)
            .args(arguments)
            .stdin(Stdio::null())
            .current_dir(self.folder.path());
        OWN_VARIABLES.iter().for_each(|name| {
            command.env_remove(name);
        });
        command
    }

    /// Runs the command to its end, whatever it gives.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Ran> {
        let mut command = self.command(arguments);
        let line = format!("{command:?}");
        let output = command.output().with_context(|| format!("starting {line}"))?;
        Ok(Ran::new(line, &output))
    }

    /// Runs the command, which must end well, and gives its standard output.
    pub fn klamm<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        let ran = self.run(arguments)?;
        ensure!(ran.code == Some(0), "{ran}");
        Ok(ran.out)
    }

    /// Writes the spec beside the root and gives its path.
    pub fn write_spec(&self, text: &str) -> Result<PathBuf> {
        let path = self.folder.path().join("spec.yaml");
        fs::write(&path, text).context("writing the spec")?;
        Ok(path)
    }

    /// `klamm status`, read.
    pub fn status(&self) -> Result<Status> {
        Status::parse(&self.klamm(["status", "--output", "json"])?)
    }

    /// Its processes now.
    pub fn processes(&self) -> Result<Vec<Process>> {
        Process::of_root(&self.root)
    }

    /// Its processes of one kind.
    pub fn processes_of(&self, role: Role) -> Result<Vec<Process>> {
        Ok(self.processes()?.into_iter().filter(|process| process.role == role).collect())
    }

    /// The ids of the processes of Kafka, ascending.
    pub fn node_pids(&self) -> Result<Vec<i32>> {
        Ok(self.processes_of(Role::Node)?.iter().map(|process| process.pid).collect())
    }

    /// Every TCP socket on which it listens.
    pub fn listening(&self) -> Result<Vec<Listening>> {
        let mut found = Vec::new();
        for process in self.processes()? {
            found.extend(process.listening()?);
        }
        Ok(found)
    }

    /// Kills with SIGKILL and waits until they are gone.
    pub fn kill(&self, processes: &[Process]) -> Result<()> {
        processes.iter().try_for_each(Process::kill)?;
        poll("killed processes to be gone", GONE, || {
            let left = self.processes()?;
            let alive = processes.iter().find(|process| left.contains(process));
            ensure!(alive.is_none(), "{alive:?} is still there");
            Ok(())
        })
    }

    /// Every file and socket below the root, downloads left out.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut open = vec![self.root.clone()];
        while let Some(folder) = open.pop() {
            // Kafka deletes and renames while it is looked at
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                let path = entry.path();
                if path == self.root.join("cache") {
                    continue;
                } else if kind.is_dir() {
                    open.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // those first that would start again what is killed
        for role in [Role::Daemon, Role::Server, Role::Agent, Role::Node, Role::Throwaway] {
            let ended = self.processes_of(role).and_then(|processes| self.kill(&processes));
            if let Err(problem) = ended {
                eprintln!("processes of {} may be left: {problem:#}", self.root.display());
            }
        }
    }
}

impl Ran {
    pub(crate) fn new(line: String, output: &Output) -> Self {
        Self {
            line,
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, out, err } = self;
        write!(f, "{line} ended with {code:?}\n--- out\n{out}\n--- err\n{err}")
    }
}

/// Hard links where the file system allows them: downloads are large and never written in place.
fn link_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry.with_context(|| format!("reading {}", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().with_context(|| format!("looking at {}", source.display()))?;
        if kind.is_dir() {
            link_tree(&source, &target)?;
        } else if kind.is_symlink() {
            let leads = fs::read_link(&source).with_context(|| format!("reading {}", source.display()))?;
            std::os::unix::fs::symlink(leads, &target)
                .with_context(|| format!("making {}", target.display()))?;
        } else if fs::hard_link(&source, &target).is_err() {
            fs::copy(&source, &target).with_context(|| format!("copying {}", source.display()))?;
        }
    }
    Ok(())
}
