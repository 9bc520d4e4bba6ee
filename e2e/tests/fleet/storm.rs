//! A change that rolls through the fleet under load, while the server, an agent and a broker are killed.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{poll, poll_every};

use crate::world::{PATIENCE, World};

/// The last restart, and that of the killed broker, on such a machine.
const REST_OF_ROLL: Duration = Duration::from_secs(480);

/// Between two looks at all processes; a node is away for seconds.
const PAUSE: Duration = Duration::from_millis(200);

/// A static setting: read by a process at its start only.
const CHANGE: &str = "queued.max.requests: 600";

/// The nodes' processes before, and how few ran at a time since.
struct Roll {
    before: Vec<Vec<i32>>,
    fewest: Cell<usize>,
}

impl Roll {
    /// Waits for a host, other than those in `done`, whose node has ended or was started anew.
    fn next(&self, world: &World, done: &[usize]) -> Result<usize> {
        poll_every(PAUSE, "the next node to be restarted", PATIENCE, || {
            let now = self.look(world)?;
            let is_next = |host: &usize| !done.contains(host) && now[*host] != self.before[*host];
            (0..now.len()).find(is_next).with_context(|| format!("{:?} became {now:?}", self.before))
        })
    }

    fn look(&self, world: &World) -> Result<Vec<Vec<i32>>> {
        let now = world.node_pids()?;
        self.fewest.set(self.fewest.get().min(now.iter().map(Vec::len).sum()));
        Ok(now)
    }

    /// Waits until a host's new node serves.
    fn back(&self, world: &World, host: usize) -> Result<()> {
        poll_every(PAUSE, "the restarted node to serve", PATIENCE, || {
            let pids = self.look(world)?.swap_remove(host);
            let status = world.server.product.status()?;
            let mut its =
                status.nodes.values().filter(|node| node.pid.is_some_and(|pid| pids.contains(&pid)));
            ensure!(its.any(|node| node.stage == "ready"), "{status:?}");
            Ok(())
        })
    }
}

pub(crate) fn storm(world: &mut World) -> Result<()> {
    let before = world.ready()?;
    let (load, files) = world.writing("rolled", 6)?;
    let roll = Roll { before: world.node_pids()?, fewest: Cell::new(world.hosts.len()) };
    let begun = Instant::now();
    let tell = |what: &str| println!("    {:5.1} s: {what}", begun.elapsed().as_secs_f32());
    // act
    world.begin_change(CHANGE)?;
    let first = roll.next(world, &[])?;
    tell(&format!("{} restarts its node; the server is killed", world.hosts[first].name));
    world.server.kill()?;
    world.ensure_server()?;
    let second = roll.next(world, &[first])?;
    tell(&format!("{} restarts its node; its agent is killed", world.hosts[second].name));
    world.hosts[second].service.kill()?;
    world.hosts[second].service.ensure_running()?;
    roll.back(world, second)?;
    let fewest = roll.fewest.get();
    let victim = world.hosts[first].node()?.context("the first node is gone")?;
    tell(&format!("the broker on {} is killed", world.hosts[first].name));
    victim.kill()?;
    poll("the run to be done", REST_OF_ROLL, || {
        let state = world.run_state()?;
        ensure!(state["state"] == "done", "{state}");
        Ok(())
    })?;
    let after = world.await_ready()?;
    tell("the run is done and all nodes serve");
    let written = load.end()?;
    // assert
    println!("    {} records, longest gap {} ms", written.total(), written.longest_gap_ms);
    ensure!(
        fewest + 1 >= world.hosts.len(),
        "only {fewest} nodes ran at a time before the broker was killed"
    );
    let kept = before.pids().into_iter().find(|(slot, pid)| after.pids().get(slot) == Some(pid));
    ensure!(kept.is_none(), "{kept:?} was not restarted");
    ensure!(world.hosts[first].node()? != Some(victim), "the killed broker is still there");
    written.audit(world.python()?, &files, "rolled")?;
    world.plan_is_empty()
}
