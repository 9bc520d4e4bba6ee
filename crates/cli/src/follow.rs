//! Applying what is wanted and watching the run until it ends.

use std::time::Duration;

use klamm_core::api::{ApplyRequest, PlanRequest, RunStarted, RunState, RunView};
use klamm_core::model::ClusterName;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::api::{Api, RunEvents};
use crate::error::CliError;
use crate::invocation::Invocation;
use crate::progress::Progress;

/// Elapsed time and rates are drawn this often.
const TICK: Duration = Duration::from_millis(125);
/// How long a server that stopped answering may take to come back before the run counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to see the run again.
const PAUSE: Duration = Duration::from_millis(250);

/// Asks for the run in the name of who types.
pub(crate) async fn apply(
    api: &Api,
    cluster: &ClusterName,
    request: PlanRequest,
) -> Result<RunStarted, CliError> {
    api.apply(cluster, &ApplyRequest { request, actor: actor() }).await
}

/// Shows a run until it has ended well; Ctrl-C ends the showing, not the run.
pub(crate) async fn follow(
    invocation: &Invocation,
    api: &Api,
    cluster: &ClusterName,
    run: u64,
) -> Result<(), CliError> {
    let mut progress = Progress::new(&invocation.terminal);
    let last = tokio::select! {
        last = until_end(api, cluster, run, &mut progress) => last,
        _ = tokio::signal::ctrl_c() => {
            let command = invocation.command();
            let hint = format!("run {run} goes on; `{command} status --watch` shows it, `{command} down` stops the cluster");
            Err(CliError::Interrupted { hint: Some(hint) })
        }
    };
    progress.finish();
    match last?.state {
        RunState::Done => Ok(()),
        RunState::Failed { reason } => Err(CliError::RunFailed { cluster: cluster.clone(), run, reason }),
        RunState::Running => Err(CliError::RunLost { cluster: cluster.clone(), run }),
    }
}

/// The run's last view. A stream that breaks off is asked for again: the daemon may have been replaced.
async fn until_end(
    api: &Api,
    cluster: &ClusterName,
    run: u64,
    progress: &mut Progress,
) -> Result<RunView, CliError> {
    let mut heard = Instant::now();
    loop {
        let broken = match api.run(cluster).await {
            Ok(events) => match watch(events, run, progress, &mut heard).await {
                Ok(Some(view)) => return Ok(view),
                Ok(None) => CliError::RunLost { cluster: cluster.clone(), run },
                Err(broken) => broken,
            },
            Err(broken) => broken,
        };
        if let CliError::Refused(_) = broken {
            return Err(broken);
        }
        if heard.elapsed() > PATIENCE {
            tracing::debug!(error = %broken, "giving the run up");
            return Err(CliError::RunLost { cluster: cluster.clone(), run });
        }
        sleep(PAUSE).await;
    }
}

/// Shows one stream of events; the view in which the run has ended, or none when the stream ended before it.
async fn watch(
    mut events: RunEvents,
    run: u64,
    progress: &mut Progress,
    heard: &mut Instant,
) -> Result<Option<RunView>, CliError> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            view = events.next() => {
                let Some(view) = view? else { return Ok(None) };
                *heard = Instant::now();
                // The stream may begin with the run before.
                if view.run < run {
                    continue;
                }
                progress.show(&view);
                if view.state != RunState::Running {
                    return Ok(Some(view));
                }
            }
            _ = ticks.tick() => progress.tick(),
        }
    }
}

/// Who types, for the journal.
fn actor() -> String {
    let uid = rustix::process::getuid().as_raw();
    match std::env::var("USER") {
        Ok(user) if !user.is_empty() => format!("{user} (uid {uid})"),
        Ok(_) | Err(_) => format!("uid {uid}"),
    }
}
