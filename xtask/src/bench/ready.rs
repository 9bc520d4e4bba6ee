//! `bench ready`: from empty folders to three secured nodes that take writes, beside a bare start of the same Kafka.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::bare::Bare;
use super::product::Product;
use super::readiness::await_ready;
use super::stock::{Stock, link_tree, own_folder};
use crate::figure::{Figure, Goal, Side, Sides};

/// The product makes its archive at the lowest priority, once a cluster has been calm for a while.
const ARCHIVE_WITHIN: Duration = Duration::from_secs(300);

/// `klamm up` from an empty root (downloads cached, class-data archive made) beside three pre-formatted plain nodes.
pub(super) fn prepare() -> Result<Figure> {
    let stock = Stock::collect()?;
    let warm = own_folder()?;
    let cache = warm.path().join("cache");
    link_tree(&stock.cache, &cache)?;
    let first = Product::with_cache(&stock, &cache)?;
    first.run(&["up"])?;
    await_archive(&cache)?;
    drop(first);
    figure("ready", Goal::AtMost(0.7), stock, move |stock| {
        // The cache is deleted with this.
        Product::with_cache(stock, &warm.path().join("cache"))
    })
}

/// The same without an archive: the first `up` on a machine.
pub(super) fn prepare_cold() -> Result<Figure> {
    figure("ready-cold", Goal::AtMost(1.0), Stock::collect()?, Product::empty)
}

fn figure(
    name: &'static str,
    goal: Goal,
    stock: Stock,
    make: impl Fn(&Stock) -> Result<Product> + 'static,
) -> Result<Figure> {
    let bare = Bare::formatted(&stock)?;
    let klamm = move || {
        let product = make(&stock)?;
        let begun = Instant::now();
        product.run(&["up"])?;
        let up = begun.elapsed();
        await_ready(&product.ways()?)?;
        let ready = begun.elapsed();
        println!("{name}: klamm up returned after {:.3} s", up.as_secs_f64());
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
    Ok(Figure { name, unit: "s", goal, rounds: 5, sides })
}

fn await_archive(cache: &Path) -> Result<()> {
    let folder = cache.join("archives");
    let deadline = Instant::now() + ARCHIVE_WITHIN;
    loop {
        let kept = match fs::read_dir(&folder) {
            Ok(entries) => {
                entries.flatten().any(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(error).with_context(|| format!("reading {}", folder.display())),
        };
        if kept {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "no class-data archive in {}", folder.display());
        sleep(Duration::from_millis(200));
    }
}
