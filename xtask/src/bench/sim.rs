//! `bench sim`: how many random histories the simulator plays in a minute.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use crate::figure::{Figure, Goal, Side, Sides};
use crate::tree;

/// Histories of one sample: some seconds' worth.
const HISTORIES: u64 = 300;

/// On all processors, by an optimised build; each sample plays other seeds.
pub(super) fn prepare() -> Result<Figure> {
    let built = tree::cargo(&["build", "--release", "--package", "xtask", "--features", "mutants"])
        .status()
        .context("starting cargo")?;
    ensure!(built.success(), "the optimised build failed");
    let mut from = 0;
    let sample = move || {
        let count = HISTORIES.to_string();
        let first = from.to_string();
        from += HISTORIES;
        let mut play = std::process::Command::new(tree::target().join("release/xtask"));
        let output = play
            .args(["sim", "seeds", &count, "--from", &first])
            .stdin(Stdio::null())
            .output()
            .context("starting the simulator")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "a history broke a rule: {said}");
        let rate = said.split('(').nth(1).and_then(|rest| rest.split(' ').next());
        rate.and_then(|rate| rate.parse().ok()).with_context(|| format!("no rate in {said}"))
    };
    Ok(Figure {
        name: "sim",
        unit: "histories/min",
        goal: Goal::AtLeast(2000.0),
        rounds: 5,
        sides: Sides::Alone(Side { name: "histories", sample: Box::new(sample) }),
    })
}
