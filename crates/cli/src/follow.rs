//! Applying what is wanted and watching the run until it ends.

use std::time::Duration;

use klamm_core::api::{ApplyRequest, PlanRequest, RunStarted, RunState, RunView};
use klamm_core::model::ClusterName;
use klamm_core::model::plan::Plan;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::api::{Api, RunEvents};
use crate::error::CliError;
use crate::invocation::Invocation;
use crate::progress::Progress;

/// Elapsed time and rates are drawn this often.
const TICK: Duration = Duration::from_millis(125);
/// How long a server that stopped answering may take to come back before the run counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// The server's code for a run that is in the way.
const BUSY: &str = "klamm/run/busy";
/// Between two attempts to see the run again.
const PAUSE: Duration = Duration::from_millis(250);

/// Asks for the run in the name of who types.
pub(crate) async fn apply(
    api: &Api,
    cluster: &ClusterName,
    request: PlanRequest,
) -> Result<RunStarted, CliError> {
    api.apply(cluster, &ApplyRequest { request, actor: actor(), why: None, shown: None }).await
}

/// As [`apply`], for exactly the plan that was shown; `why` is for the journal.
pub(crate) async fn apply_shown(
    api: &Api,
    cluster: &ClusterName,
    request: PlanRequest,
    shown: Plan,
    why: Option<String>,
) -> Result<RunStarted, CliError> {
    api.apply(cluster, &ApplyRequest { request, actor: actor(), why, shown: Some(shown) }).await
}

/// As [`apply`]; while another run goes on, shows that one to its end first, however it ends.
pub(crate) async fn apply_after_others(
    invocation: &Invocation,
    api: &Api,
    cluster: &ClusterName,
    request: PlanRequest,
) -> Result<RunStarted, CliError> {
    match apply(api, cluster, request.clone()).await {
        Err(CliError::Refused(failure)) if failure.code == BUSY => {
            if let Some(run) = api.status(cluster).await?.run {
                let told = format!("run {} of cluster {cluster} is still going on", run.run);
                invocation.terminal.tell(&told);
                match follow(invocation, api, cluster, run.run, "up").await {
                    Ok(()) | Err(CliError::RunFailed { .. } | CliError::RunAborted { .. }) => {}
                    Err(failure) => return Err(failure),
                }
            }
            apply(api, cluster, request).await
        }
        result => result,
    }
}

/// Shows a run until it has ended well; `verb` takes it up again should it end otherwise. Ctrl-C ends the showing, not
/// the run.
pub(crate) async fn follow(
    invocation: &Invocation,
    api: &Api,
    cluster: &ClusterName,
    run: u64,
    verb: &str,
) -> Result<(), CliError> {
    let command = invocation.command();
    let again = format!("{command} {verb}");
    let mut progress = Progress::new(&invocation.terminal);
    let last = tokio::select! {
        last = until_end(api, cluster, run, &mut progress) => last,
        _ = tokio::signal::ctrl_c() => {
            let look = format!("`{command} status --watch` shows it, `{command} run abort` ends it");
            let goes_on = format!("run {run} of cluster {cluster} goes on without you; {look}");
            Err(CliError::Interrupted { goes_on: Some(goes_on) })
        }
    };
    progress.finish();
    let cluster = cluster.clone();
    match last? {
        None => Err(CliError::RunLost { cluster, run, again }),
        Some(view) => match view.state {
            RunState::Failed { reason } => Err(CliError::RunFailed { cluster, run, reason, again }),
            RunState::Aborted { by } => {
                let again = format!("{} run resume {run}", invocation.command());
                Err(CliError::RunAborted { cluster, run, by, again })
            }
            RunState::Done | RunState::Running => Ok(()),
        },
    }
}

/// The view in which the run has ended; none when the server went away for good. A stream that breaks off is asked
/// for again: the daemon may have been replaced.
async fn until_end(
    api: &Api,
    cluster: &ClusterName,
    run: u64,
    progress: &mut Progress,
) -> Result<Option<RunView>, CliError> {
    let mut heard = Instant::now();
    while heard.elapsed() < PATIENCE {
        let watched = match api.run(cluster).await {
            Ok(events) => watch(events, run, progress, &mut heard).await,
            Err(failure) => Err(failure),
        };
        match watched {
            Ok(Some(view)) => return Ok(Some(view)),
            Ok(None) => {}
            Err(CliError::Refused(failure)) => return Err(CliError::Refused(failure)),
            Err(failure) => tracing::debug!(error = %failure, "the run cannot be seen, trying again"),
        }
        sleep(PAUSE).await;
    }
    Ok(None)
}

/// Shows one stream of events; the view in which the run has ended, or none when the stream ended before it.
async fn watch(
    mut events: RunEvents,
    run: u64,
    progress: &mut Progress,
    heard: &mut Instant,
) -> Result<Option<RunView>, CliError> {
    let mut ticks = interval_at(Instant::now() + TICK, TICK);
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
            _ = ticks.tick() => {
                // A run may have nothing to say for minutes; the open stream is a sign of life.
                *heard = Instant::now();
                progress.tick();
            }
        }
    }
}

/// Who types, for the journal.
pub(crate) fn actor() -> String {
    let uid = rustix::process::getuid().as_raw();
    match std::env::var("USER") {
        Ok(user) if !user.is_empty() => format!("{user} (uid {uid})"),
        Ok(_) | Err(_) => format!("uid {uid}"),
    }
}
