//! What the machine does in the situations that matter, one by one.

mod properties;

use super::*;
use crate::exit::SentBy;

const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn identity(pid: u32) -> ProcessIdentity {
    ProcessIdentity { pid, start_ticks: u64::from(pid) * 10, boot_id: "boot".into() }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn killed_by(signal: i32) -> ExitReason {
    ExitReason::Signalled { signal, core_dumped: false, sent_by: SentBy::Unknown }
}

/// The actions without the reports.
fn acts(actions: Vec<Action>) -> Vec<Action> {
    actions.into_iter().filter(|action| !matches!(action, Action::Report(_))).collect()
}

fn running_since_0() -> Unit {
    let mut unit = Unit::new(RestartPolicy::default(), at(0));
    assert_eq!(unit.handle(at(0), Event::Start), [Action::Spawn { incarnation: 1 }]);
    unit.handle(at(0), Event::Spawned { identity: identity(100) });
    unit.handle(at(1), Event::Ready { incarnation: 1 });
    assert!(unit.state().is_ready());
    unit
}

fn graceful() -> StopRequest {
    StopRequest::graceful("a test", LIMIT)
}

#[test]
fn a_stop_ends_in_rest_only_when_nothing_is_left() {
    let mut unit = running_since_0();
    assert_eq!(unit.handle(at(10), Event::Stop(graceful())), [Action::Terminate]);
    let ended = acts(unit.handle(at(12), Event::Exited(ExitReason::Exited { code: 143 })));
    assert_eq!(ended, [Action::Sweep { incarnation: 1 }]);
    assert!(!unit.state().is_at_rest());
    unit.handle(at(12), Event::Swept { incarnation: 1, left: 1 });
    assert_eq!(unit.wake_at(), Some(at(13)));
    assert_eq!(unit.handle(at(13), Event::Tick), [Action::Sweep { incarnation: 1 }]);
    unit.handle(at(13), Event::Swept { incarnation: 1, left: 0 });
    assert_eq!(*unit.state(), State::Stopped { since: at(13) });
    assert_eq!(unit.failures(), 0);
    unit.handle(at(14), Event::Start);
    assert_eq!(unit.restarts(), 0, "a start that was asked for is no restart");
}

#[test]
fn a_stop_waits_while_it_progresses_and_kills_when_it_does_not() {
    let mut unit = running_since_0();
    unit.handle(at(10), Event::Stop(graceful()));
    for second in 11..200 {
        assert!(unit.handle(at(second), Event::Progress(second)).is_empty(), "at {second} s");
    }
    for second in 200..229 {
        assert!(unit.handle(at(second), Event::Progress(199)).is_empty(), "at {second} s");
    }
    let actions = unit.handle(at(229), Event::Progress(199));
    let notice = Notice::KilledForNoProgress { identity: identity(100), quiet: at(30), stopping: at(219) };
    assert_eq!(actions, [Action::Report(notice), Action::Kill]);
    unit.handle(at(229), Event::Exited(killed_by(9)));
    let last = unit.last_exit().expect("it ended");
    assert!(matches!(last.reason, ExitReason::Signalled { sent_by: SentBy::Supervisor, .. }));
}

#[test]
fn time_in_which_the_machine_slept_is_not_held_against_a_stop() {
    let mut unit = running_since_0();
    unit.handle(at(10), Event::Stop(graceful()));
    assert_eq!(unit.wake_at(), Some(at(11)));
    unit.handle(at(11), Event::Tick);
    // A laptop closed for two minutes.
    assert!(unit.handle(at(131), Event::Tick).is_empty());
    for second in 132..160 {
        assert!(unit.handle(at(second), Event::Tick).is_empty(), "at {second} s");
    }
    assert_eq!(acts(unit.handle(at(160), Event::Tick)), [Action::Kill]);
}

#[test]
fn a_first_end_after_a_healthy_run_is_answered_at_once() {
    let mut unit = running_since_0();
    let actions = acts(unit.handle(at(1000), Event::Exited(killed_by(9))));
    assert_eq!(actions, [Action::Sweep { incarnation: 1 }, Action::Spawn { incarnation: 2 }]);
    assert_eq!(unit.failures(), 1);
}

#[test]
fn a_crash_loop_is_slowed_down_and_shows_count_and_last_end() {
    let mut unit = running_since_0();
    let mut now = at(5);
    let mut pauses = Vec::new();
    for _ in 0..6 {
        unit.handle(now, Event::Exited(ExitReason::Exited { code: 1 }));
        if let State::BackingOff { until, .. } = *unit.state() {
            pauses.push((until - now).as_millis());
            assert!(acts(unit.handle(until - Duration::from_millis(1), Event::Tick)).is_empty());
            assert_eq!(acts(unit.handle(until, Event::Tick)).len(), 1);
            now = until;
        }
        unit.handle(now, Event::Spawned { identity: identity(200) });
    }
    assert_eq!(pauses, [500, 1000, 2000, 4000, 8000]);
    assert_eq!(unit.failures(), 6);
    assert_eq!(unit.last_exit().map(|last| &last.reason), Some(&ExitReason::Exited { code: 1 }));
    // Healthy for long enough: forgiven, and not forgotten.
    unit.handle(now + at(120), Event::Exited(ExitReason::Exited { code: 1 }));
    assert_eq!((unit.failures(), unit.restarts()), (1, 7));
}

#[test]
fn a_program_that_cannot_be_started_backs_off_too() {
    let mut unit = Unit::new(RestartPolicy::default(), at(0));
    unit.handle(at(0), Event::Start);
    let failed = || Event::SpawnFailed { message: "program /x is missing".into() };
    assert_eq!(acts(unit.handle(at(0), failed())), [Action::Spawn { incarnation: 2 }]);
    assert!(acts(unit.handle(at(0), failed())).is_empty());
    assert!(matches!(unit.state(), State::BackingOff { failures: 2, .. }));
}

#[test]
fn a_unit_that_may_give_up_stays_down_until_it_is_asked_again() {
    let policy = RestartPolicy { give_up_after: Some(0), ..RestartPolicy::default() };
    let mut unit = Unit::new(policy, at(0));
    unit.handle(at(0), Event::Start);
    unit.handle(at(0), Event::Spawned { identity: identity(1) });
    unit.handle(at(1), Event::Exited(ExitReason::Exited { code: 2 }));
    assert_eq!(*unit.state(), State::Failed { since: at(1), failures: 1 });
    assert_eq!(unit.handle(at(2), Event::Start), [Action::Spawn { incarnation: 2 }]);
}

#[test]
fn a_stop_asked_while_the_process_is_being_made_is_not_forgotten() {
    let mut unit = Unit::new(RestartPolicy::default(), at(0));
    unit.handle(at(0), Event::Start);
    assert!(unit.handle(at(0), Event::Stop(graceful())).is_empty());
    let actions = acts(unit.handle(at(0), Event::Spawned { identity: identity(1) }));
    assert_eq!(actions, [Action::Terminate]);
}

#[test]
fn a_restart_stops_first_and_starts_when_nothing_is_left() {
    let mut unit = running_since_0();
    assert_eq!(unit.handle(at(5), Event::Restart(graceful())), [Action::Terminate]);
    unit.handle(at(6), Event::Exited(ExitReason::Exited { code: 143 }));
    let swept = unit.handle(at(6), Event::Swept { incarnation: 1, left: 0 });
    assert_eq!(swept, [Action::Spawn { incarnation: 2 }]);
}

#[test]
fn what_is_said_about_an_earlier_process_is_ignored() {
    let mut unit = running_since_0();
    unit.handle(at(5), Event::Exited(killed_by(11)));
    unit.handle(at(5), Event::Spawned { identity: identity(101) });
    unit.handle(at(5), Event::Ready { incarnation: 1 });
    assert!(!unit.state().is_ready());
    unit.handle(at(6), Event::NotReady { incarnation: 2, reason: "log recovery".into() });
    let waits =
        matches!(unit.state(), State::Starting { waiting_for: Some(what), .. } if what == "log recovery");
    assert!(waits, "{:?}", unit.state());
}

#[test]
fn a_running_process_may_lose_and_regain_readiness() {
    let mut unit = running_since_0();
    unit.handle(at(9), Event::NotReady { incarnation: 1, reason: "fenced".into() });
    assert!(!unit.state().is_ready());
    unit.handle(at(11), Event::Ready { incarnation: 1 });
    assert!(unit.state().is_ready());
}

#[test]
fn an_adopted_process_counts_the_time_it_ran_before() {
    let mut unit = Unit::new(RestartPolicy::default(), at(1000));
    unit.handle(at(1000), Event::Adopted { identity: identity(7), since: at(10) });
    unit.handle(at(1001), Event::Exited(ExitReason::Unknown));
    assert_eq!(unit.last_exit().map(|last| last.ran), Some(at(991)));
}

#[test]
fn a_state_survives_being_written_and_read() {
    let mut unit = running_since_0();
    unit.handle(at(5), Event::Restart(graceful()));
    let text = serde_json::to_string(unit.state()).expect("written");
    assert!(text.starts_with(r#"{"state":"stopping","process":{"incarnation":1,"#), "{text}");
    assert_eq!(&serde_json::from_str::<State>(&text).expect("read"), unit.state());
}
