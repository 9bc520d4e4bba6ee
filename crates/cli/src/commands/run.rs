//! `klamm run …`: what was done, what is going on.

mod list;
mod show;

use clap::Subcommand;
use klamm_core::api::RunOrder;
use klamm_core::model::ClusterName;

use crate::api::Api;
use crate::error::CliError;
use crate::exit;
use crate::follow::{actor, follow};
use crate::invocation::Invocation;

/// Show runs, end one, take one up again
///
/// A run is one execution of a plan. It goes on by itself, whether or not anybody watches, and after any crash of the server.
/// It stops at the first step that fails; what was done stays.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm run list
  klamm run show     the newest one: its steps, and its lines of the journal
  klamm run abort    the one that goes on ends before its next act
  klamm run resume   the newest one goes on at the step at which it ended")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List runs, the newest first
    List {
        /// How many
        #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 20)]
        lines: usize,
    },
    /// Show a run's steps and its journal
    Show {
        /// Its number; without it the newest
        #[arg(value_name = "RUN")]
        run: Option<u64>,
    },
    /// Take up a run that failed or was aborted, at the step at which it ended
    ///
    /// Only the newest run, and only while nothing newer is wanted: otherwise `klamm apply` plans what is missing.
    Resume {
        /// Its number; without it the newest
        #[arg(value_name = "RUN")]
        run: Option<u64>,
        /// Do not wait: the run goes on by itself
        #[arg(long)]
        detach: bool,
    },
    /// End a run before its next act
    ///
    /// What was begun on hosts is finished by their agents; nothing is taken back. `klamm run resume` goes on, `klamm apply`
    /// plans anew, `klamm rollback` goes back.
    Abort {
        /// Its number; without it the newest
        #[arg(value_name = "RUN")]
        run: Option<u64>,
    },
}

pub(crate) async fn run(invocation: &Invocation, Args { verb }: Args) -> Result<u8, CliError> {
    let terminal = &invocation.terminal;
    let doing = invocation.ask_about(async |api, cluster| match verb {
        Verb::List { lines } => list::run(invocation, api, cluster, lines).await,
        Verb::Show { run } => {
            let run = meant(api, cluster, run).await?;
            show::run(invocation, api, cluster, run).await
        }
        Verb::Resume { run, detach } => {
            let run = meant(api, cluster, run).await?;
            api.order_run(cluster, run, "resume", &RunOrder { actor: actor() }).await?;
            terminal.tell(&format!("run {run} of cluster {cluster} goes on"));
            if detach {
                return Ok(());
            }
            follow(invocation, api, cluster, run, &format!("run resume {run}")).await
        }
        Verb::Abort { run } => {
            let run = meant(api, cluster, run).await?;
            api.order_run(cluster, run, "abort", &RunOrder { actor: actor() }).await?;
            let resume = format!("`{} run resume {run}` goes on", invocation.command());
            terminal.tell(&format!("run {run} of cluster {cluster} is aborted; {resume}"));
            Ok(())
        }
    });
    doing.await.map(|()| exit::DONE)
}

/// The run that was named, else the newest.
async fn meant(api: &Api, cluster: &ClusterName, named: Option<u64>) -> Result<u64, CliError> {
    if let Some(run) = named {
        return Ok(run);
    }
    let newest = api.runs(cluster).await?.runs.first().map(|row| row.run);
    newest.ok_or_else(|| CliError::NoRuns { cluster: cluster.clone() })
}
