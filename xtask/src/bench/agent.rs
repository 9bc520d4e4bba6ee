//! `bench agent` and `bench agent-cpu`: what Klamm itself costs while three nodes run and nothing happens.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::product::Product;
use super::stock::Stock;
use crate::figure::{Figure, Goal, Side, Sides};

/// After a start there is still something to do.
const SETTLE: Duration = Duration::from_secs(20);
/// How long each sample of processor time takes.
const IDLE: Duration = Duration::from_secs(60);

/// Resident memory of the daemon, which on a laptop is server and agent in one.
pub(super) fn prepare_memory() -> Result<Figure> {
    let product = settled()?;
    let sample = move || {
        sleep(Duration::from_secs(5));
        resident_mebibytes(product.daemon()?)
    };
    let sides = Sides::Alone(Side { name: "daemon", sample: Box::new(sample) });
    Ok(Figure { name: "agent", unit: "MiB", goal: Goal::AtMost(12.0), rounds: 5, sides })
}

/// Processor time of the daemon, in hundredths of one core.
pub(super) fn prepare_cpu() -> Result<Figure> {
    let product = settled()?;
    let sample = move || {
        let daemon = product.daemon()?;
        let (begun, before) = (Instant::now(), processor_time(daemon)?);
        sleep(IDLE);
        let used = processor_time(daemon)?.saturating_sub(before);
        Ok(100.0 * used.as_secs_f64() / begun.elapsed().as_secs_f64())
    };
    let sides = Sides::Alone(Side { name: "daemon", sample: Box::new(sample) });
    Ok(Figure { name: "agent-cpu", unit: "% of a core", goal: Goal::AtMost(0.05), rounds: 3, sides })
}

fn settled() -> Result<Product> {
    let product = Product::up(&Stock::collect()?)?;
    sleep(SETTLE);
    Ok(product)
}

/// `VmRSS`, in KiB there.
fn resident_mebibytes(pid: i32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no resident memory")?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse().context("resident memory")?;
    Ok(kibibytes / 1024.0)
}

/// The time that all threads ran (first field of each `schedstat`, in nanoseconds: clock ticks are too coarse).
fn processor_time(pid: i32) -> Result<Duration> {
    let path = format!("/proc/{pid}/task");
    let mut sum = 0;
    for thread in fs::read_dir(&path).with_context(|| format!("reading {path}"))?.flatten() {
        // a thread may end while it is looked at
        let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
        let ran: u64 = text.split_whitespace().next().unwrap_or_default().parse().context("schedstat")?;
        sum += ran;
    }
    Ok(Duration::from_nanos(sum))
}
