//! `cargo xtask sim …`: the simulator, for people. Built with optimisation: an unoptimised history takes twenty times
//! as long, and its digest is the same.

mod shell;
mod truth;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use klamm_sim::{History, VERBS, check, play, play_seed, random_history, shorten, transcript};

use crate::tree;

/// Where scripts and their transcripts are.
pub(crate) const SCRIPTS: &str = "crates/sim/scripts";

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
    /// Play scripts and compare their transcripts, all of them if none is named
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
        Verb::CrashPoints { stride, verb } => crash_points(stride, verb.as_deref()),
    }
}

/// The same command by an optimised build of this program.
fn run_optimised() -> Result<ExitCode> {
    let status = tree::cargo(&["run", "--quiet", "--release", "--package", "xtask", "--"])
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::inherit())
        .status()
        .context("starting cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_scripts(files: Vec<PathBuf>, bless: bool, tell: bool) -> Result<ExitCode> {
    let files = if files.is_empty() { all_scripts()? } else { files };
    let mut failed = 0;
    for file in &files {
        let text = read(file)?;
        let played = transcript(&text, tell).with_context(|| file.display().to_string())?;
        if tell {
            print!("{played}");
        } else if bless {
            fs::write(file, &played).with_context(|| format!("writing {}", file.display()))?;
        } else if played != text {
            failed += 1;
            println!("{}: the transcript differs; what is played now:\n{played}", file.display());
        }
    }
    println!("{} passed, {failed} failed", files.len() - failed);
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

/// What many histories came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) histories: u64,
    pub(crate) events: u64,
    pub(crate) faults: u64,
    /// The fewest events of one history.
    pub(crate) fewest_events: u64,
    /// The lowest seed that broke a rule.
    pub(crate) broken: Option<u64>,
}

/// Plays the histories of many seeds on all processors; each by itself is played by one thread.
pub(crate) fn play_many(from: u64, count: u64) -> Tally {
    let next = AtomicU64::new(from);
    let worker = || {
        let mut tally = Tally { fewest_events: u64::MAX, ..Tally::default() };
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + count {
                return tally;
            }
            let verdict = play_seed(seed);
            tally.histories += 1;
            tally.events += verdict.events;
            tally.faults += verdict.faults as u64;
            tally.fewest_events = tally.fewest_events.min(verdict.events);
            if !verdict.findings.is_empty() {
                tally.broken = Some(tally.broken.map_or(seed, |known| known.min(seed)));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        running.into_iter().map(|thread| thread.join().expect("a history does not panic")).collect()
    });
    tallies.into_iter().fold(Tally { fewest_events: u64::MAX, ..Tally::default() }, |all, one| Tally {
        histories: all.histories + one.histories,
        events: all.events + one.events,
        faults: all.faults + one.faults,
        fewest_events: all.fewest_events.min(one.fewest_events),
        broken: [all.broken, one.broken].into_iter().flatten().min(),
    })
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
    match broken {
        None => {
            println!("{histories} passed, 0 failed");
            Ok(ExitCode::SUCCESS)
        }
        Some(seed) => {
            explain(seed)?;
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
