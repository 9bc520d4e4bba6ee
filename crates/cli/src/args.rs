//! The grammar of the command line; each verb's own arguments are in the verb's file.

use std::path::PathBuf;

use clap::builder::styling::Styles;
use clap::{ArgAction, CommandFactory as _, Parser, Subcommand};
use klamm_core::model::ClusterName;

use crate::commands::{
    agent, apply, artifacts, cert, client_config, completions, consume, destroy, diff, down, history, host,
    init, logs, man, plan, produce, roll, rollback, run, server, spec, status, token, topic, up,
};
use crate::output::{ColorChoice, Format};

/// Runs secure, self-healing Apache Kafka clusters
///
/// `klamm up` brings up a three-node cluster on this machine: Kafka is downloaded and verified, keys are made,
/// every listener speaks TLS and asks for a certificate. The same command applies changes of the spec later.
#[derive(Debug, Parser)]
#[command(name = "klamm", version, styles = Styles::plain(), max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  klamm up                                   three nodes on this machine
  klamm topic create orders --partitions 6   a topic
  echo hello | klamm produce orders          write a record
  klamm consume orders --from-beginning      read them all, and go on
  klamm status                               how is it?
  klamm down                                 stop it; the data stays

`klamm help COMMAND` tells more about each command.";

/// Options that every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Keep everything below DIR: configuration, data, logs, sockets, downloads; KLAMM_ROOT does the same
    #[arg(long, global = true, value_name = "DIR", env = "KLAMM_ROOT", hide_env = true)]
    pub(crate) root: Option<PathBuf>,
    /// The cluster that is meant; without it the only one there is, else the one of ./klamm.yaml, else `dev`
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) cluster: Option<ClusterName>,
    /// `table` for people, `json` for programs
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "table",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) output: Format,
    /// When to use colour: `auto`, `always` or `never`; NO_COLOR is honoured
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) color: ColorChoice,
    /// Say more on standard error; twice: everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The verbs, in the order in which a new user meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(up::Args),
    Status(status::Args),
    Topic(topic::Args),
    Produce(produce::Args),
    Consume(consume::Args),
    ClientConfig(client_config::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Run(run::Args),
    History(history::Args),
    Diff(diff::Args),
    Rollback(rollback::Args),
    Roll(roll::Args),
    Logs(logs::Args),
    Cert(cert::Args),
    Init(init::Args),
    Spec(spec::Args),
    /// List the clusters of this machine
    List,
    Down(down::Args),
    Destroy(destroy::Args),
    Server(server::Args),
    Agent(agent::Args),
    Token(token::Args),
    Host(host::Args),
    Artifacts(artifacts::Args),
    /// Show the versions of klamm, of the server and of the Kafkas it can run, and its folders
    Versions,
    Completions(completions::Args),
    Man(man::Args),
    /// Run server and agent in the foreground; `klamm up` starts this by itself
    #[command(hide = true)]
    Daemon,
    /// Print the reference of all commands as Markdown
    #[command(hide = true)]
    Reference,
}

/// The grammar, for completions, manual pages and the reference.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_grammar_holds_together() {
        super::command().debug_assert();
    }
}
