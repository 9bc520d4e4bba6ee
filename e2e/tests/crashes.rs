//! A bounded sample of crash points on real Kafka: each verb is cut short by SIGKILL right after one of the product's own
//! writes, said again, and must then end as if nothing had happened, with nothing left to do.
//!
//! The simulator does this at every point of every verb; here a lap takes one point of each. `cargo xtask soak crashes` asks
//! for laps, as `KLAMM_E2E_LAPS`; without it there are none.

use std::collections::BTreeMap;
use std::fs;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::{Case, Product, Role, Status, Writes, tell};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const LAPS: &str = "KLAMM_E2E_LAPS";
/// Another one gives other points.
const SEED: &str = "KLAMM_E2E_SEED";

/// A whole verb on a slow machine; the notice that a daemon is gone included.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks whether the command has ended.
const PAUSE: Duration = Duration::from_millis(20);

const SPEC: &str = "\
cluster: orchard
profile: laptop
pools:
  nodes: { roles: [controller, broker], count: 3 }
users:
  admin: { allow: [all] }
";

/// One thing that an operator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verb {
    /// `up` from nothing.
    Create,
    /// `up` with another value of a setting that needs a restart.
    Edit,
    Down,
    /// `up` after `down`.
    Start,
    Destroy,
}

const ALL: [Verb; 5] = [Verb::Create, Verb::Edit, Verb::Down, Verb::Start, Verb::Destroy];

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victims {
    Daemon,
    /// As a loss of power, but for what the disk forgets.
    Everything,
}

struct World {
    product: Product,
    /// How many writes each verb needs when nothing happens.
    writes: BTreeMap<Verb, u64>,
    chance: StdRng,
    edits: u32,
}

fn main() -> ExitCode {
    if laps() == 0 {
        println!("no laps: {LAPS} is not set");
        return ExitCode::SUCCESS;
    }
    tell(World::new, &[Case { name: "s01_a_crash_after_any_write_costs_nothing", run: World::run_laps }])
}

fn laps() -> u32 {
    std::env::var(LAPS).ok().and_then(|laps| laps.parse().ok()).unwrap_or(0)
}

impl World {
    fn new() -> Result<Self> {
        let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
        println!("    seed {seed}");
        let product = Product::empty("root")?;
        Ok(Self { product, writes: BTreeMap::new(), chance: StdRng::seed_from_u64(seed), edits: 0 })
    }

    /// The first lap is not interrupted: it tells how many writes there are.
    fn run_laps(&mut self) -> Result<()> {
        for lap in 0..=laps() {
            let mut before = None;
            for verb in ALL {
                self.say(verb, lap > 0).with_context(|| format!("lap {lap}, {verb:?}"))?;
                before = self.check(verb, before).with_context(|| format!("lap {lap}, after {verb:?}"))?;
            }
        }
        Ok(())
    }

    fn say(&mut self, verb: Verb, to_interrupt: bool) -> Result<()> {
        if verb == Verb::Edit {
            self.edits += 1;
        }
        if !to_interrupt {
            let (ended_well, writes) = self.run(verb, None)?;
            ensure!(ended_well, "it failed");
            self.writes.insert(verb, writes);
            return Ok(());
        }
        let all = self.writes.get(&verb).copied().context("the first lap tells")?;
        let point = self.chance.random_range(1..=all);
        let victims = if self.chance.random_ratio(1, 3) { Victims::Everything } else { Victims::Daemon };
        let begun = Instant::now();
        let (ended_well, writes) = self.run(verb, Some((point, victims)))?;
        let first = begun.elapsed();
        let (again, _) = self.run(verb, None)?;
        println!(
            "    {verb:?}: {victims:?} killed after write {point} of {all}; it {} after {:.1} s and {writes} writes, and \
             was whole {:.1} s later",
            if ended_well { "ended well" } else { "failed" },
            first.as_secs_f32(),
            begun.elapsed().saturating_sub(first).as_secs_f32()
        );
        ensure!(again, "said again, it failed");
        Ok(())
    }

    /// Says it once; whether it ended well, and how many writes there were.
    fn run(&self, verb: Verb, interrupt: Option<(u64, Victims)>) -> Result<(bool, u64)> {
        let state = self.product.root().join("state");
        fs::create_dir_all(&state).context("making the state folder")?;
        let spec = format!("{SPEC}config: {{ queued.max.requests: {} }}\n", 500 + self.edits);
        let spec = self.product.write_spec(&spec)?;
        let spec = spec.to_string_lossy();
        let arguments: &[&str] = match verb {
            Verb::Create | Verb::Edit | Verb::Start => &["up", "-f", &spec],
            Verb::Down => &["down"],
            Verb::Destroy => &["destroy", "--yes"],
        };
        let mut writes = Writes::below(&state)?;
        let output =
            fs::File::create(self.product.beside("output")?.join("of-the-verb")).context("making a file")?;
        let errors = output.try_clone().context("sharing a file")?;
        let mut command = self.product.command(arguments);
        let mut child = command
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(errors))
            .spawn()
            .context("starting klamm")?;
        let begun = Instant::now();
        let mut to_kill = interrupt;
        let ended = loop {
            writes.gather(PAUSE)?;
            if let Some((_, victims)) = to_kill.filter(|(point, _)| writes.seen() >= *point) {
                to_kill = None;
                self.kill(victims)?;
            }
            if let Some(ended) = child.try_wait().context("waiting for klamm")? {
                break ended;
            }
            if begun.elapsed() > PATIENCE {
                child.kill().context("ending klamm")?;
                child.wait().context("waiting for klamm")?;
                bail!("{arguments:?} did not end within {} s", PATIENCE.as_secs());
            }
        };
        if interrupt.is_none() && !ended.success() {
            let told = fs::read_to_string(self.product.beside("output")?.join("of-the-verb"));
            println!("{}", told.unwrap_or_default());
        }
        Ok((ended.success(), writes.seen()))
    }

    fn kill(&self, victims: Victims) -> Result<()> {
        // The daemon first: it would start again what is killed.
        self.product.kill(&self.product.processes_of(Role::Daemon)?)?;
        match victims {
            Victims::Daemon => Ok(()),
            Victims::Everything => self.product.kill(&self.product.processes()?),
        }
    }

    /// What must hold after a verb; gives the cluster as it is then, while there is one.
    fn check(&self, verb: Verb, before: Option<Status>) -> Result<Option<Status>> {
        if verb == Verb::Destroy {
            let left = self.product.processes_of(Role::Node)?;
            ensure!(left.is_empty(), "processes are left: {left:?}");
            let clusters = self.product.root().join("state/clusters");
            let left: Vec<_> =
                fs::read_dir(clusters).into_iter().flatten().flatten().map(|at| at.path()).collect();
            ensure!(left.is_empty(), "folders are left: {left:?}");
            return Ok(None);
        }
        let status = self.product.status()?;
        if let Some(before) = before {
            ensure!(status.id == before.id, "cluster {} became {}", before.id, status.id);
            for (slot, node) in &before.nodes {
                let now = status.nodes.get(slot).with_context(|| format!("{slot} is gone"))?;
                ensure!(now.node_id == node.node_id, "{slot} was {} and is {}", node.node_id, now.node_id);
            }
        }
        ensure!(status.nodes.len() == 3, "{} nodes", status.nodes.len());
        let running = self.product.node_pids()?.len();
        match verb {
            Verb::Create | Verb::Edit | Verb::Start => {
                ensure!(status.is_ready() && running == 3, "{running} processes, {status:?}");
                let plan = self.product.run(["plan"])?;
                ensure!(plan.code == Some(0), "something is left to do: {plan}");
            }
            Verb::Down | Verb::Destroy => ensure!(running == 0, "{running} processes run"),
        }
        Ok(Some(status))
    }
}
