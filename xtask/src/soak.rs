//! `cargo xtask soak NAME`: runs one test for long and judges a figure of it.
//! One entry per soak in [`SOAKS`]; what a figure is and how it is judged is in `figure`.

mod crashes;
mod harm;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::figure::Figure;
use crate::tree;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which figure; without a name they are listed
    name: Option<String>,
    /// How many samples of each side, instead of the soak's own number
    #[arg(long)]
    rounds: Option<usize>,
}

/// One soak.
struct Soak {
    name: &'static str,
    /// One line for the list.
    about: &'static str,
    /// Builds what is needed and says what to measure.
    prepare: fn() -> Result<Figure>,
}

/// Every soak.
const SOAKS: &[Soak] = &[
    Soak {
        name: "crashes",
        about: "every verb on real Kafka, killed after one of its writes and said again; a round is a lap of five verbs",
        prepare: crashes::prepare,
    },
    Soak {
        name: "harm",
        about: "a roll under load with the safety rule, and with a build without it, which must be seen to do harm",
        prepare: harm::prepare,
    },
];

/// Measures and prints; the last line is the verdict. Fails when the goal is missed.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let Some(name) = args.name else {
        for soak in SOAKS {
            println!("{:10} {}", soak.name, soak.about);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(soak) = SOAKS.iter().find(|soak| soak.name == name) else {
        let known: Vec<_> = SOAKS.iter().map(|soak| soak.name).collect();
        bail!("there is no soak {name}, only: {}", known.join(", "));
    };
    let mut figure = (soak.prepare)()?;
    if let Some(rounds) = args.rounds {
        figure.rounds = rounds;
    }
    let verdict = figure.measure(&tree::target().join("soak"))?;
    println!("{}", verdict.line);
    Ok(if verdict.met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
