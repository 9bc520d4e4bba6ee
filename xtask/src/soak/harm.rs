//! `soak harm`: what the safety rule is for; the story is `e2e/tests/harm.rs`.

use anyhow::{Context as _, Result, ensure};

use crate::figure::{Figure, Goal, Side, Sides};
use crate::tree;
use crate::versions::{CLIENTS, cache, fetch, product};

/// One sample is the whole story: a roll with the safety rule, and one of a build without it.
pub(super) fn prepare() -> Result<Figure> {
    let (klamm, cache) = (product()?, cache());
    fetch(CLIENTS, &cache)?;
    // In a folder of its own, so that nobody takes it for the product.
    let folder = tree::target().join("without-safety");
    let mut build = tree::cargo(&["build", "--release", "--package", "klamm-cli", "--bin", "klamm"]);
    build.args(["--features", "no-safety", "--target-dir"]).arg(&folder);
    ensure!(build.status().context("starting cargo")?.success(), "the build without the safety rule fails");
    let sample = move || {
        let mut story = tree::cargo(&["test", "--package", "e2e", "--test", "harm"]);
        story.env("KLAMM_BIN", &klamm).env("KLAMM_KAFKA_CACHE", &cache);
        story.env("KLAMM_BIN_WITHOUT_SAFETY", folder.join("release/klamm"));
        ensure!(story.status().context("starting the story")?.success(), "the story went astray");
        Ok(0.0)
    };
    let sides = Sides::Alone(Side { name: "stories astray", sample: Box::new(sample) });
    Ok(Figure { name: "harm", unit: "astray", goal: Goal::AtMost(0.0), rounds: 1, sides })
}
