//! Processes killed with SIGKILL, alone and together.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Format, Load, Process, Role, poll};

use crate::world::World;

/// A start on a slow machine, after Kafka has waited for the session of the killed broker (9 s) to end.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn daemon_killed(world: &mut World) -> Result<()> {
    let before = world.ready()?;
    let daemons = world.product.processes_of(Role::Daemon)?;
    ensure!(daemons.len() == 1, "{daemons:?}");
    // act
    world.product.kill(&daemons)?;
    let looked = world.product.run(["status"])?;
    world.up()?;
    let plan = world.product.run(["plan"])?;
    // assert
    ensure!(looked.code == Some(0) && looked.out.contains("3 of 3 nodes ready"), "{looked}");
    let after = world.product.status()?;
    ensure!(after.pids() == before.pids(), "{:?} became {:?}", before.pids(), after.pids());
    ensure!(world.product.processes_of(Role::Daemon)?.len() == 1, "not one daemon");
    ensure!(plan.code == Some(0), "{plan}");
    Ok(())
}

/// The active controller's node is killed: the cluster loses a broker, a voter and its leader at once.
pub(crate) fn node_killed(world: &mut World) -> Result<()> {
    let before = world.ready()?;
    world.topic("killed", 6)?;
    let files = world.admin(Format::Librdkafka)?;
    let load = Load::start(world.python()?, &files, "killed", 6)?;
    let (slot, node) = before
        .nodes
        .iter()
        .find(|(_, node)| Some(node.node_id) == before.leader)
        .context("status does not tell the active controller")?;
    // act
    let nodes = world.product.processes_of(Role::Node)?;
    let victims: Vec<Process> = nodes.into_iter().filter(|process| Some(process.pid) == node.pid).collect();
    ensure!(victims.len() == 1, "{victims:?}");
    let killed = Instant::now();
    world.product.kill(&victims)?;
    let after = poll("the killed node to be ready again", PATIENCE, || {
        let status = world.product.status()?;
        let back = status.nodes.get(slot).is_some_and(|now| now.pid.is_some() && now.pid != node.pid);
        ensure!(back && status.is_ready(), "{status:?}");
        Ok(status)
    })?;
    let took = killed.elapsed();
    let written = load.end()?;
    // assert
    println!(
        "    back after {:.1} s, {} records, longest gap {} ms",
        took.as_secs_f32(),
        written.total(),
        written.longest_gap_ms
    );
    for (name, now) in &after.nodes {
        let then = before.nodes.get(name).context("a new slot")?;
        let more = u64::from(name == slot);
        ensure!(
            now.restarts == then.restarts + more,
            "{name}: {} restarts, then {}",
            then.restarts,
            now.restarts
        );
        ensure!(name == slot || now.pid == then.pid, "{name} was restarted too");
    }
    written.audit(world.python()?, &files, "killed")?;
    let plan = world.product.run(["plan"])?;
    ensure!(plan.code == Some(0), "{plan}");
    Ok(())
}

/// What a power cut leaves of the processes.
pub(crate) fn everything_killed(world: &mut World) -> Result<()> {
    world.ready()?;
    world.topic("survived", 3)?;
    let files = world.admin(Format::Librdkafka)?;
    let load = Load::start(world.python()?, &files, "survived", 3)?;
    let before = world.identity()?;
    let written = load.end()?;
    // act
    world.product.kill(&world.product.processes_of(Role::Daemon)?)?;
    world.product.kill(&world.product.processes_of(Role::Node)?)?;
    ensure!(world.product.processes()?.is_empty(), "something is left");
    let begun = Instant::now();
    world.up()?;
    println!("    up after everything was killed took {:.1} s", begun.elapsed().as_secs_f32());
    // assert
    ensure!(world.product.status()?.is_ready(), "up ended well, but {:?}", world.product.status()?);
    ensure!(world.identity()? == before, "{before:?} became {:?}", world.identity()?);
    ensure!(written.total() > 0, "nothing was written");
    written.audit(world.python()?, &files, "survived")
}
