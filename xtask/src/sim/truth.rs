//! `cargo xtask sim truth`: plays the recorded scenarios on real Kafka and compares its history with the model's.
//! `--record` writes what Kafka did into `crates/sim/recordings`, which the everyday tests compare with the model.

mod cluster;
mod logs;
mod scenarios;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use klamm_sim::kafka::truth::differences;

use crate::tree;
use cluster::RealCluster;
use scenarios::SCENARIOS;

/// Where recordings are kept.
const RECORDINGS: &str = "crates/sim/recordings";

/// Histories of the model that a recording is compared with.
const HISTORIES: u64 = 60;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which scenarios; all if none is named, and they are listed
    names: Vec<String>,
    /// The folder with Kafka's jars, as `cargo xtask fetch-kafka` prints it
    #[arg(long, value_name = "DIR", env = "KLAMM_KAFKA_LIBS")]
    libs: PathBuf,
    /// Write what Kafka did into the recordings
    #[arg(long)]
    record: bool,
}

/// Plays each scenario on a cluster of its own; fails when the model does something else in one of them.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    for name in &args.names {
        if !SCENARIOS.iter().any(|scenario| scenario.name == name) {
            let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            bail!("there is no scenario {name}, only: {}", known.join(", "));
        }
    }
    let mut differing = 0;
    let mut played = 0;
    for scenario in SCENARIOS {
        if !args.names.is_empty() && !args.names.iter().any(|name| name == scenario.name) {
            continue;
        }
        let mut cluster = RealCluster::start(&args.libs).with_context(|| scenario.name.to_owned())?;
        (scenario.play)(&mut cluster).with_context(|| scenario.name.to_owned())?;
        let recording = cluster.recording(scenario.title)?;
        if args.record {
            let folder = tree::root().join(RECORDINGS);
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
            let path = folder.join(format!("{}.txt", scenario.name));
            fs::write(&path, recording.to_string()).with_context(|| format!("writing {}", path.display()))?;
        }
        let found = differences(&recording, HISTORIES);
        println!("{}: {} lines, {} differences", scenario.name, recording.lines.len(), found.len());
        for difference in &found {
            println!("  {difference}");
        }
        played += 1;
        differing += usize::from(!found.is_empty());
    }
    println!("truth: {played} scenarios, {differing} in which the model differs");
    Ok(if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
