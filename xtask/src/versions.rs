//! `cargo xtask versions [VERSION…]`: what must hold for every Kafka that the product runs: its property table is what
//! its jars say, Klamm's classes work in it, its data directories are as its own tool makes them, and the whole
//! end-to-end story of a laptop's cluster passes on it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use klamm_artifacts::Lock;

use crate::tree;

/// Whose jars the outside clients are taken from, whatever the nodes run.
pub(crate) const CLIENTS: &str = "4.3.1";

/// The variable that tells the story which Kafka the nodes run.
pub(crate) const VERSION: &str = "KLAMM_E2E_KAFKA";

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these versions
    versions: Vec<String>,
    /// Only cases whose names hold one of these words
    #[arg(long, value_name = "WORD")]
    case: Vec<String>,
}

/// Builds the product, fetches what it needs, and tells the story on one version after the other.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let carried: Vec<&str> = Lock::carried().iter().map(Lock::kafka).collect();
    for version in &args.versions {
        ensure!(carried.contains(&version.as_str()), "there is no lock file for Kafka {version}");
    }
    let wanted = |version: &&str| args.versions.is_empty() || args.versions.iter().any(|it| it == version);
    let (klamm, cache) = (product()?, cache());
    let libs = |version: &str| fetch(version, &cache);
    let clients = libs(CLIENTS)?;
    let mut summary = Vec::new();
    for version in carried.into_iter().filter(wanted) {
        println!("\n== Kafka {version}");
        let jars = libs(version)?;
        let mut checks = Vec::new();
        if args.case.is_empty() {
            checks.push(("tables", own(&["kafka-tables", version, "--check", "--libs", &jars])?));
            checks.push(("jvm", own(&["jvm", "--test", "--libs", &jars])?));
            let mut storage = tree::cargo(&["test", "--package", "klamm-core", "--test", "storage_tool"]);
            storage.env("KLAMM_KAFKA_LIBS", &jars);
            checks.push(("storage", storage));
        }
        let mut story = tree::cargo(&["test", "--package", "e2e", "--test", "laptop", "--"]);
        story.args(&args.case).env(VERSION, version).env("KLAMM_BIN", &klamm);
        story.env("KLAMM_KAFKA_CACHE", &cache).env("KLAMM_KAFKA_LIBS", &clients);
        checks.push(("story", story));
        for (name, mut command) in checks {
            let passed = command.status().with_context(|| format!("starting {name}"))?.success();
            summary.push((version, name, passed));
        }
    }
    println!("\n== summary");
    for (version, name, passed) in &summary {
        println!("{} Kafka {version}: {name}", if *passed { "passed" } else { "FAILED" });
    }
    Ok(if summary.iter().all(|(_, _, passed)| *passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The binary that is tried: `KLAMM_BIN`, or the one of this tree, built for release.
pub(crate) fn product() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("KLAMM_BIN") {
        return Ok(given.into());
    }
    let mut build = tree::cargo(&["build", "--release", "--package", "klamm-cli", "--bin", "klamm"]);
    ensure!(build.status().context("starting cargo")?.success(), "the product does not build");
    Ok(tree::target().join("release/klamm"))
}

/// Where downloads are kept: `KLAMM_KAFKA_CACHE`, or a folder of this tree.
pub(crate) fn cache() -> PathBuf {
    std::env::var_os("KLAMM_KAFKA_CACHE").map_or_else(|| tree::target().join("kafka-cache"), PathBuf::from)
}

/// Fetches the jars of a version and gives their folder.
pub(crate) fn fetch(version: &str, cache: &Path) -> Result<String> {
    let output = own(&["fetch-kafka", version, "--cache"])?.arg(cache).output();
    let output = output.context("starting fetch-kafka")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "Kafka {version} could not be fetched: {said}");
    let told = String::from_utf8(output.stdout).context("fetch-kafka printed no UTF-8")?;
    Ok(told.lines().last().unwrap_or_default().trim().to_owned())
}

/// Another verb of this program.
fn own(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("asking for this program's path")?);
    command.args(arguments).current_dir(tree::root());
    Ok(command)
}
