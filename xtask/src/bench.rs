//! `cargo xtask bench NAME`: measures one figure of the product beside what it is compared with.
//! One entry per bench in [`BENCHES`]; what a figure is and how it is judged is in `figure`.

mod agent;
mod bare;
mod cli;
mod plan;
mod product;
mod readiness;
mod ready;
mod respawn;
mod sim;
mod stock;
mod up_again;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::figure::Figure;
use crate::tree;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which figure; without a name they are listed
    name: Option<String>,
    /// How many samples of each side, instead of the bench's own number
    #[arg(long)]
    rounds: Option<usize>,
}

/// One bench.
struct Bench {
    name: &'static str,
    /// One line for the list.
    about: &'static str,
    /// Builds what is needed and says what to measure.
    prepare: fn() -> Result<Figure>,
}

/// Every bench.
const BENCHES: &[Bench] = &[
    Bench { name: "sim", about: "random histories of a fleet in memory", prepare: sim::prepare },
    Bench {
        name: "ready",
        about: "klamm up from empty folders until every broker takes writes, with a class-data archive, beside a bare start",
        prepare: ready::prepare,
    },
    Bench {
        name: "ready-cold",
        about: "the same for the first start on a machine, which has no class-data archive",
        prepare: ready::prepare_cold,
    },
    Bench { name: "cli", about: "klamm topic list beside Kafka's own TopicCommand", prepare: cli::prepare },
    Bench {
        name: "respawn",
        about: "the successor of a killed process, beside supervisord and runit",
        prepare: respawn::prepare,
    },
    Bench { name: "up-again", about: "klamm up with nothing to do", prepare: up_again::prepare },
    Bench {
        name: "agent",
        about: "resident memory of the daemon with three idle nodes",
        prepare: agent::prepare_memory,
    },
    Bench {
        name: "agent-cpu",
        about: "processor time of the daemon with three idle nodes",
        prepare: agent::prepare_cpu,
    },
    Bench {
        name: "plan",
        about: "klamm plan of three nodes with nothing to do, from its start to its end",
        prepare: plan::prepare,
    },
    Bench {
        name: "plan-large",
        about: "the planner alone: 1,000 nodes, 100,000 partitions, nothing to do",
        prepare: plan::prepare_large,
    },
];

/// Measures and prints; the last line is the verdict. Fails when the goal is missed.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let Some(name) = args.name else {
        for bench in BENCHES {
            println!("{:10} {}", bench.name, bench.about);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        let known: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
        bail!("there is no bench {name}, only: {}", known.join(", "));
    };
    let mut figure = (bench.prepare)()?;
    if let Some(rounds) = args.rounds {
        figure.rounds = rounds;
    }
    let verdict = figure.measure(&tree::target().join("bench"))?;
    println!("{}", verdict.line);
    Ok(if verdict.met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
