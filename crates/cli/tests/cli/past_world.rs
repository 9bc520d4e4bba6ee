//! What the server of the tests remembers: three targets, and two runs.

use std::collections::{BTreeMap, BTreeSet};

use klamm_core::api::{
    Change, History, HistoryRow, RunDetail, RunRow, RunState, Runs, StepState, TargetDiff, Want,
};
use klamm_core::model::run::{JournalEntry, JournalLine};
use klamm_core::model::{ClusterId, Sha256, TargetNumber};

use crate::world::{ago, now, plan, run, slot};

/// The newest one goes on.
pub(crate) fn runs() -> Runs {
    let row = |run, state, done, started, changed| RunRow {
        run,
        actor: "alice (uid 1000)".into(),
        want: Want::Up,
        state,
        done,
        steps: 2,
        started: ago(started),
        changed: ago(changed),
    };
    let failed = RunState::Failed { reason: "nodes-0: the disk is full".into() };
    Runs { runs: vec![row(5, RunState::Running, 1, 90, 5), row(4, failed, 1, 7200, 7000)], now: now() }
}

pub(crate) fn run_detail() -> RunDetail {
    let mut view = run(5, RunState::Running, StepState::Running { waits_for: "nodes-0 (joining)".into() });
    let mut done = view.steps[0].clone();
    (done.title, done.state) = ("set min.insync.replicas=2".into(), StepState::Done);
    view.steps.insert(0, done);
    let line = |sequence, seconds, event: &str| JournalLine {
        sequence,
        at: ago(seconds),
        entry: JournalEntry {
            cluster: ClusterId::from_random([7; 16]),
            run: Some(5),
            actor: "alice (uid 1000)".into(),
            event: event.into(),
        },
    };
    RunDetail {
        row: runs().runs.remove(0),
        view,
        plan: plan(),
        journal: vec![
            line(11, 90, "begins a run of 2 steps: cluster up"),
            line(12, 89, "set min.insync.replicas=2"),
            line(14, 60, "target 5 for restart nodes-0"),
        ],
        now: now(),
    }
}

pub(crate) fn history() -> History {
    let row = |target, seconds, event: Option<&str>| HistoryRow {
        target: TargetNumber(target),
        at: ago(seconds),
        spec: Sha256::of(format!("{}", target.min(3)).as_bytes()),
        run: event.map(|_| 5),
        actor: event.map(|_| "alice (uid 1000)".into()),
        event: event.map(Into::into),
    };
    History {
        targets: vec![
            row(5, 60, Some("target 5 for restart nodes-0")),
            row(4, 90, Some("target 4 for restart nodes-1")),
            row(3, 86_400 * 3, None),
        ],
        now: now(),
    }
}

pub(crate) fn diff() -> TargetDiff {
    let text = Change::Text {
        what: "config/server.properties".into(),
        diff: "@@ -1,3 +1,3 @@\n broker.id=1\n-num.io.threads=8\n+num.io.threads=3\n log.dirs=/d\n".into(),
    };
    let value = Change::Value { what: "run state".into(), before: "stopped".into(), after: "running".into() };
    TargetDiff {
        from: Some(TargetNumber(3)),
        to: TargetNumber(4),
        spec: Some("@@ -1 +1,3 @@\n cluster: dev\n+config:\n+  num.io.threads: 3\n".into()),
        added: BTreeSet::new(),
        removed: BTreeSet::new(),
        changed: BTreeMap::from([
            (slot(0), vec![text.clone()]),
            (slot(1), vec![text.clone(), value]),
            (slot(2), vec![text]),
        ]),
    }
}
