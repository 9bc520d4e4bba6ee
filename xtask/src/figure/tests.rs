//! Sides alternate, medians decide, and the verdict is the truth even when a side fails.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::bail;
use serde_json::Value;

use super::{Figure, Goal, Number, Side, Sides};

fn side(name: &'static str, values: Vec<f64>, log: &Rc<RefCell<Vec<&'static str>>>) -> Side {
    let log = Rc::clone(log);
    let mut values = values.into_iter();
    let sample = move || {
        log.borrow_mut().push(name);
        values.next().map_or_else(|| bail!("it would not start"), Ok)
    };
    Side { name, sample: Box::new(sample) }
}

fn figure(goal: Goal, ours: Vec<f64>, theirs: Vec<f64>) -> (Figure, Rc<RefCell<Vec<&'static str>>>) {
    let log = Rc::default();
    let rounds = 3;
    let sides = Sides::Beside(side("klamm", ours, &log), side("stock", theirs, &log));
    (Figure { name: "ready", unit: "s", goal, rounds, sides }, log)
}

fn document(folder: &tempfile::TempDir) -> Value {
    let text = std::fs::read_to_string(folder.path().join("ready.json")).expect("the samples were written");
    serde_json::from_str(&text).expect("the samples are JSON")
}

#[test]
fn sides_take_turns_and_medians_decide() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (figure, log) = figure(Goal::AtMost(1.0), vec![3.0, 90.0, 4.0], vec![8.0, 5.0, 6.0]);
    let verdict = figure.measure(folder.path()).expect("all samples are there");
    assert_eq!(verdict.line, "ready: 0.6667 (goal ≤ 1, against stock: klamm 4, stock 6 s) ok");
    assert!(verdict.met);
    assert_eq!(*log.borrow(), ["klamm", "stock", "stock", "klamm", "klamm", "stock"]);
    let document = document(&folder);
    assert_eq!(document["samples"].as_array().map(Vec::len), Some(6));
    assert_eq!(document["samples"][2]["side"], "stock");
    assert_eq!(document["met"], true);
}

#[test]
fn a_goal_missed_by_little_is_short_and_looks_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (figure, _) = figure(Goal::AtMost(1.0), vec![1.001; 3], vec![1.0; 3]);
    let verdict = figure.measure(folder.path()).expect("all samples are there");
    assert!(!verdict.met);
    assert_eq!(verdict.line, "ready: 1.001 (goal ≤ 1, against stock: klamm 1.001, stock 1 s) short");
}

#[test]
fn a_side_alone_is_judged_in_its_unit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sides = Sides::Alone(side("seeds", vec![2100.0, 1900.0], &Rc::default()));
    let figure = Figure { name: "ready", unit: "seeds/min", goal: Goal::AtLeast(2000.0), rounds: 2, sides };
    let verdict = figure.measure(folder.path()).expect("all samples are there");
    assert_eq!(verdict.line, "ready: 2000 seeds/min (goal ≥ 2000, against nothing else) ok");
}

#[test]
fn a_failed_side_is_no_figure_and_its_samples_are_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (figure, _) = figure(Goal::AtMost(1.0), vec![1.0, 1.0, 1.0], vec![1.0]);
    let error = figure.measure(folder.path()).expect_err("a side failed");
    assert_eq!(format!("{error:#}"), "ready: stock, round 2: it would not start");
    let document = document(&folder);
    assert_eq!(document["samples"].as_array().map(Vec::len), Some(2));
    assert_eq!(document["met"], Value::Null);
    assert_eq!(document["failure"], "ready: stock, round 2: it would not start");
}

#[test]
fn numbers_have_four_digits_that_matter() {
    let shown: Vec<_> =
        [0.0, 0.012_345, 1.0, 12.3456, 123_456.7].map(|value| Number(value).to_string()).into();
    assert_eq!(shown, ["0", "0.01235", "1", "12.35", "123457"]);
}

#[test]
fn among_others_a_percentile_of_ours_is_judged_and_theirs_are_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Rc::default();
    let ours = side("klamm", (1..=200).map(f64::from).collect(), &log);
    let others = vec![side("stock", vec![7.0; 200], &log), side("other", vec![9.0; 200], &log)];
    let sides = Sides::Among { ours, others, percentile: 99 };
    let figure = Figure { name: "respawn", unit: "ms", goal: Goal::AtMost(5.0), rounds: 200, sides };
    let verdict = figure.measure(folder.path()).expect("all samples are there");
    assert_eq!(verdict.line, "respawn: 198 ms at p99 (goal ≤ 5, against stock 7, other 9) short");
}
