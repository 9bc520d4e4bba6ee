//! `cargo xtask sim …`: the simulator, for people. Built with optimisation: an unoptimised history takes twenty times
//! as long, and its digest is the same.

mod many;
mod mutants;
mod shell;
mod soak;
mod truth;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use klamm_sim::{DIGESTS, History, VERBS, check, digests, play, random_history, shorten, transcript};

use crate::tree;
use many::{Tally, play_many};
pub(crate) use soak::{Args as SoakArgs, run as soak};

/// Where scripts and their transcripts are.
pub(crate) const SCRIPTS: &str = "crates/sim/scripts";

/// The crate of the simulator.
const CRATE: &str = "crates/sim";

/// How many histories a failure may take to shorten.
const SHORTENING: usize = 400;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Play scripts and compare their transcripts; all of them, and the digests of some seeds, if none is named
    Run {
        /// Which
        files: Vec<PathBuf>,
        /// Write the transcripts instead of comparing them
        #[arg(long)]
        bless: bool,
        /// Print everything that happens, and compare nothing
        #[arg(long)]
        tell: bool,
    },
    /// Type commands and see what they do; with undo and save
    Shell {
        /// Begin with this script
        file: Option<PathBuf>,
    },
    /// Play random histories and print the first failure, shortened
    Seeds {
        /// How many
        #[arg(default_value_t = 1000)]
        count: u64,
        /// The first
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
    /// Print the history of one seed, and how it ends
    Seed {
        /// Which
        seed: u64,
        /// Print everything that happens
        #[arg(long)]
        tell: bool,
    },
    /// Play recorded scenarios on real Kafka and compare its history with the model's
    Truth(truth::Args),
    /// Switch on one bug after the other, and see that each is caught
    Mutants {
        /// Only this one
        mutant: Option<String>,
        /// Write the page about it instead of comparing it
        #[arg(long)]
        bless: bool,
    },
    /// Stop every verb at each point at which somebody can die
    CrashPoints {
        /// Only every Nth point
        #[arg(long, default_value_t = 1)]
        stride: u64,
        /// Only this verb
        verb: Option<String>,
    },
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    // Real Kafka takes its time, whoever starts it.
    let is_slow = !matches!(args.verb, Verb::Truth(_));
    if cfg!(debug_assertions) && is_slow {
        return run_optimised();
    }
    match args.verb {
        Verb::Truth(args) => truth::run(&args),
        Verb::Run { files, bless, tell } => run_scripts(files, bless, tell),
        Verb::Shell { file } => shell::run(file.as_deref()).map(|()| ExitCode::SUCCESS),
        Verb::Seeds { count, from } => seeds(from, count),
        Verb::Seed { seed, tell } => one_seed(seed, tell),
        Verb::Mutants { mutant, bless } => mutants::run(mutant.as_deref(), bless),
        Verb::CrashPoints { stride, verb } => crash_points(stride, verb.as_deref()),
    }
}

/// Runs this program built with optimisation, and so that bugs can be switched on.
pub(crate) const OPTIMISED: [&str; 8] =
    ["run", "--quiet", "--release", "--package", "xtask", "--features", "mutants", "--"];

/// The same command by an optimised build of this program.
fn run_optimised() -> Result<ExitCode> {
    let status = tree::cargo(&OPTIMISED)
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::inherit())
        .status()
        .context("starting cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_scripts(files: Vec<PathBuf>, bless: bool, tell: bool) -> Result<ExitCode> {
    let with_digests = files.is_empty() && !tell;
    let files = if files.is_empty() { all_scripts()? } else { files };
    let mut kept = Vec::new();
    for file in files {
        let text = read(&file)?;
        let played = transcript(&text, tell).with_context(|| file.display().to_string())?;
        if tell {
            print!("{played}");
        } else {
            kept.push((file, played));
        }
    }
    if with_digests {
        kept.push((tree::root().join(CRATE).join(DIGESTS), digests()));
    }
    let mut failed = 0;
    for (file, played) in &kept {
        if bless {
            fs::write(file, played).with_context(|| format!("writing {}", file.display()))?;
        } else if read(file)? != *played {
            failed += 1;
            println!("{} differs; what is played now:\n{played}", file.display());
        }
    }
    println!("{} passed, {failed} failed", kept.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn all_scripts() -> Result<Vec<PathBuf>> {
    let folder = tree::root().join(SCRIPTS);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sim"));
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

fn seeds(from: u64, count: u64) -> Result<ExitCode> {
    let begun = Instant::now();
    let Tally { histories, events, faults, fewest_events, broken } = play_many(from, count);
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{histories} histories in {seconds:.1} s ({:.0} a minute): {events} events, at least {fewest_events} in each, \
         {faults} faults",
        histories as f64 * 60.0 / seconds
    );
    match broken.first() {
        None => {
            println!("{histories} passed, 0 failed");
            Ok(ExitCode::SUCCESS)
        }
        Some(seed) => {
            explain(*seed)?;
            println!("{} passed, 1 failed", histories.saturating_sub(1));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Prints what a seed broke, and the shortest history found that breaks it too.
fn explain(seed: u64) -> Result<()> {
    let history = random_history(seed);
    let verdict = play(&history);
    let first = verdict.findings.first().context("the seed breaks nothing when it is played again")?;
    println!("seed {seed} breaks a rule:");
    verdict.findings.iter().for_each(|finding| println!("  {finding}"));
    let short = shorten(&history, first.rule, SHORTENING);
    let folder = tree::target().join("sim");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let file = folder.join(format!("seed-{seed}.sim"));
    fs::write(&file, short.to_string()).with_context(|| format!("writing {}", file.display()))?;
    println!("shortened to {} commands:\n{short}", short.commands.len());
    println!("play it: cargo xtask sim run --tell {}", file.display());
    Ok(())
}

fn one_seed(seed: u64, tell: bool) -> Result<ExitCode> {
    let history = random_history(seed);
    print!("{history}");
    if tell {
        let mut world = klamm_sim::World::new(&history.fleet);
        world.keep_lines();
        history.commands.iter().for_each(|command| drop(world.perform(command)));
        world.finish();
        world.take_lines().iter().for_each(|line| println!("{line}"));
    }
    let verdict = play(&history);
    println!("# {} events, {} faults, digest {}", verdict.events, verdict.faults, verdict.digest);
    verdict.findings.iter().for_each(|finding| println!("# {finding}"));
    Ok(if verdict.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn crash_points(stride: u64, only: Option<&str>) -> Result<ExitCode> {
    let verbs: Vec<_> = VERBS.iter().filter(|verb| only.is_none_or(|only| verb.name == only)).collect();
    ensure!(!verbs.is_empty(), "no verb is called so; there are {}", names());
    let (mut tried, mut astray) = (0, 0);
    for verb in verbs {
        let checked = check(verb, stride);
        let points: u64 = checked.points.values().map(|points| points.div_ceil(stride.max(1))).sum();
        tried += points;
        astray += checked.astray.len();
        println!("{:10} {points} points, {} led astray", verb.name, checked.astray.len());
        for case in checked.astray.iter().take(5) {
            println!("  {} dies at its point {}", case.actor, case.point);
            case.findings.iter().for_each(|finding| println!("    {finding}"));
            case.differs.iter().for_each(|line| println!("    {line}"));
        }
    }
    println!("{} passed, {astray} failed", tried - astray as u64);
    Ok(if astray == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn names() -> String {
    VERBS.iter().map(|verb| verb.name).collect::<Vec<_>>().join(", ")
}

/// Plays a history that a person has typed.
fn answers_of(history: &History) -> (klamm_sim::World, Vec<String>) {
    let mut world = klamm_sim::World::new(&history.fleet);
    let answers = history.commands.iter().map(|command| world.perform(command)).last().unwrap_or_default();
    (world, answers)
}
