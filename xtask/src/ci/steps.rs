//! The steps of `ci`, in order: what is quick and local first, real Kafka last.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::Outcome;
use super::totals::Totals;
use crate::sim::OPTIMISED;
use crate::tree;
use crate::versions;

/// The Kafka version whose jars the tests run against.
const KAFKA: &str = versions::CLIENTS;

/// The Kafka that differs most from it; `cargo xtask versions` has all of them.
const OLDEST: &str = "3.9.2";
/// What of the story is told again on the oldest: made, known keys, foreign clients, a roll, stopped, destroyed.
const CASES_ON_OLDEST: [&str; 9] = ["c01", "c02", "c03", "c04", "c06", "c08", "c14", "c16", "c17"];

/// How many random histories every run of the checks plays.
const HISTORIES: &str = "1000";

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// True for steps that start real clusters.
    pub(super) needs_kafka_cluster: bool,
    /// Runs it; adds the tests it ran to the totals, and leaves the folder of Kafka's jars once it is known.
    pub(super) run: fn(&mut Totals, &mut Option<PathBuf>) -> Result<Outcome>,
}

/// Every step.
pub(super) const STEPS: &[Step] = &[
    step("format", "rustfmt has nothing to change", format),
    step("layers", "crates see only what layers.toml lets them", |_, _| check(own(&["layers"])?)),
    step("tidy", "house rules", |_, _| check(own(&["tidy"])?)),
    step("generate", "generated files are up to date", |_, _| check(own(&["generate", "--check"])?)),
    step("clippy", "no lint anywhere", clippy),
    step("kafka jars", "the jars that tests need, verified", fetch_kafka),
    step("jvm", "the Java classes: their bytes and their tests", jvm),
    step("tests", "unit and integration tests", tests),
    step("klamm", "the binary that end-to-end tests run", |_, _| {
        check(tree::cargo(&["build", "--release", "--package", "klamm-cli", "--bin", "klamm"]))
    }),
    step("sim", "a fleet in memory: scripts, random histories, crash points", simulate),
    Step { needs_kafka_cluster: true, ..step("e2e", "real Kafka clusters, from outside", end_to_end) },
];

const fn step(
    name: &'static str,
    about: &'static str,
    run: fn(&mut Totals, &mut Option<PathBuf>) -> Result<Outcome>,
) -> Step {
    Step { name, about, needs_kafka_cluster: false, run }
}

fn format(_: &mut Totals, _: &mut Option<PathBuf>) -> Result<Outcome> {
    if !succeeds(tree::cargo(&["fmt", "--version"])) {
        return Ok(Outcome::Skipped { because: "this toolchain has no rustfmt".into() });
    }
    check(tree::cargo(&["fmt", "--all", "--check"]))
}

fn clippy(_: &mut Totals, _: &mut Option<PathBuf>) -> Result<Outcome> {
    if !succeeds(tree::cargo(&["clippy", "--version"])) {
        return Ok(Outcome::Skipped { because: "this toolchain has no clippy".into() });
    }
    check(tree::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// Downloads go to the target folder, so that a second run has them; `fetch-kafka` prints where the jars are.
fn fetch_kafka(_: &mut Totals, libs: &mut Option<PathBuf>) -> Result<Outcome> {
    let cache = tree::target().join("kafka-cache");
    let mut fetch = own(&["fetch-kafka", KAFKA, "--cache"])?;
    let output = fetch.arg(&cache).stderr(Stdio::inherit()).output().context("running fetch-kafka")?;
    if !output.status.success() {
        return Ok(Outcome::Failed { because: format!("fetch-kafka: {}", output.status) });
    }
    let said = String::from_utf8(output.stdout).context("fetch-kafka printed no UTF-8")?;
    let folder = PathBuf::from(said.lines().last().unwrap_or_default().trim());
    ensure!(folder.is_dir(), "fetch-kafka printed {}, which is no folder", folder.display());
    println!("{}", folder.display());
    *libs = Some(folder);
    Ok(Outcome::Passed)
}

fn jvm(totals: &mut Totals, libs: &mut Option<PathBuf>) -> Result<Outcome> {
    let Some(libs) = libs else {
        return Ok(Outcome::Skipped { because: "the jars of Kafka are not there".into() });
    };
    // a machine without any javac fails: `./dev test` installs one
    let said = Command::new("javac").arg("-version").output().context("starting javac")?;
    let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if !version.starts_with("javac 17.") {
        return Ok(Outcome::Skipped {
            because: format!("{version} is here, and bytes are compared with those of 17"),
        });
    }
    count(own(&["jvm", "--check", "--test", "--libs"])?.arg(libs), totals)
}

fn tests(totals: &mut Totals, libs: &mut Option<PathBuf>) -> Result<Outcome> {
    let mut command = tree::cargo(&["test", "--workspace", "--exclude", "e2e", "--no-fail-fast"]);
    if let Some(libs) = libs {
        command.env("KLAMM_KAFKA_LIBS", libs);
    }
    count(&mut command, totals)
}

/// Optimised, beside the binary that was just built; each prints its totals.
fn simulate(totals: &mut Totals, _: &mut Option<PathBuf>) -> Result<Outcome> {
    for verb in [["run"].as_slice(), &["seeds", HISTORIES], &["crash-points"]] {
        let mut command = tree::cargo(&OPTIMISED);
        command.arg("sim");
        if let Outcome::Failed { because } = count(command.args(verb), totals)? {
            return Ok(Outcome::Failed { because: format!("sim {}: {because}", verb.join(" ")) });
        }
    }
    Ok(Outcome::Passed)
}

/// One test at a time: each runs a whole cluster, and two of them starve each other on a small machine.
fn end_to_end(totals: &mut Totals, libs: &mut Option<PathBuf>) -> Result<Outcome> {
    let cache = tree::target().join("kafka-cache");
    let with_jars = |mut command: Command| {
        command.env("KLAMM_BIN", tree::target().join("release/klamm"));
        if let Some(libs) = &libs {
            command.env("KLAMM_KAFKA_LIBS", libs).env("KLAMM_KAFKA_CACHE", &cache);
        }
        command
    };
    let all = tree::cargo(&["test", "--package", "e2e", "--no-fail-fast", "--", "--test-threads=1"]);
    let newest = count(&mut with_jars(all), totals)?;
    println!("\nagain on Kafka {OLDEST}");
    let fetched = own(&["fetch-kafka", OLDEST, "--node-only", "--cache"])?.arg(&cache).status();
    ensure!(fetched.context("running fetch-kafka")?.success(), "Kafka {OLDEST} could not be fetched");
    let mut again = tree::cargo(&["test", "--package", "e2e", "--test", "laptop", "--"]);
    again.args(CASES_ON_OLDEST).env(versions::VERSION, OLDEST);
    let oldest = count(&mut with_jars(again), totals)?;
    Ok(match newest {
        Outcome::Passed => oldest,
        Outcome::Skipped { .. } | Outcome::Failed { .. } => newest,
    })
}

/// Another verb of this program.
fn own(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("asking for the path of this program")?);
    command.args(args).current_dir(tree::root()).stdin(Stdio::null());
    Ok(command)
}

fn succeeds(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn check(mut command: Command) -> Result<Outcome> {
    let status = command.status().with_context(|| format!("starting {}", command.get_program().display()))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed { because: status.to_string() } })
}

/// Runs, shows every line as it comes, and adds up what the lines say of tests.
fn count(command: &mut Command, totals: &mut Totals) -> Result<Outcome> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    let lines = BufReader::new(child.stdout.take().expect("standard output was piped"));
    for line in lines.split(b'\n') {
        let line = line.context("reading what the tests print")?;
        let line = String::from_utf8_lossy(&line);
        totals.add_line(&line);
        writeln!(std::io::stdout(), "{line}").context("printing what the tests print")?;
    }
    let status = child.wait().context("waiting for the tests")?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed { because: status.to_string() } })
}
