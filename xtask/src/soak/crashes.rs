//! `soak crashes`: the bounded sample of crash points on real processes; the story is `e2e/tests/crashes.rs`.

use anyhow::{Context as _, Result, ensure};

use crate::figure::{Figure, Goal, Side, Sides};
use crate::tree;
use crate::versions::{CLIENTS, cache, fetch, product};

/// Laps with an interruption of each verb, in one sample; another lap before them counts the writes.
const LAPS: &str = "4";

/// One sample is a story with points of its own; one that goes astray ends the soak, as a median would hide it.
pub(super) fn prepare() -> Result<Figure> {
    let (klamm, cache) = (product()?, cache());
    fetch(CLIENTS, &cache)?;
    let mut seed = 0_u32;
    let sample = move || {
        seed += 1;
        let mut story = tree::cargo(&["test", "--package", "e2e", "--test", "crashes"]);
        story.env("KLAMM_BIN", &klamm).env("KLAMM_KAFKA_CACHE", &cache);
        story.env("KLAMM_E2E_LAPS", LAPS).env("KLAMM_E2E_SEED", seed.to_string());
        let passed = story.status().context("starting the story")?.success();
        ensure!(passed, "the story of seed {seed} went astray");
        Ok(0.0)
    };
    let sides = Sides::Alone(Side { name: "stories astray", sample: Box::new(sample) });
    Ok(Figure { name: "crashes", unit: "astray", goal: Goal::AtMost(0.0), rounds: 5, sides })
}
