//! The cases of the fleet, but for the roll in a storm.

use anyhow::{Context, Result, ensure};
use e2e::{Product, Role, poll};

use crate::world::{PATIENCE, World};

pub(crate) fn join(world: &mut World) -> Result<()> {
    // act
    world.ensure_fleet()?;
    // assert
    let names: Vec<String> = world.hosts_seen()?.into_iter().map(|(name, _)| name).collect();
    ensure!(names == ["alpha", "beta", "gamma"], "{names:?}");
    let again = world.hosts[0].service.product.run(["agent", "run"])?;
    ensure!(again.code == Some(1) && again.err.contains("another agent"), "{again}");
    for host in &world.hosts {
        let listening = host.service.product.listening()?;
        ensure!(listening.is_empty(), "an agent dials out only, but {listening:?}");
    }
    Ok(())
}

pub(crate) fn used_token(world: &mut World) -> Result<()> {
    world.ensure_fleet()?;
    let join = |product: &Product, token: &str, name: &str| {
        product.run(["agent", "join", "--token-file", token, "--name", name])
    };
    let token = world.token_for("str*")?;
    let other = Product::empty("other")?;
    // act
    let misnamed = join(&other, &token, "other")?;
    let first = join(&Product::empty("stranger")?, &token, "stranger")?;
    let second = join(&other, &token, "strange")?;
    // assert
    let secret = std::fs::read_to_string(&token)?;
    ensure!(first.code == Some(0), "{first}");
    for refused in [misnamed, second] {
        ensure!(refused.code == Some(1) && refused.err.contains("token"), "{refused}");
        ensure!(!refused.err.contains(secret.trim()), "the token is in {refused}");
    }
    Ok(())
}

pub(crate) fn up(world: &mut World) -> Result<()> {
    // act
    let status = world.ready()?;
    // assert
    let pids = world.node_pids()?;
    ensure!(pids.iter().all(|host| host.len() == 1), "not one node on each host: {pids:?}");
    for host in &world.hosts {
        let of_host = |address: &&String| address.starts_with(&format!("{}:", host.address));
        let listeners = status.nodes.values().flat_map(|node| node.listeners.values());
        ensure!(listeners.filter(of_host).count() == 3, "not one node at {}: {status:?}", host.name);
    }
    let (load, files) = world.writing("pears", 3)?;
    let written = load.end()?;
    ensure!(written.total() > 0, "nothing was written");
    written.audit(world.python()?, &files, "pears")?;
    world.plan_is_empty()
}

pub(crate) fn agents_killed(world: &mut World) -> Result<()> {
    let before = world.ready()?;
    let pids = world.node_pids()?;
    let (load, files) = world.writing("plums", 3)?;
    // act
    world.hosts.iter_mut().try_for_each(|host| host.service.kill())?;
    ensure!(world.node_pids()? == pids, "a node ended with its agent");
    let written = load.end()?;
    written.audit(world.python()?, &files, "plums")?;
    world.ensure_fleet()?;
    let after = world.await_ready()?;
    // assert
    ensure!(after.pids() == before.pids() && world.node_pids()? == pids, "{before:?} became {after:?}");
    world.plan_is_empty()
}

/// The server is away, and one node is killed meanwhile.
pub(crate) fn server_away(world: &mut World) -> Result<()> {
    let before = world.ready()?;
    let pids = world.node_pids()?;
    let (load, files) = world.writing("cherries", 3)?;
    // act
    world.server.kill()?;
    let without = world.server.product.run(["up"])?;
    let node = world.hosts[1].node()?.context("beta has no node")?;
    node.kill()?;
    poll("the agent to start the killed node", PATIENCE, || {
        let now = world.hosts[1].node()?.context("there is none")?;
        ensure!(now.pid != node.pid, "{now:?} is not ended yet");
        Ok(())
    })?;
    ensure!(world.server.process()?.is_none(), "somebody started the server");
    world.ensure_fleet()?;
    let after = world.await_ready()?;
    let written = load.end()?;
    // assert
    println!("    {} records, longest gap {} ms", written.total(), written.longest_gap_ms);
    ensure!(without.code == Some(1) && without.err.contains("klamm server"), "{without}");
    ensure!(world.server.product.processes_of(Role::Daemon)?.is_empty(), "a daemon took the server's place");
    let now = world.node_pids()?;
    ensure!(now[0] == pids[0] && now[2] == pids[2], "{pids:?} became {now:?}");
    ensure!(after.id == before.id, "{before:?} became {after:?}");
    written.audit(world.python()?, &files, "cherries")?;
    world.plan_is_empty()
}

pub(crate) fn ended(world: &mut World) -> Result<()> {
    world.ready()?;
    let before = world.node_pids()?;
    // act
    let server = world.server.end()?;
    let agents = world.hosts.iter_mut().map(|host| host.service.end()).collect::<Result<Vec<_>>>()?;
    // assert
    ensure!(server == Some(0) && agents.iter().all(|code| *code == Some(0)), "{server:?}, {agents:?}");
    ensure!(world.node_pids()? == before, "{before:?} became {:?}", world.node_pids()?);
    world.ensure_fleet()?;
    world.await_ready()?;
    world.plan_is_empty()?;
    ensure!(world.node_pids()? == before, "{before:?} became {:?}", world.node_pids()?);
    Ok(())
}

pub(crate) fn destroy(world: &mut World) -> Result<()> {
    world.ready()?;
    // act
    world.server.product.klamm(["destroy", "--yes"])?;
    // assert
    poll("the hosts to be empty", PATIENCE, || {
        for host in &world.hosts {
            let product = &host.service.product;
            ensure!(product.node_pids()?.is_empty(), "a node runs on {}", host.name);
            let left = std::fs::read_dir(product.root().join("state/clusters"))?.count();
            ensure!(left == 0, "{left} clusters are on {}", host.name);
        }
        Ok(())
    })?;
    ensure!(world.server.process()?.is_some(), "the server ended with its last cluster");
    ensure!(world.hosts_seen()?.iter().any(|(name, _)| name == "alpha"), "the hosts are forgotten");
    Ok(())
}
