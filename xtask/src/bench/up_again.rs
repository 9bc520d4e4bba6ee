//! `bench up-again`: `klamm up` when there is nothing to do.

use std::time::Instant;

use anyhow::Result;

use super::product::Product;
use super::stock::Stock;
use crate::figure::{Figure, Goal, Side, Sides};

/// The second `klamm up` on a running cluster.
pub(super) fn prepare() -> Result<Figure> {
    let product = Product::up(&Stock::collect()?)?;
    let sample = move || {
        let begun = Instant::now();
        product.run(&["up"])?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let sides = Sides::Alone(Side { name: "klamm up", sample: Box::new(sample) });
    // "Well under a second".
    Ok(Figure { name: "up-again", unit: "s", goal: Goal::AtMost(0.5), rounds: 15, sides })
}
