//! A whole run as it is told in both forms.

use std::time::Duration;

use jiff::Timestamp;
use klamm_core::api::{RunState, StepState, StepView};
use klamm_core::model::ByteCount;

use super::live::Picture;
use super::rate::Rates;
use super::*;

fn view(create: StepState, rest: StepState, stages: [Stage; 3]) -> RunView {
    let slot = |ordinal: usize| format!("nodes-{ordinal}").parse().unwrap();
    RunView {
        run: 1,
        cluster: "dev".parse().unwrap(),
        state: RunState::Running,
        steps: vec![
            StepView { title: "create nodes-0, nodes-1, nodes-2".into(), state: create },
            StepView { title: "set min.insync.replicas=2".into(), state: rest },
        ],
        slots: stages.into_iter().enumerate().map(|(ordinal, stage)| (slot(ordinal), stage)).collect(),
        started: Timestamp::UNIX_EPOCH,
    }
}

fn running() -> StepState {
    StepState::Running { waits_for: "3 nodes, which are being made ready for the first time".into() }
}

fn fetching(done: u64) -> Stage {
    Stage::Fetching {
        item: "Kafka 4.3.1".into(),
        done: ByteCount::mebibytes(done),
        total: ByteCount::mebibytes(120),
    }
}

fn all(stage: Stage) -> [Stage; 3] {
    [stage.clone(), stage.clone(), stage]
}

/// A run from beginning to end with the second at which each view comes.
fn story() -> Vec<(u64, RunView)> {
    let ready = || Stage::Ready;
    vec![
        (0, view(running(), StepState::Pending, all(Stage::Waiting))),
        (1, view(running(), StepState::Pending, all(fetching(1)))),
        (2, view(running(), StepState::Pending, all(fetching(17)))),
        // Reports of the same download do not come at the same moment.
        (3, view(running(), StepState::Pending, [fetching(64), fetching(62), fetching(17)])),
        (3, view(running(), StepState::Pending, [fetching(65), fetching(64), fetching(64)])),
        (4, view(running(), StepState::Pending, [fetching(119), fetching(64), Stage::Launching])),
        (5, view(running(), StepState::Pending, all(Stage::Launching))),
        (6, view(running(), StepState::Pending, [ready(), Stage::Joining, Stage::Joining])),
        (7, view(running(), StepState::Pending, [ready(), Stage::Joining, Stage::Joining])),
        (8, view(StepState::Done, StepState::Done, all(ready()))),
    ]
}

#[test]
fn off_a_terminal_a_run_is_told_in_lines_that_each_say_something_new() {
    let mut plain = Plain::default();
    let lines: Vec<String> =
        story().iter().flat_map(|(second, view)| plain.lines(view, Duration::from_secs(*second))).collect();
    insta::assert_snapshot!("plain", lines.join("\n"));
}

#[test]
fn on_a_terminal_each_slot_has_a_line_and_downloads_have_a_rate() {
    let mut picture = Picture { color: false, width: Some(60), last: None, rates: Rates::default(), turn: 0 };
    let mut drawn = Vec::new();
    for (second, view) in story() {
        picture.take_in(&view, Duration::from_secs(second));
        if matches!(second, 3 | 6 | 8) {
            drawn.push(picture.lines(Duration::from_secs(second)).join("\n"));
        }
    }
    insta::assert_snapshot!("live", drawn.join("\n----\n"));
}
