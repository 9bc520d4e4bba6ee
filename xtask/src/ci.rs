//! `cargo xtask ci`: every check and every test in order, then one plain line of totals. All steps run even when one
//! fails, so that a person reads all there is to mend at once.

mod steps;
#[cfg(test)]
mod tests;
mod totals;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use totals::Totals;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave out the end-to-end tests, which run real Kafka clusters
    #[arg(long)]
    no_e2e: bool,
}

/// How one step ended.
enum Outcome {
    Passed,
    /// What it needs is not on this machine.
    Skipped {
        because: String,
    },
    Failed {
        because: String,
    },
}

/// Runs all steps; the last line is `N passed, N failed, N skipped`.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let mut totals = Totals::default();
    let mut summary = Vec::new();
    let mut libs = None;
    for step in steps::STEPS {
        if args.no_e2e && step.needs_kafka_cluster {
            totals.add_skipped_step();
            summary.push(format!("skipped  {}: left out by --no-e2e", step.name));
            continue;
        }
        println!("\n== {}: {}", step.name, step.about);
        let started = Instant::now();
        let mut counted = Totals::default();
        let outcome = (step.run)(&mut counted, &mut libs)
            .unwrap_or_else(|error| Outcome::Failed { because: format!("{error:#}") });
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Outcome::Passed => summary.push(format!("passed   {} ({seconds:.0} s)", step.name)),
            Outcome::Skipped { because } => {
                counted.add_skipped_step();
                summary.push(format!("skipped  {}: {because}", step.name));
            }
            Outcome::Failed { because } => {
                counted.add_failed_step();
                summary.push(format!("FAILED   {} ({seconds:.0} s): {because}", step.name));
            }
        }
        totals += counted;
    }
    println!("\n== summary");
    for line in summary {
        println!("{line}");
    }
    println!("{totals}");
    Ok(if totals.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
