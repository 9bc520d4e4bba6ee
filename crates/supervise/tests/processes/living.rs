//! Starting, what a child inherits, dying, coming back.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use klamm_supervise::{ExitReason, LogCap, ProcessIdentity, SentBy, State};
use rustix::process::{Signal, getpid};

use crate::stage::{Stage, clear, lives, options, process, send, shown, stat, successor, until};

#[tokio::test]
async fn a_child_gets_what_was_asked_and_inherits_nothing() {
    let stage = Stage::new();
    // A descriptor that is not close-on-exec, as a careless parent leaves them.
    let leak = std::fs::File::open("/dev/null").expect("opened");
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).expect("made inheritable");
    let mut launch = stage.script(
        "env; echo umask $(umask); echo nofile $(ulimit -Sn); echo core $(ulimit -Sc); pwd; \
         echo nice $(nice); echo err >&2; echo all-said; exec sleep 1000",
    );
    launch.env.insert("GREETING".into(), "hello there".into());
    launch.limits.open_files = Some(321);
    launch.limits.core_bytes = Some(0);
    launch.nice = Some(7);
    launch.oom_score_adj = Some(300);
    let unit = stage.unit();
    unit.start(launch).await.expect("started");
    let live = process(&unit).await;
    let pid = live.identity.pid;
    stage.printed("all-said").await;
    until("the shell has become sleep", || {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
    })
    .await;

    let said = stage.console();
    for line in ["GREETING=hello there", "umask 0077", "nofile 321", "core 0", "nice 7", "err"] {
        assert!(said.lines().any(|said| said == line), "{line:?} in {said}");
    }
    assert!(said.contains(&*stage.folder.path().to_string_lossy()), "its folder in {said}");
    assert!(!said.contains("CARGO"), "environment leaked: {said}");

    let fields = stat(pid).expect("alive");
    assert_eq!(fields[2], pid.to_string(), "process group");
    assert_eq!(fields[3], pid.to_string(), "session");
    let score = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).expect("read");
    assert_eq!(score.trim(), "300");

    let mut open: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a number"))
        .collect();
    open.sort();
    assert_eq!(open, ["0", "1", "2"]);
    let target = |fd| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).expect("a link");
    assert_eq!(target(0), std::path::Path::new("/dev/null"));
    assert_eq!(target(1), stage.path("console.log"));
    assert_eq!(target(2), stage.path("console.log"));
    let mode = std::fs::metadata(stage.path("console.log")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let record = ProcessIdentity::read_record(&stage.path("process.json")).expect("readable");
    assert_eq!(record, Some(live.identity));
    clear(&unit).await;
}

#[tokio::test]
async fn a_killed_process_is_replaced_and_leaves_no_zombie() {
    let stage = Stage::new();
    let unit = stage.unit();
    unit.start(stage.script("exec sleep 1000")).await.expect("started");
    let first = process(&unit).await;
    send(first.identity.pid, Signal::KILL);
    let second = successor(&unit, first.incarnation).await;
    assert!(lives(second.identity.pid));
    let status = unit.status();
    assert_eq!(status.failures, 1);
    let last = status.last_exit.expect("it ended");
    let foreign = matches!(
        last.reason,
        ExitReason::Signalled {
            signal: 9,
            sent_by: SentBy::Elsewhere | SentBy::MemoryKiller | SentBy::Unknown,
            ..
        }
    );
    assert!(foreign, "{:?}", last.reason);
    until("the first is gone altogether", || stat(first.identity.pid).is_none()).await;
    clear(&unit).await;
    until("the second is gone altogether", || stat(second.identity.pid).is_none()).await;
}

#[tokio::test]
async fn a_process_that_exits_at_once_is_slowed_down_and_shown_with_its_last_exit() {
    let stage = Stage::new();
    let unit = stage.unit();
    unit.start(stage.script("echo trying; exit 3")).await.expect("started");
    let status = shown(&unit, "a crash loop", |status| status.failures >= 5).await;
    assert_eq!(status.last_exit.map(|last| last.reason), Some(ExitReason::Exited { code: 3 }));
    shown(&unit, "a pause", |status| matches!(status.state, State::BackingOff { .. })).await;
    clear(&unit).await;
    let tries = stage.console().lines().count();
    assert!(tries >= 5, "tried {tries} times");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let stage = Stage::new();
    let unit = stage.unit();
    let mut launch = stage.script("");
    launch.program = stage.path("no-such-program");
    unit.start(launch).await.expect("taken");
    let status = shown(&unit, "two failures", |status| status.failures >= 2).await;
    let message = status.last_exit.expect("it failed").reason.to_string();
    assert!(message.contains("no-such-program is missing"), "{message}");
    clear(&unit).await;
}

#[tokio::test]
async fn helpers_of_a_crashed_process_do_not_survive_it() {
    let stage = Stage::new();
    let unit = stage.unit();
    unit.start(stage.script("sleep 1000 & echo $! > helper; wait")).await.expect("started");
    let first = process(&unit).await;
    let helper = crate::stage::number_in(&stage.path("helper")).await;
    assert!(lives(helper));
    send(first.identity.pid, Signal::KILL);
    successor(&unit, first.incarnation).await;
    until("the helper is dead", || !lives(helper)).await;
    clear(&unit).await;
}

#[tokio::test]
async fn the_console_of_a_writing_process_stays_below_its_cap() {
    let stage = Stage::new();
    let mut options = options();
    options.log_cap = LogCap { max_bytes: 100_000, keep: 2 };
    options.log_check = Duration::from_millis(20);
    let unit = stage.supervisor.unit(options);
    unit.start(stage.script("while :; do echo 0123456789 0123456789 0123456789; done"))
        .await
        .expect("started");
    until("two older files are there", || stage.path("console.log.2").exists()).await;
    let live = process(&unit).await;
    assert_eq!(live.incarnation, 1, "it ran on");
    clear(&unit).await;
    assert!(!stage.path("console.log.3").exists());
    for line in stage.console().lines().skip(1) {
        assert_eq!(line, "0123456789 0123456789 0123456789");
    }
}

#[tokio::test]
async fn a_child_runs_as_the_account_asked_for() {
    if !rustix::process::geteuid().is_root() {
        // Nobody else can change accounts.
        return;
    }
    let stage = Stage::new();
    let unit = stage.unit();
    let mut launch = stage.script("id -u; id -g; id -G; echo said; exec sleep 1000");
    launch.folder = "/".into();
    launch.limits.open_files = Some(100_000);
    launch.account = Some(klamm_supervise::Account::new(65_534, 65_533));
    unit.start(launch).await.expect("started");
    stage.printed("said").await;
    assert_eq!(stage.console().lines().collect::<Vec<_>>(), ["65534", "65533", "65533", "said"]);
    let live = process(&unit).await;
    assert_ne!(live.identity.pid, getpid().as_raw_nonzero().get().cast_unsigned());
    clear(&unit).await;
}
