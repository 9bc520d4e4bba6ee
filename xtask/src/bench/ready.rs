//! `bench ready`: from empty folders to three secured nodes that take writes, beside a bare start of the same Kafka.

use std::time::Instant;

use anyhow::Result;

use super::bare::Bare;
use super::product::Product;
use super::readiness::await_ready;
use super::stock::Stock;
use crate::figure::{Figure, Goal, Side, Sides};

/// `klamm up` from an empty root (downloads cached) beside three pre-formatted plain nodes.
pub(super) fn prepare() -> Result<Figure> {
    let stock = Stock::collect()?;
    let bare = Bare::formatted(&stock)?;
    let klamm = move || {
        let product = Product::empty(&stock)?;
        let begun = Instant::now();
        product.run(&["up"])?;
        let up = begun.elapsed();
        await_ready(&product.ways()?)?;
        let ready = begun.elapsed();
        println!("ready: klamm up returned after {:.3} s", up.as_secs_f64());
        Ok(ready.as_secs_f64())
    };
    let bare = move || {
        let folder = bare.lay_out()?;
        let begun = Instant::now();
        let nodes = bare.start(folder)?;
        await_ready(&bare.ways())?;
        let ready = begun.elapsed();
        drop(nodes);
        Ok(ready.as_secs_f64())
    };
    let sides = Sides::Beside(
        Side { name: "klamm up", sample: Box::new(klamm) },
        Side { name: "bare nodes", sample: Box::new(bare) },
    );
    Ok(Figure { name: "ready", unit: "s", goal: Goal::AtMost(1.0), rounds: 5, sides })
}
