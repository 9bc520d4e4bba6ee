//! `klamm apply`: the plan is shown, agreed to, and done.

use std::path::PathBuf;

use klamm_core::api::PlanRequest;
use klamm_core::model::ClusterName;

use super::confirm::confirm;
use super::up::{self, Asked};
use super::{plan, tell_warnings};
use crate::api::{Api, Start};
use crate::error::CliError;
use crate::exit;
use crate::follow::{apply_shown, follow};
use crate::invocation::Invocation;
use crate::output::{self, Format, print_json};
use crate::specs;
use crate::summary;

/// Show what a spec changes, ask, and do it
///
/// As `klamm up`, for clusters on which people depend: first the plan is shown, and exactly that plan is done, or nothing
/// when it has changed meanwhile. No cluster is made from a built-in spec, and no server is started where there never was
/// one. The spec is FILE, else ./klamm.yaml, else the one that the cluster has.
///
/// The first step that fails ends the run; everything after it is left as it was. `klamm run resume` goes on at that step.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm apply                        asks before it does anything
  klamm apply -f telemetry.yaml --yes
  klamm plan && klamm apply          nothing is done when there is nothing to do")]
pub(crate) struct Args {
    /// The spec; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Give existing nodes the defaults and the code of this Klamm too, see `klamm up --help`
    #[arg(long)]
    refresh_defaults: bool,
    #[command(flatten)]
    consent: Consent,
}

/// What every command takes that shows its plan first.
#[derive(Debug, clap::Args)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Do not wait: the run goes on by itself
    #[arg(long)]
    detach: bool,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let Args { file, refresh_defaults, consent } = args;
    let given = specs::find(file.as_deref(), &invocation.terminal)?;
    invocation
        .ask(Start::InUse, async |api| {
            if given.is_none() {
                // Without a spec only a cluster that is there can be meant.
                invocation.choose_cluster(api).await?;
            }
            let Asked { cluster, request, is_known: _ } =
                up::request(invocation, api, given, refresh_defaults).await?;
            let mut command = format!("{} apply", invocation.command());
            if let Some(file) = &file {
                command.push_str(&format!(" -f {}", file.display()));
            }
            if refresh_defaults {
                command.push_str(" --refresh-defaults");
            }
            let wish = Wish { cluster, request, why: None, command };
            show_and_run(invocation, api, wish, consent).await
        })
        .await
}

/// A plan that a person may agree to.
pub(super) struct Wish {
    pub(super) cluster: ClusterName,
    pub(super) request: PlanRequest,
    /// For the journal.
    pub(super) why: Option<String>,
    /// What was typed.
    pub(super) command: String,
}

/// Shows the plan, asks, and does just that plan.
pub(super) async fn show_and_run(
    invocation: &Invocation,
    api: &Api,
    wish: Wish,
    Consent { yes, detach }: Consent,
) -> Result<u8, CliError> {
    let Wish { cluster, request, why, command } = wish;
    let terminal = &invocation.terminal;
    let answer = api.plan(&cluster, &request).await?;
    tell_warnings(invocation, &answer.warnings);
    if terminal.format == Format::Table {
        output::print(&plan::render(&answer.plan, terminal, &format!("{command} --yes")))?;
    }
    // An empty plan is sent too: a spec that says the same in other words is kept as the one that is wanted.
    if !answer.plan.is_empty() && !yes {
        confirm(terminal, "the plan", "yes")?;
    }
    let started = apply_shown(api, &cluster, request, answer.plan, why).await?;
    if let Some(run) = started.run {
        if detach {
            let shows = format!("`{} run show {run}` shows it", invocation.command());
            terminal.tell(&format!("run {run} of cluster {cluster} goes on; {shows}"));
            return Ok(exit::DONE);
        }
        follow(invocation, api, &cluster, run, &format!("run resume {run}")).await?;
    }
    let status = api.status(&cluster).await?;
    match terminal.format {
        Format::Json => print_json(&status)?,
        Format::Table => output::print(&terminal.prose(&format!("{}\n", summary::one_line(&status))))?,
    }
    Ok(exit::DONE)
}
