//! `cargo xtask sim mutants`: each bug that can be switched on must be caught, by the rule that stands for its harm, in a
//! script or within so many random histories. The page about it is kept as transcripts are.

mod rows;

use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use klamm_core::mutant::{COMPILED_IN, Mutant};
use klamm_sim::{Finding, History, Rule, play, play_with, random_history, rule_broken_by, strikes_at_random};

use crate::tree;
use rows::{ROWS, Row};

/// A bug that survives so many random histories is not caught.
const HISTORIES: u64 = 1000;

/// What is written.
const PAGE: &str = "docs/reference/mutants.md";

/// Where a bug was caught first.
struct Catch {
    script: Option<String>,
    seed: Option<u64>,
}

/// A script with the rules that it breaks without any bug: some end in a fleet that only a person can mend.
struct Script {
    name: String,
    history: History,
    broken: Vec<Rule>,
}

/// Hunts each mutant, or only the one that is named; compares the page, or writes it.
pub(super) fn run(only: Option<&str>, bless: bool) -> Result<ExitCode> {
    ensure!(COMPILED_IN, "mutants are not compiled in; `cargo xtask sim mutants` builds with them");
    let scripts = scripts()?;
    let hunted: Vec<Mutant> =
        Mutant::ALL.into_iter().filter(|mutant| only.is_none_or(|only| mutant.name() == only)).collect();
    ensure!(!hunted.is_empty(), "no mutant is called so; there are {}", names());
    let begun = Instant::now();
    let (mut catches, mut alive, mut played) = (Vec::new(), 0, 0);
    for mutant in &hunted {
        let rule = rule_broken_by(*mutant);
        let script = scripts.iter().find(|script| is_caught_by(*mutant, script));
        let (seed, tried) = if strikes_at_random(*mutant) { first_seed(*mutant, rule) } else { (None, 0) };
        played += tried;
        let catch = Catch { script: script.map(|script| script.name.clone()), seed };
        let by = told(&catch);
        println!("{:22} {:45} {by}, {tried} seeds tried", mutant.name(), rule.title());
        alive += usize::from(catch.script.is_none() && catch.seed.is_none());
        catches.push((*mutant, catch));
    }
    println!("{played} histories in {:.1} s", begun.elapsed().as_secs_f64());
    let mut failed = alive;
    if only.is_none() {
        let (file, page) = (tree::root().join(PAGE), page(&catches));
        if bless {
            fs::write(&file, page).with_context(|| format!("writing {}", file.display()))?;
        } else if !fs::read_to_string(&file).is_ok_and(|present| present == page) {
            failed += 1;
            println!("{PAGE} differs; `cargo xtask sim mutants --bless` writes it");
        }
    }
    println!("{} passed, {failed} failed", hunted.len() - alive);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn names() -> String {
    Mutant::ALL.map(Mutant::name).join(", ")
}

fn scripts() -> Result<Vec<Script>> {
    let read = |file: &std::path::PathBuf| {
        let history = History::parse(&super::read(file)?).with_context(|| file.display().to_string())?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let broken = rules(&play(&history).findings);
        Ok(Script { name, history, broken })
    };
    super::all_scripts()?.iter().map(read).collect()
}

fn rules(findings: &[Finding]) -> Vec<Rule> {
    findings.iter().map(|finding| finding.rule).collect()
}

fn is_caught_by(mutant: Mutant, script: &Script) -> bool {
    let rule = rule_broken_by(mutant);
    !script.broken.contains(&rule) && rules(&play_with(mutant, &script.history).findings).contains(&rule)
}

/// The lowest seed whose history breaks the rule, and how many were tried. On all processors: seeds are taken in their
/// order, so that whoever finds one must only wait for those below.
fn first_seed(mutant: Mutant, rule: Rule) -> (Option<u64>, u64) {
    let (next, found) = (AtomicU64::new(0), AtomicU64::new(HISTORIES));
    let worker = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= found.load(Ordering::Relaxed) {
            return;
        }
        if rules(&play_with(mutant, &random_history(seed)).findings).contains(&rule) {
            found.fetch_min(seed, Ordering::Relaxed);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(worker))));
    let found = found.into_inner();
    ((found < HISTORIES).then_some(found), (found + 1).min(HISTORIES))
}

fn told(catch: &Catch) -> String {
    let Catch { script, seed } = catch;
    let script = script.as_ref().map(|script| format!("script {script}"));
    let seed = seed.map(|seed| format!("seed {seed}"));
    let by: Vec<String> = [script, seed].into_iter().flatten().collect();
    if by.is_empty() { "NOT CAUGHT".to_owned() } else { by.join(" and ") }
}

fn page(catches: &[(Mutant, Catch)]) -> String {
    let mut page = format!(
        "# Mutants\n\nWritten by `cargo xtask sim mutants --bless`. A mutant is Klamm with one bug, which the simulator must catch: by the rule\n\
         that stands for its harm, in a script or within {HISTORIES} random histories. They are in `crates/core/src/mutant.rs`, behind a\n\
         feature that no build has but the simulator's: the `klamm` binary does not compile with it.\n\n\
         | mutant | bug | rule that it breaks | caught by |\n|---|---|---|---|\n"
    );
    let mut line = |text: std::fmt::Arguments<'_>| {
        page.write_fmt(text).expect("a string takes everything");
        page.push('\n');
    };
    for (mutant, catch) in catches {
        let (name, title, rule) = (mutant.name(), mutant.title(), rule_broken_by(*mutant).title());
        line(format_args!("| `{name}` | {title} | {rule} | {} |", told(catch)));
    }
    line(format_args!("\n## Bugs of other operators\n"));
    line(format_args!(
        "What went wrong elsewhere, and the mutant that has the same bug; or why none can have it yet.\n"
    ));
    line(format_args!("| | bug | seen in | here |\n|---|---|---|---|"));
    for Row { number, bug, seen, mutants, otherwise } in ROWS {
        let names =
            mutants.iter().map(|mutant| format!("`{}`", mutant.name())).collect::<Vec<_>>().join(", ");
        let here = [names.as_str(), *otherwise].into_iter().filter(|text| !text.is_empty());
        let here = here.collect::<Vec<_>>().join("; ");
        line(format_args!("| {number} | {bug} | {seen} | {here} |"));
    }
    page
}
