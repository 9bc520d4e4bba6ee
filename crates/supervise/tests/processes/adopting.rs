//! The supervisor dies; its processes do not, and the next supervisor finds them.

use std::process::{Command, Stdio};
use std::time::Duration;

use klamm_supervise::{
    Adoption, ExitReason, GoneReason, Launch, ProcessIdentity, SentBy, State, StopRequest, Supervisor,
    UnitHandle, UnitOptions,
};
use rustix::process::Signal;

use crate::stage::{
    PATIENCE, Stage, clear, exists, lives, number_in, options, process, script_in, send, shown, successor,
    until,
};

const FOLDER: &str = "KLAMM_SUPERVISE_TEST_FOLDER";
const SCRIPT: &str = "KLAMM_SUPERVISE_TEST_SCRIPT";

/// Not a test by itself: what the tests below run as another process, the supervisor to be killed.
#[tokio::test]
async fn the_supervisor_of_the_other_tests() {
    let (Ok(folder), Ok(script)) = (std::env::var(FOLDER), std::env::var(SCRIPT)) else { return };
    let unit = Supervisor::new().expect("a kernel").unit(UnitOptions::new("kept"));
    unit.start(script_in(folder.as_ref(), &script)).await.expect("started");
    process(&unit).await;
    std::future::pending::<()>().await;
}

/// Has `script` started by a supervisor that is then killed with SIGKILL.
async fn left_behind(stage: &Stage, script: &str) -> ProcessIdentity {
    let this_test = std::env::current_exe().expect("this test");
    // By way of a shell that ignores these signals, as `nohup` and careless daemons do.
    let mut supervisor = Command::new("/bin/sh")
        .args(["-c", "trap '' HUP TERM INT; exec \"$0\" \"$@\""])
        .arg(this_test)
        .args(["--exact", "adopting::the_supervisor_of_the_other_tests"])
        .env(FOLDER, stage.folder.path())
        .env(SCRIPT, script)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let record = stage.path("process.json");
    until("the process is recorded", || record.exists()).await;
    stage.printed("up").await;
    supervisor.kill().expect("killed");
    supervisor.wait().expect("ended");
    let identity = ProcessIdentity::read_record(&record).expect("readable").expect("there");
    assert!(exists(&identity), "it died with its supervisor");
    identity
}

async fn adopt(stage: &Stage, launch: Launch, identity: &ProcessIdentity) -> UnitHandle {
    match stage.supervisor.adopt(options(), launch, identity).await.expect("watchable") {
        Adoption::Alive(unit) => unit,
        Adoption::Gone(reason) => panic!("gone: {reason:?}"),
    }
}

async fn gone(stage: &Stage, identity: &ProcessIdentity) -> GoneReason {
    let launch = stage.script("exec sleep 1000");
    match stage.supervisor.adopt(options(), launch, identity).await.expect("watchable") {
        Adoption::Alive(unit) => panic!("adopted: {:?}", unit.status()),
        Adoption::Gone(reason) => reason,
    }
}

const POLITE: &str = "trap 'echo bye; exit 5' TERM; echo up; while :; do echo tick; sleep 0.01; done";

#[tokio::test]
async fn a_process_outlives_its_killed_supervisor_goes_on_writing_and_is_stopped_by_the_next() {
    let stage = Stage::new();
    let identity = left_behind(&stage, POLITE).await;
    let written = stage.console().len();
    until("it goes on writing", || stage.console().len() > written).await;
    let unit = adopt(&stage, stage.script(POLITE), &identity).await;
    let live = process(&unit).await;
    assert_eq!(live.identity, identity);
    let age = klamm_supervise::monotonic_now() - live.since;
    assert!(age < PATIENCE, "an age of {age:?}");
    unit.stop(StopRequest::graceful("a test", PATIENCE)).await.expect("taken");
    let status = shown(&unit, "rest", |status| matches!(status.state, State::Stopped { .. })).await;
    assert!(!exists(&identity));
    assert!(stage.console().ends_with("bye\n"));
    let reason = status.last_exit.expect("ended").reason;
    // The kernel tells from 6.15 on, if whoever inherits orphans takes note of their end.
    let expected = [ExitReason::Exited { code: 5 }, ExitReason::Unknown];
    assert!(expected.contains(&reason), "{reason:?}");
}

#[tokio::test]
async fn an_adopted_process_that_is_killed_is_replaced() {
    let stage = Stage::new();
    let identity = left_behind(&stage, "echo up; exec sleep 1000").await;
    let unit = adopt(&stage, stage.script("echo again; exec sleep 1000"), &identity).await;
    let first = process(&unit).await;
    send(identity.pid, Signal::KILL);
    let second = successor(&unit, first.incarnation).await;
    stage.printed("again").await;
    assert_ne!(second.identity, identity);
    let reason = unit.status().last_exit.expect("ended").reason;
    let told = matches!(
        reason,
        ExitReason::Unknown
            | ExitReason::Signalled {
                signal: 9,
                sent_by: SentBy::Elsewhere | SentBy::MemoryKiller | SentBy::Unknown,
                ..
            }
    );
    assert!(told, "{reason:?}");
    clear(&unit).await;
}

#[tokio::test]
async fn signals_that_the_supervisor_ignores_are_not_ignored_by_its_processes() {
    let stage = Stage::new();
    let script = "grep SigIgn /proc/self/status; echo up; exec sleep 1000";
    let identity = left_behind(&stage, script).await;
    let said = stage.console();
    let ignored = said.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).expect("said");
    let ignored = u64::from_str_radix(ignored, 16).expect("a set of signals");
    let (hup, int, term) = (1, 1 << 1, 1 << 14);
    assert_eq!(ignored & (hup | int | term), 0, "ignored: {ignored:x}");
    let unit = adopt(&stage, stage.script(script), &identity).await;
    clear(&unit).await;
}

#[tokio::test]
async fn a_reused_pid_is_not_adopted_and_not_touched() {
    let stage = Stage::new();
    let unit = stage.unit();
    unit.start(stage.script("exec sleep 1000")).await.expect("started");
    let innocent = process(&unit).await.identity;
    let earlier = ProcessIdentity { start_ticks: innocent.start_ticks - 1, ..innocent.clone() };
    let expected = GoneReason::PidReused { start_ticks: innocent.start_ticks };
    assert_eq!(gone(&stage, &earlier).await, expected);
    let boot = ProcessIdentity { boot_id: "another".into(), ..innocent.clone() };
    assert_eq!(gone(&stage, &boot).await, GoneReason::OtherBoot);
    assert!(exists(&innocent));
    clear(&unit).await;
}

#[tokio::test]
async fn helpers_of_a_process_that_died_unwatched_are_cleared_away() {
    let stage = Stage::new();
    let script = "sleep 1000 & echo $! > helper; echo up; wait";
    let identity = left_behind(&stage, script).await;
    let helper = number_in(&stage.path("helper")).await;
    send(identity.pid, Signal::KILL);
    until("it is dead", || !exists(&identity)).await;
    assert!(lives(helper));
    let reason = gone(&stage, &identity).await;
    assert!(matches!(reason, GoneReason::NoSuchProcess | GoneReason::Ended(_)), "{reason:?}");
    assert!(!lives(helper), "the helper survived");
}

#[tokio::test]
async fn a_process_is_adopted_again_after_each_of_many_supervisors() {
    let stage = Stage::new();
    let identity = left_behind(&stage, "echo up; exec sleep 1000").await;
    for _ in 0..5 {
        let unit = adopt(&stage, stage.script("exec sleep 1000"), &identity).await;
        assert_eq!(process(&unit).await.identity, identity);
        // Every handle dropped: the unit is let go, the process is not.
        let mut watch = unit.watch();
        drop(unit);
        let closed = async { while watch.changed().await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(10), closed).await.expect("let go");
        assert!(exists(&identity));
    }
    let unit = adopt(&stage, stage.script("exec sleep 1000"), &identity).await;
    clear(&unit).await;
    assert!(!exists(&identity));
}
