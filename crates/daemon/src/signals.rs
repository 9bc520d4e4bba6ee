//! The signals that ask a process to end. What it started runs on.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGTERM or SIGINT; for ever where signals cannot be heard.
pub(crate) async fn stop_asked() {
    let hear = |kind| signal(kind).ok();
    let (mut terminate, mut interrupt) = (hear(SignalKind::terminate()), hear(SignalKind::interrupt()));
    tokio::select! {
        () = heard(terminate.as_mut()) => {}
        () = heard(interrupt.as_mut()) => {}
    }
    tracing::info!("asked to end");
}

async fn heard(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
