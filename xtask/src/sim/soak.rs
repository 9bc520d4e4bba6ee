//! `cargo xtask soak sim`: random histories for as long as somebody wants, on all processors, told of while they run.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::many::{Tally, play_many};
use super::{explain, run_optimised};

/// Between two lines about how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// After so many broken histories the rest is likely to break for the same causes.
const ENOUGH: u64 = 5;

/// Histories between two looks at the time: a second's worth.
const PIECE: u64 = 50;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many histories; without it, as many as the time allows
    #[arg(long)]
    seeds: Option<u64>,
    /// For how many minutes at most
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if cfg!(debug_assertions) {
        return run_optimised();
    }
    let Args { seeds, minutes, from } = args;
    let (begun, limit) = (Instant::now(), Duration::from_secs(minutes * 60));
    let mut told = Duration::ZERO;
    let (mut all, mut broken) = (Tally::default(), 0);
    loop {
        let left = seeds.map_or(PIECE, |seeds| seeds.saturating_sub(all.histories).min(PIECE));
        let passed = begun.elapsed();
        if passed - told >= TOLD_EVERY || left == 0 || passed >= limit {
            told = passed;
            let rate = all.histories as f64 * 60.0 / passed.as_secs_f64();
            println!(
                "{:>5} s: seeds {from} to {}, {rate:.0} a minute, {} events, {} faults, {broken} broke a rule",
                passed.as_secs(),
                from + all.histories,
                all.events,
                all.faults
            );
        }
        if left == 0 || passed >= limit || broken >= ENOUGH {
            break;
        }
        let piece = play_many(from + all.histories, left);
        for seed in &piece.broken {
            broken += 1;
            explain(*seed)?;
        }
        all = all.and(piece);
    }
    println!("{} passed, {broken} failed", all.histories - broken);
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
