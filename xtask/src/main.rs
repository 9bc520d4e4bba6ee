//! `cargo xtask VERB`: everything this repository does to itself: checks, generated files, locks, figures.
//! One module per verb; `ci` runs the checks in order.

mod bench;
mod ci;
mod fetch_kafka;
mod figure;
mod generate;
mod jvm;
mod kafka_tables;
mod layers;
mod lock_kafka;
mod rust_text;
mod sim;
mod soak;
mod tidy;
mod tree;
mod versions;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "What the Klamm repository does to itself")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run every check and every test, then print the totals
    Ci(ci::Args),
    /// Check which crate depends on what, and that pure crates are pure
    Layers,
    /// Check the house rules a compiler does not know
    Tidy,
    /// Write the generated files, or compare them with `--check`
    Generate(generate::Args),
    /// Measure one figure beside what it is compared with
    Bench(bench::Args),
    /// Run one long test and print its figure
    Soak(soak::Args),
    /// Tell the end-to-end story on every Kafka version that the product runs
    Versions(versions::Args),
    /// Play a fleet in memory: scripts, random histories, crash points, a shell
    Sim(sim::Args),
    /// Resolve a Kafka version and write its lock file
    LockKafka(lock_kafka::LockKafkaArgs),
    /// Fill a cache with the jars of a Kafka version and print their folder
    FetchKafka(fetch_kafka::FetchKafkaArgs),
    /// Write the tables of Kafka's properties and features
    KafkaTables(kafka_tables::Args),
    /// Build, check or test the Java classes in `jvm/`
    Jvm(jvm::JvmArgs),
}

fn main() -> ExitCode {
    run(Cli::parse().verb).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Ci(args) => ci::run(args),
        Verb::Layers => layers::run(),
        Verb::Tidy => tidy::run(),
        Verb::Generate(args) => generate::run(args),
        Verb::Bench(args) => bench::run(args),
        Verb::Soak(args) => soak::run(args),
        Verb::Versions(args) => versions::run(args),
        Verb::Sim(args) => sim::run(args),
        Verb::LockKafka(args) => lock_kafka::run(args).map(|()| ExitCode::SUCCESS),
        Verb::FetchKafka(args) => fetch_kafka::run(args).map(|()| ExitCode::SUCCESS),
        Verb::KafkaTables(args) => kafka_tables::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Jvm(args) => jvm::run(args).map(|()| ExitCode::SUCCESS),
    }
}
