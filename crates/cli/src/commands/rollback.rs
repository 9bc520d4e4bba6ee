//! `klamm rollback`: an earlier spec is wanted again.

use klamm_core::api::{PlanRequest, Want};
use klamm_core::model::TargetNumber;

use super::apply::{Consent, Wish, show_and_run};
use crate::error::CliError;
use crate::invocation::Invocation;

/// Bring the cluster back to an earlier spec
///
/// Takes the spec that target REV was planned from and plans it anew, from what there is now: the plan is shown, and done
/// when you agree. Nothing is undone behind anybody's back, and what cannot be undone is refused with the reason. It works
/// also when the change that is reverted never came up.
///
/// The file that you wrote is not touched: change it as well, or the next `klamm apply` brings the newer spec again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm history                 which targets there were
  klamm diff 4                  what changed since target 4
  klamm rollback 4")]
pub(crate) struct Args {
    /// The number of a target, see `klamm history`
    #[arg(value_name = "REV")]
    target: u64,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) async fn run(invocation: &Invocation, Args { target, consent }: Args) -> Result<u8, CliError> {
    invocation
        .ask_about(async |api, cluster| {
            let spec = api.spec_of(cluster, TargetNumber(target)).await?;
            let request = PlanRequest::new(Want::Up, Some(spec), format!("the spec of target {target}"));
            let why = Some(format!("rolls back to the spec of target {target}"));
            let command = format!("{} rollback {target}", invocation.command());
            let wish = Wish { cluster: cluster.clone(), request, why, command };
            show_and_run(invocation, api, wish, consent).await
        })
        .await
}
