//! The cluster's ordinary life: made, left alone, changed, stopped, started, deleted.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Format, Load, poll};

use crate::world::World;

/// Two nodes of three: fewer would be below the minimum of in-sync replicas.
const MUST_RUN: usize = 2;
/// Keys of the authorizer's own, which the broker hands on to it and does not know: they show that the search finds.
const OF_THE_AUTHORIZER: [&str; 1] = ["super.users"];
/// A daemon ends when it is told that it is not needed any more; it closes its store first.
const FAREWELL: Duration = Duration::from_secs(5);

pub(crate) fn up_from_nothing(world: &mut World) -> Result<()> {
    // act
    let begun = Instant::now();
    world.up()?;
    println!("    up from nothing took {:.1} s", begun.elapsed().as_secs_f32());
    // assert
    let status = world.product.status()?;
    ensure!(status.is_ready() && status.nodes.len() == 3, "{status:?}");
    let mut pids: Vec<i32> = status.nodes.values().filter_map(|node| node.pid).collect();
    pids.sort_unstable();
    ensure!(pids == world.product.node_pids()?, "status tells processes {pids:?}");
    if let Some(version) = &world.kafka {
        ensure!(status.kafka == *version, "{} runs, {version} was asked for", status.kafka);
    }
    Ok(())
}

pub(crate) fn second_up(world: &mut World) -> Result<()> {
    let before = world.ready()?;
    // act
    let begun = Instant::now();
    let up = world.up()?;
    println!("    up with nothing to do took {} ms", begun.elapsed().as_millis());
    let plan = world.product.run(["plan"])?;
    // assert
    ensure!(format!("{}{}", up.out, up.err).contains("nothing to do"), "{up}");
    ensure!(plan.code == Some(0), "{plan}");
    ensure!(world.product.status()?.pids() == before.pids(), "a process was restarted");
    Ok(())
}

/// Kafka starts with keys that it does not know, without a word; asked for its settings it gives them as sensitive and
/// without a value. No key that the product renders is sensitive.
pub(crate) fn keys_are_known(world: &mut World) -> Result<()> {
    let status = world.ready()?;
    let conf = world.admin(Format::Librdkafka)?.main_path();
    let files = world.product.files()?;
    for (slot, node) in &status.nodes {
        let ending = format!("{slot}/config/server.properties");
        let path = files.iter().find(|path| path.ends_with(&ending)).context("no server.properties")?;
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let rendered: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| Some(line.split_once('=')?.0.trim()))
            .collect();
        ensure!(rendered.len() > 20, "only {rendered:?} in {}", path.display());
        // act
        let told = world.python()?.tell("broker_configs.py", &[&conf, &node.node_id.to_string()])?;
        // assert
        for key in rendered {
            let entry = told.get(key).with_context(|| format!("{slot} does not tell {key}"))?;
            let unknown = entry[0].is_null() && entry[1] == true;
            let foreign = OF_THE_AUTHORIZER.contains(&key);
            ensure!(unknown == foreign, "{slot} knows {key}: {}", !unknown);
        }
    }
    Ok(())
}

/// What Kafka can alter live: a pool of threads that must be halved twice, a key without a default, a listener's own.
const LIVE: [(&str, &str); 3] = [
    ("num.io.threads", "3"),
    ("log.retention.ms", "86400000"),
    ("listener.name.clients.max.connections", "500"),
];

pub(crate) fn alter(world: &mut World) -> Result<()> {
    let before = world.ready()?.pids();
    let files = world.admin(Format::Librdkafka)?;
    let in_force = |world: &mut World, wanted: &[(&str, Option<&str>)]| -> Result<()> {
        let after = world.product.status()?;
        ensure!(after.pids() == before, "somebody was restarted: {before:?} became {:?}", after.pids());
        for node in after.nodes.values() {
            let told = world
                .python()?
                .tell("broker_configs.py", &[&files.main_path(), &node.node_id.to_string()])?;
            for (key, value) in wanted {
                let has = told.get(*key).map(|entry| entry[0].clone()).unwrap_or_default();
                ensure!(has.as_str() == *value, "node {} has {key}={has}, not {value:?}", node.node_id);
            }
        }
        let again = world.up()?;
        ensure!(format!("{}{}", again.out, again.err).contains("nothing to do"), "{again}");
        Ok(())
    };
    // act, assert
    world.set_config(&LIVE.map(|(key, value)| format!("{key}: {value}")).join(", "));
    world.up()?;
    in_force(world, &LIVE.map(|(key, value)| (key, Some(value))))?;
    world.set_config("");
    world.up()?;
    in_force(
        world,
        &[
            ("num.io.threads", Some("8")),
            ("log.retention.ms", None),
            ("listener.name.clients.max.connections", None),
        ],
    )
}

pub(crate) fn roll(world: &mut World) -> Result<()> {
    let before = world.ready()?;
    world.topic("rolled", 6)?;
    let files = world.admin(Format::Librdkafka)?;
    let load = Load::start(world.python()?, &files, "rolled", 6)?;
    // act
    world.set_config("queued.max.requests: 600");
    let mut fewest = before.nodes.len();
    let mut seen: BTreeMap<Vec<i32>, ()> = BTreeMap::new();
    std::thread::scope(|scope| -> Result<()> {
        let up = scope.spawn(|| world.up());
        while !up.is_finished() {
            let pids = world.product.node_pids()?;
            fewest = fewest.min(pids.len());
            seen.insert(pids, ());
        }
        up.join().map_err(|_| anyhow::anyhow!("up panicked"))??;
        Ok(())
    })?;
    let written = load.end()?;
    // assert
    let after = world.product.status()?;
    println!("    {} records, longest gap {} ms", written.total(), written.longest_gap_ms);
    ensure!(fewest >= MUST_RUN, "only {fewest} nodes ran at a time: {:?}", seen.keys());
    ensure!(after.is_ready(), "{after:?}");
    let kept = before.pids().into_iter().find(|(slot, pid)| after.pids().get(slot) == Some(pid));
    ensure!(kept.is_none(), "{kept:?} was not restarted");
    for node in after.nodes.values() {
        let told =
            world.python()?.tell("broker_configs.py", &[&files.main_path(), &node.node_id.to_string()])?;
        ensure!(
            told["queued.max.requests"][0] == "600",
            "node {} has {}",
            node.node_id,
            told["queued.max.requests"]
        );
    }
    written.audit(world.python()?, &files, "rolled")?;
    let again = world.up()?;
    ensure!(format!("{}{}", again.out, again.err).contains("nothing to do"), "{again}");
    Ok(())
}

pub(crate) fn down_and_up(world: &mut World) -> Result<()> {
    world.ready()?;
    world.topic("kept", 3)?;
    world.write_lines("kept", "one\ntwo\nthree\n")?;
    let before = world.identity()?;
    // act
    world.product.klamm(["down"])?;
    nothing_runs(world)?;
    world.up()?;
    // assert
    ensure!(world.identity()? == before, "{before:?} became {:?}", world.identity()?);
    let lines = world.read_lines("kept")?;
    ensure!(lines == ["one", "three", "two"], "{lines:?}");
    Ok(())
}

pub(crate) fn destroy(world: &mut World) -> Result<()> {
    let before = world.ready()?;
    let ports = world.product.listening()?;
    // act: without a word of agreement
    let asked = world.product.run(["destroy"])?;
    // assert
    ensure!(asked.code == Some(1), "{asked}");
    ensure!(world.product.status()?.pids() == before.pids(), "an unconfirmed destroy did something");
    // act
    world.product.klamm(["destroy", "--yes"])?;
    // assert
    nothing_runs(world)?;
    let files: Vec<_> = world
        .product
        .files()?
        .into_iter()
        .filter(|path| path.to_string_lossy().contains(&before.id))
        .collect();
    ensure!(files.is_empty(), "destroy left {files:?}");
    for socket in ports {
        TcpListener::bind(socket.address).with_context(|| format!("{} is not free", socket.address))?;
    }
    Ok(())
}

fn nothing_runs(world: &World) -> Result<()> {
    poll("the last process to end", FAREWELL, || {
        let left = world.product.processes()?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}
