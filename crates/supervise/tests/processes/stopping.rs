//! Ends that were asked for.

use std::time::Duration;

use klamm_supervise::{ExitReason, Notice, SentBy, State, StopRequest, UnitGone};
use rustix::process::Signal;

use crate::stage::{PATIENCE, Stage, clear, lives, number_in, process, send, shown, stat, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_polite_process_stops_by_itself() {
    let stage = Stage::new();
    let unit = stage.unit();
    unit.start(stage.script("trap 'echo bye; exit 143' TERM; echo up; while :; do sleep 0.01; done"))
        .await
        .expect("started");
    stage.printed("up").await;
    let live = process(&unit).await;
    unit.stop(StopRequest::graceful("a test", PATIENCE)).await.expect("taken");
    let status = shown(&unit, "rest", |status| matches!(status.state, State::Stopped { .. })).await;
    assert_eq!(status.last_exit.expect("ended").reason, ExitReason::Exited { code: 143 });
    assert!(stage.console().ends_with("bye\n"));
    assert!(stat(live.identity.pid).is_none(), "a zombie is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ignores_the_request_is_killed_after_no_progress_and_that_is_said() {
    let stage = Stage::new();
    let unit = stage.unit();
    let mut notices = unit.notices();
    unit.start(stage.script("trap '' TERM; echo up; while :; do sleep 0.01; done")).await.expect("started");
    stage.printed("up").await;
    unit.stop(StopRequest::graceful("a test", Duration::from_millis(300))).await.expect("taken");
    let status = shown(&unit, "rest", |status| matches!(status.state, State::Stopped { .. })).await;
    let reason = status.last_exit.expect("ended").reason;
    let ours = matches!(reason, ExitReason::Signalled { signal: 9, sent_by: SentBy::Supervisor, .. });
    assert!(ours, "{reason:?}");
    let mut said = false;
    while let Ok(notice) = notices.try_recv() {
        said |= matches!(notice, Notice::KilledForNoProgress { .. });
    }
    assert!(said, "no word about the kill");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_stop_that_progresses_is_waited_for() {
    let stage = Stage::new();
    let unit = stage.unit();
    // Needs about 1.5 s, five times the limit.
    let slow = "trap 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo step $i; sleep 0.1; done; exit 0' TERM; \
                echo up; while :; do sleep 0.01; done";
    unit.start(stage.script(slow)).await.expect("started");
    stage.printed("up").await;
    unit.stop(StopRequest::graceful("a test", Duration::from_millis(600))).await.expect("taken");
    let mut watch = unit.watch();
    while !unit.status().state.is_at_rest() {
        let size = u64::try_from(stage.console().len()).expect("small");
        unit.progress(size).await.expect("taken");
        // The next look: at a change, or a little later.
        tokio::time::timeout(Duration::from_millis(20), watch.changed()).await.ok();
    }
    let last = unit.status().last_exit.expect("ended");
    assert_eq!(last.reason, ExitReason::Exited { code: 0 });
    assert!(stage.console().contains("step 15"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_leaves_no_grandchild_in_any_process_group() {
    let stage = Stage::new();
    let unit = stage.unit();
    // With `set -m` bash gives a background job a process group of its own.
    let script = "trap '' HUP; bash -c 'set -m; sleep 1000 & echo $! > other-group; wait' & \
                  sleep 1000 & echo $! > same-group; \
                  trap 'exit 0' TERM; while :; do sleep 0.01; done";
    unit.start(stage.script(script)).await.expect("started");
    let other = number_in(&stage.path("other-group")).await;
    let same = number_in(&stage.path("same-group")).await;
    let leader = process(&unit).await.identity.pid;
    assert_eq!(stat(other).expect("alive")[2], other.to_string(), "a group of its own");
    assert_eq!(stat(same).expect("alive")[2], leader.to_string());
    unit.stop(StopRequest::graceful("a test", PATIENCE)).await.expect("taken");
    shown(&unit, "rest", |status| matches!(status.state, State::Stopped { .. })).await;
    assert!(!lives(other) && !lives(same), "helpers survived");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_process_can_be_asked_to_stop() {
    let stage = Stage::new();
    let unit = stage.unit();
    unit.start(stage.script("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done"))
        .await
        .expect("started");
    stage.printed("up").await;
    let pid = process(&unit).await.identity.pid;
    send(pid, Signal::STOP);
    until("it is suspended", || stat(pid).is_some_and(|fields| fields[0] == "T")).await;
    unit.stop(StopRequest::graceful("a test", PATIENCE)).await.expect("taken");
    let status = shown(&unit, "rest", |status| matches!(status.state, State::Stopped { .. })).await;
    assert_eq!(status.last_exit.expect("ended").reason, ExitReason::Exited { code: 0 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_replaces_the_process_by_one_of_the_new_launch() {
    let stage = Stage::new();
    let unit = stage.unit();
    unit.start(stage.script("echo old; exec sleep 1000")).await.expect("started");
    stage.printed("old").await;
    let old = process(&unit).await;
    let new = stage.script("echo new; exec sleep 1000");
    unit.restart(new, StopRequest::graceful("a test", PATIENCE)).await.expect("taken");
    let live = crate::stage::successor(&unit, old.incarnation).await;
    stage.printed("new").await;
    assert!(!lives(old.identity.pid) && lives(live.identity.pid));
    assert_eq!(unit.status().failures, 0);
    clear(&unit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_process_runs_on_and_leaves_no_zombie_when_it_ends() {
    let stage = Stage::new();
    let unit = stage.unit();
    unit.start(stage.script("exec sleep 1000")).await.expect("started");
    let pid = process(&unit).await.identity.pid;
    let other = unit.clone();
    let forgotten = unit.forget().await;
    assert!(matches!(forgotten, Ok(()) | Err(UnitGone)));
    assert_eq!(other.kill("nobody").await, Err(UnitGone));
    assert!(lives(pid));
    send(pid, Signal::KILL);
    until("nothing is left of it", || stat(pid).is_none()).await;
}
