//! What the safety rule is for: the same change rolls under the same load, once with the product and once with a build of
//! it that stops nodes without asking. The first must do no harm, the second must be seen to do some.
//!
//! `cargo xtask soak harm` makes that build and names it in `KLAMM_BIN_WITHOUT_SAFETY`; without it there is nothing to
//! tell.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Case, ClientFiles, Format, Load, Product, Python, poll, tell, with_own_ports};

const WITHOUT_SAFETY: &str = "KLAMM_BIN_WITHOUT_SAFETY";

const SPEC: &str = "\
cluster: orchard
profile: laptop
pools:
  nodes: { roles: [controller, broker], count: 3 }
listeners:
  clients: { port: CLIENTS, auth: mtls }
ports: { internal: INTERNAL, controller: CONTROLLER }
users:
  admin: { allow: [all] }
";

/// Read by a process at its start only.
const CHANGE: &str = "config: { queued.max.requests: 600 }\n";

/// A whole roll on a machine that is busy with other things too.
const PATIENCE: Duration = Duration::from_secs(480);

/// How many times as long the longest gap must be for the harm to be seen. Tried: 0.6 s with the rule; 29 s without, as
/// all nodes stop at once and none can write until two are back.
const HARM: u32 = 3;

/// Fewer than this, and what is written with acks=all is refused: three replicas, two of them in sync at the least.
const MUST_RUN: usize = 2;

/// What clients and the machine saw of a roll.
#[derive(Debug, Clone)]
struct Seen {
    /// How many nodes ran at the worst moment.
    fewest: usize,
    /// The longest time without an acknowledgement.
    gap: Duration,
    /// What is wrong with what was acknowledged, if anything.
    astray: Option<String>,
}

struct World {
    python: Python,
    /// What was seen with the safety rule.
    safe: Option<Seen>,
}

fn main() -> ExitCode {
    if env::var_os(WITHOUT_SAFETY).is_none() {
        println!("nothing to compare with: {WITHOUT_SAFETY} is not set");
        return ExitCode::SUCCESS;
    }
    tell(
        || Ok(World { python: Python::ensure()?, safe: None }),
        &[
            Case { name: "h01_a_roll_with_the_safety_rule_leaves_two_nodes_at_work", run: with_safety },
            Case { name: "h02_without_it_the_same_roll_is_seen_to_do_harm", run: without_safety },
        ],
    )
}

fn with_safety(world: &mut World) -> Result<()> {
    let seen = roll(&world.python, &Product::empty("safe")?)?;
    world.safe = Some(seen.clone());
    ensure!(seen.fewest >= MUST_RUN && seen.astray.is_none(), "{seen:?}");
    Ok(())
}

fn without_safety(world: &mut World) -> Result<()> {
    let other = other_build()?;
    if world.safe.is_none() {
        with_safety(world)?;
    }
    let safe = world.safe.as_ref().context("it was seen just now")?;
    let seen = roll(&world.python, &Product::empty_of(&other, "unsafe")?)?;
    let is_harm = seen.astray.is_some() || seen.gap > safe.gap * HARM;
    ensure!(is_harm, "the build has a safety rule, or this story sees no harm: {safe:?}, then {seen:?}");
    println!("    harm: nobody could write for {} ms; with the rule {} ms", ms(&seen), ms(safe));
    Ok(())
}

fn ms(seen: &Seen) -> u128 {
    seen.gap.as_millis()
}

fn other_build() -> Result<std::ffi::OsString> {
    env::var_os(WITHOUT_SAFETY).context("it was there at the beginning")
}

fn roll(python: &Python, product: &Product) -> Result<Seen> {
    let spec = with_own_ports(SPEC);
    let path = product.write_spec(&spec)?.to_string_lossy().into_owned();
    product.klamm(["up", "-f", &path])?;
    product.klamm(["topic", "create", "rolled", "--partitions", "6"])?;
    let files = ClientFiles::write(product, "admin", Format::Librdkafka)?;
    let before = product.status()?;
    let load = Load::start(python, &files, "rolled", 6)?;
    // act
    product.write_spec(&format!("{spec}{CHANGE}"))?;
    product.klamm(["apply", "-f", &path, "--yes", "--detach"])?;
    let old: Vec<i32> = before.pids().into_values().flatten().collect();
    let mut fewest = before.nodes.len();
    poll("every node to run anew", PATIENCE, || {
        let now = product.node_pids()?;
        fewest = fewest.min(now.len());
        ensure!(now.len() == old.len() && now.iter().all(|pid| !old.contains(pid)), "{old:?} became {now:?}");
        Ok(())
    })?;
    poll("every node to serve and nothing to be left to do", PATIENCE, || {
        let status = product.status()?;
        ensure!(status.is_ready(), "{status:?}");
        let plan = product.run(["plan"])?;
        ensure!(plan.code == Some(0), "{plan}");
        Ok(())
    })?;
    let written = load.end().context("asking the load for its account")?;
    println!(
        "    {fewest} of {} nodes ran at the worst moment; {} records, {} given up, longest gap {} ms",
        old.len(),
        written.total(),
        written.failed,
        written.longest_gap_ms
    );
    let astray = written.audit(python, &files, "rolled").err().map(|problem| format!("{problem:#}"));
    println!("    {}", astray.as_deref().unwrap_or("nothing acknowledged is lost, nothing is there twice"));
    Ok(Seen { fewest, gap: Duration::from_millis(written.longest_gap_ms), astray })
}
