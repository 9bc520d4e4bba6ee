//! `cargo xtask kafka-tables VERSION --libs DIR`: asks a Kafka release's own jars for its properties and features
//! and writes the data tables of `klamm_core::kafka`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use klamm_core::kafka::{KafkaLine, KafkaVersion};

const PROGRAM: &str = include_str!("kafka_tables/KafkaTables.java");
const FEATURES: &str = "kafka-features.tsv";

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The release the jars are of, for example 4.3.1
    version: KafkaVersion,
    /// Folder with the jars of `kafka_2.13` and what it depends on
    #[arg(long)]
    libs: PathBuf,
    /// Write nothing; fail when a table would change
    #[arg(long)]
    check: bool,
}

/// Writes `crates/core/data/kafka-properties-LINE.tsv` and the features of all lines up to this one.
pub(crate) fn run(args: &Args) -> Result<()> {
    let line = args.version.line();
    let core_jar = args.libs.join(format!("kafka_2.13-{}.jar", args.version));
    ensure!(
        core_jar.is_file(),
        "{} is not there: --libs must hold the jars of {}",
        core_jar.display(),
        args.version
    );
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/core/data");

    let properties = properties(&args.libs)?;
    let table = format!("{}{properties}", header(args.version));
    write(&data.join(format!("kafka-properties-{line}.tsv")), &table, args.check)?;

    // The tool knows its own line and all before it, so the newest line's jars write the whole table; 3.9's tool
    // does not have the command.
    let known = fs::read_to_string(data.join(FEATURES)).unwrap_or_default();
    let newest_known =
        known.lines().filter_map(|row| row.split('\t').next()?.parse::<KafkaLine>().ok()).max();
    if line >= KafkaLine::new(4, 0) && newest_known.is_none_or(|newest| line >= newest) {
        let table = format!("{}{}", header(args.version), features(&args.libs, line)?);
        write(&data.join(FEATURES), &table, args.check)?;
    }
    Ok(())
}

fn header(version: KafkaVersion) -> String {
    format!("# Written by `cargo xtask kafka-tables {version}` from Kafka's jars; do not edit.\n")
}

fn properties(libs: &Path) -> Result<String> {
    let work = tempfile::tempdir()?;
    let source = work.path().join("KafkaTables.java");
    fs::write(&source, PROGRAM)?;
    let jars = format!("{}/*", libs.display());
    output(Command::new("javac").args(["-cp", &jars, "-d"]).arg(work.path()).arg(&source))?;
    output(Command::new("java").args(["-cp", &format!("{jars}:{}", work.path().display()), "KafkaTables"]))
}

fn features(libs: &Path, newest: KafkaLine) -> Result<String> {
    // Dynamic quorums, which every cluster that Klamm formats has, begin with 3.9.
    let lines = std::iter::once(KafkaLine::new(3, 9)).chain((0..).map(|minor| KafkaLine::new(4, minor)));
    let mut table = String::new();
    for line in lines.take_while(|line| *line <= newest) {
        let mapping = output(Command::new("java").arg("-cp").arg(format!("{}/*", libs.display())).args([
            "kafka.tools.StorageTool",
            "version-mapping",
            "--release-version",
            &line.to_string(),
        ]))?;
        let mut rows = Vec::new();
        for (feature, rest) in mapping.lines().filter_map(|row| row.split_once('=')) {
            let level: i16 = rest
                .split(' ')
                .next()
                .unwrap_or(rest)
                .parse()
                .with_context(|| format!("level in {rest:?}"))?;
            // Level 0 is absence, and kraft.version is no part of the bootstrap records.
            if level > 0 && feature != "kraft.version" {
                rows.push((feature != "metadata.version", feature, level));
            }
        }
        rows.sort_unstable();
        for (_, feature, level) in rows {
            writeln!(table, "{line}\t{feature}\t{level}")?;
        }
    }
    Ok(table)
}

fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.output().with_context(|| format!("{program} did not start"))?;
    ensure!(done.status.success(), "{program} failed: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).with_context(|| format!("{program} wrote something that is not UTF-8"))
}

fn write(path: &Path, content: &str, check: bool) -> Result<()> {
    if check {
        let kept = fs::read_to_string(path).ok();
        ensure!(kept.as_deref() == Some(content), "{} is not what the jars say", path.display());
        return Ok(());
    }
    fs::write(path, content).with_context(|| format!("{} was not written", path.display()))?;
    println!("{}: {} rows", path.display(), content.lines().count() - 1);
    Ok(())
}
