//! `bench respawn`: how soon the successor of a killed process runs, beside supervisord and runit.
//!
//! The same small script is kept by each of them. It writes its process id into a pipe as the first thing it does; the clock
//! starts just before SIGKILL is sent to it and stops when the next id arrives.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use klamm_supervise::{Launch, RestartPolicy, Supervisor, UnitHandle, UnitOptions};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::stock::own_folder;
use crate::figure::{Figure, Goal, Side, Sides};

/// runit waits until a second has passed since the last start; so much more is left to each process.
const RUNS_FOR: Duration = Duration::from_millis(1100);
/// A successor that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The supervisor of the agent, and those of the others that are installed.
pub(super) fn prepare() -> Result<Figure> {
    let ours = side("klamm", Kept::by_klamm()?)?;
    let mut others = Vec::new();
    for (name, program) in [("supervisord", "supervisord"), ("runit", "runsv")] {
        if found(program) {
            let kept = if program == "runsv" { Kept::by_runit()? } else { Kept::by_supervisord()? };
            others.push(side(name, kept)?);
        } else {
            println!("respawn: {name} is left out: there is no {program} (Debian: apt-get install {name})");
        }
    }
    let sides = Sides::Among { ours, others, percentile: 99 };
    Ok(Figure { name: "respawn", unit: "ms", goal: Goal::AtMost(5.0), rounds: 200, sides })
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn side(name: &'static str, mut kept: Kept) -> Result<Side> {
    kept.await_start()?;
    Ok(Side { name, sample: Box::new(move || kept.kill_once()) })
}

/// A script that somebody keeps running.
struct Kept {
    keeper: Keeper,
    starts: Receiver<(Instant, Pid)>,
    live: Option<(Instant, Pid)>,
    // goes last, when the processes are gone
    folder: TempDir,
}

enum Keeper {
    Klamm { unit: UnitHandle, runtime: tokio::runtime::Runtime },
    Program(Child),
}

impl Kept {
    fn by_klamm() -> Result<Self> {
        let folder = own_folder()?;
        let script = write_script(folder.path())?;
        let starts = listen(folder.path())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let mut options = UnitOptions::new("respawned");
        // Every run counts as a healthy one: no pauses.
        options.policy = RestartPolicy { stable_after: Duration::ZERO, ..RestartPolicy::default() };
        let mut launch = Launch::new(&script, folder.path(), folder.path().join("console.log"));
        launch.record = Some(folder.path().join("process.json"));
        let unit = runtime.block_on(async {
            let unit = Supervisor::new()?.unit(options);
            unit.start(launch).await?;
            anyhow::Ok(unit)
        })?;
        Ok(Self { keeper: Keeper::Klamm { unit, runtime }, starts, live: None, folder })
    }

    fn by_supervisord() -> Result<Self> {
        let folder = own_folder()?;
        let script = write_script(folder.path())?;
        let config = folder.path().join("supervisord.conf");
        let home = folder.path().display();
        let text = format!(
            "[supervisord]\nnodaemon=true\nlogfile={home}/supervisord.log\npidfile={home}/supervisord.pid\n\
             childlogdir={home}\n[program:respawned]\ncommand={}\nautorestart=true\nstartsecs=0\n",
            script.display()
        );
        fs::write(&config, text).context("writing supervisord's configuration")?;
        Self::by_program(Command::new("supervisord").arg("-n").arg("-c").arg(&config), folder)
    }

    fn by_runit() -> Result<Self> {
        let folder = own_folder()?;
        // `run` is runit's name for the script already.
        write_script(folder.path())?;
        Self::by_program(Command::new("runsv").arg(folder.path()), folder)
    }

    fn by_program(command: &mut Command, folder: TempDir) -> Result<Self> {
        let starts = listen(folder.path())?;
        let log = File::create(folder.path().join("keeper.log")).context("making a log")?;
        let child = command
            .stdin(Stdio::null())
            .stderr(log.try_clone().context("sharing a log")?)
            .stdout(log)
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        Ok(Self { keeper: Keeper::Program(child), starts, live: None, folder })
    }

    fn await_start(&mut self) -> Result<(Instant, Pid)> {
        let start = self.starts.recv_timeout(PATIENCE);
        let start =
            start.with_context(|| format!("nothing was started in {}", self.folder.path().display()))?;
        self.live = Some(start);
        Ok(start)
    }

    /// Milliseconds until the successor runs.
    fn kill_once(&mut self) -> Result<f64> {
        let (since, pid) = self.live.context("nothing runs")?;
        sleep(RUNS_FOR.saturating_sub(since.elapsed()));
        let begun = Instant::now();
        kill_process(pid, Signal::KILL).context("killing the script")?;
        let (arrived, _) = self.await_start()?;
        Ok((arrived - begun).as_secs_f64() * 1000.0)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        match &mut self.keeper {
            Keeper::Klamm { unit, runtime } => {
                let killed = runtime.block_on(async {
                    unit.kill("the end of the measurement").await?;
                    let mut watch = unit.watch();
                    let at_rest = watch.wait_for(|status| status.state.is_at_rest()).await;
                    at_rest.map(drop).context("the unit is gone")
                });
                if let Err(error) = killed {
                    eprintln!("the script may be left: {error:#}");
                }
            }
            Keeper::Program(child) => {
                // Both end what they keep when they are asked to end.
                let asked =
                    Pid::from_raw(child.id().cast_signed()).map(|pid| kill_process(pid, Signal::TERM));
                if let Some(Err(error)) = asked {
                    eprintln!("process {} may be left: {error}", child.id());
                } else if let Err(error) = child.wait() {
                    eprintln!("process {} may be left: {error}", child.id());
                }
            }
        }
    }
}

fn pipe(folder: &Path) -> PathBuf {
    folder.join("starts")
}

/// The script, named `run`.
fn write_script(folder: &Path) -> Result<PathBuf> {
    let script = folder.join("run");
    let text = format!("#!/bin/sh\necho $$ > '{}'\nexec sleep 1000000\n", pipe(folder).display());
    fs::write(&script, text).context("writing the script")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .context("making the script executable")?;
    Ok(script)
}

/// Makes the pipe and tells when each id arrived; ends with the process.
fn listen(folder: &Path) -> Result<Receiver<(Instant, Pid)>> {
    let path = pipe(folder);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).context("making a pipe")?;
    // Open for writing, too, so that it has no end when the script has written.
    let pipe = OpenOptions::new().read(true).write(true).open(&path).context("opening the pipe")?;
    let (tell, starts) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let now = Instant::now();
            let pid = line.trim().parse().ok().and_then(Pid::from_raw);
            if pid.is_none_or(|pid| tell.send((now, pid)).is_err()) {
                return;
            }
        }
    });
    Ok(starts)
}
