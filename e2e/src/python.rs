//! Clients in Python: a virtual environment with pinned packages, and the small programs of `e2e/python`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Missing, Ran};

/// librdkafka with its usual binding, and two clients that are Python alone.
const PACKAGES: [&str; 3] = ["confluent-kafka==2.16.1", "kafka-python==3.0.12", "aiokafka==0.14.0"];

/// An environment in which the clients can be imported.
pub struct Python {
    program: PathBuf,
}

impl Python {
    /// Makes the environment in the target folder, or takes the one that is there for the same packages.
    pub fn ensure() -> Result<Self> {
        let test = env::current_exe().context("asking for the path of this program")?;
        // target/PROFILE/deps/PROGRAM
        let target = test.ancestors().nth(3).context("this program is not in a target folder")?;
        let folder = target.join("e2e-python");
        let (program, stamp) = (folder.join("bin/python"), folder.join("packages"));
        let wanted = PACKAGES.join("\n");
        if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && program.exists() {
            return Ok(Self { program });
        }
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&folder);
        match run(&mut make) {
            Ok(ran) => ensure!(ran.code == Some(0), "{ran}"),
            Err(_) => return Err(Missing("python3 is not here".to_owned()).into()),
        }
        let mut fill = Command::new(&program);
        fill.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES);
        let ran = run(&mut fill)?;
        ensure!(ran.code == Some(0), "{ran}");
        fs::write(&stamp, wanted).context("noting what was installed")?;
        Ok(Self { program })
    }

    /// A program of `e2e/python`, to be started by the caller.
    pub fn command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-u").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script));
        command
    }

    /// Runs a program of `e2e/python` to its end; its last line is the JSON that it found.
    pub fn tell(&self, script: &str, arguments: &[&str]) -> Result<Value> {
        let ran = run(self.command(script).args(arguments).stdin(Stdio::null()))?;
        ensure!(ran.code == Some(0), "{ran}");
        let last = ran.out.lines().last().with_context(|| format!("{script} printed nothing"))?;
        serde_json::from_str(last).with_context(|| format!("{script} printed {last}"))
    }
}

fn run(command: &mut Command) -> Result<Ran> {
    let line = format!("{command:?}");
    let output = command.output().with_context(|| format!("starting {line}"))?;
    Ok(Ran::new(line, &output))
}
