//! `cargo xtask soak NAME`: what is run for as long as somebody wants, beside the checks of every day.

mod crashes;
mod harm;

use std::process::ExitCode;

use anyhow::Result;

use crate::sim;
use crate::tree;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    soak: Soak,
}

#[derive(Debug, clap::Subcommand)]
enum Soak {
    /// Every verb on real Kafka, killed after one of its writes and said again
    Crashes {
        /// How many stories of some laps of five verbs
        #[arg(long)]
        rounds: Option<usize>,
    },
    /// A roll under load with the safety rule, and with a build without it, which must be seen to do harm
    Harm {
        /// How many rolls of each
        #[arg(long)]
        rounds: Option<usize>,
    },
    /// Random histories of the simulator; each that breaks a rule is shortened
    Sim(sim::SoakArgs),
}

/// The last line is the verdict. Fails when something went wrong.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let (mut figure, rounds) = match args.soak {
        Soak::Sim(args) => return sim::soak(&args),
        Soak::Crashes { rounds } => (crashes::prepare()?, rounds),
        Soak::Harm { rounds } => (harm::prepare()?, rounds),
    };
    figure.rounds = rounds.unwrap_or(figure.rounds);
    let verdict = figure.measure(&tree::target().join("soak"))?;
    println!("{}", verdict.line);
    Ok(if verdict.met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
