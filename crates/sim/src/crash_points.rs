//! Every verb, stopped before and after each durable write and each effect outside, and started again: it must come to
//! the same end, and then there must be nothing left to do.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::command::{Command, Host, parse};
use crate::history::Fleet;
use crate::record::Finding;
use crate::world::World;

/// What an operator does, and what was done before.
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    before: &'static [&'static str],
    during: &'static [&'static str],
}

/// Every verb.
pub const VERBS: &[Verb] = &[
    Verb { name: "up", before: &[], during: &["up"] },
    Verb { name: "restart", before: &["up", "settle"], during: &["set queued.max.requests=700"] },
    Verb { name: "topic", before: &["up", "settle"], during: &["topic extra 3x3"] },
    Verb { name: "user", before: &["up", "settle"], during: &["user alice"] },
    Verb {
        name: "revert",
        before: &["up", "settle", "set queued.max.requests=700"],
        during: &["abort", "revert"],
    },
    Verb { name: "down", before: &["up", "settle"], during: &["down"] },
    Verb { name: "up-again", before: &["up", "settle", "down", "settle"], during: &["up"] },
    Verb { name: "destroy", before: &["up", "settle"], during: &["destroy"] },
];

/// No verb takes longer.
const LONGEST: Duration = Duration::from_secs(600);

/// A crash that led somewhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Astray {
    /// Which verb.
    pub verb: &'static str,
    /// Who died.
    pub actor: Host,
    /// At which of its points, from 0.
    pub point: u64,
    /// What was broken; empty where only the end differs.
    pub findings: Vec<Finding>,
    /// How the end differs from that without a crash: lines that only one of them has.
    pub differs: Vec<String>,
}

/// What was tried for a verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Points by who can die at them.
    pub points: BTreeMap<Host, u64>,
    /// Where it went wrong.
    pub astray: Vec<Astray>,
}

fn fleet() -> Fleet {
    let spec = "cluster: sim\nprofile: laptop\nkafka: 4.3.1\npools:\n  nodes: { roles: [controller, broker], count: 3 }\n\
                topics:\n  t1: { partitions: 3, replicas: 3 }\n";
    Fleet { hosts: 3, seed: 11, spec: spec.to_owned() }
}

fn perform(world: &mut World, lines: &[&str]) {
    for line in lines {
        let command: Command = parse(line).expect("the verbs of this file are commands");
        world.perform(&command);
    }
}

/// Tries every point of a verb, or each `stride`th.
pub fn check(verb: &Verb, stride: u64) -> Checked {
    let mut world = World::new(&fleet());
    perform(&mut world, verb.before);
    let before: BTreeMap<Host, u64> = world.actors().map(|host| (host, world.points(host))).collect();
    perform(&mut world, verb.during);
    perform(&mut world, &["settle"]);
    let points: BTreeMap<Host, u64> =
        before.iter().map(|(host, passed)| (*host, world.points(*host) - passed)).collect();
    world.finish();
    let end = world.end_state();
    let mut astray = Vec::new();
    for (actor, points) in &points {
        for point in (0..*points).step_by(usize::try_from(stride.max(1)).unwrap_or(1)) {
            let mut world = World::new(&fleet());
            perform(&mut world, verb.before);
            world.doom(*actor, point);
            perform(&mut world, verb.during);
            let begun = world.now();
            while !world.has_died(*actor) && world.now() - begun < LONGEST {
                world.perform(&Command::Run(Duration::from_secs(5)));
            }
            // Whoever died stays dead for a while: the others must not be led astray by it either.
            world.perform(&Command::Run(Duration::from_secs(20)));
            world.finish();
            let differs = differences(&end, &world.end_state());
            if !world.findings().is_empty() || !differs.is_empty() {
                let findings = world.findings().to_vec();
                astray.push(Astray { verb: verb.name, actor: *actor, point, findings, differs });
            }
        }
    }
    Checked { points, astray }
}

fn differences(expected: &[String], found: &[String]) -> Vec<String> {
    let missing = expected.iter().filter(|line| !found.contains(line)).map(|line| format!("- {line}"));
    let surplus = found.iter().filter(|line| !expected.contains(line)).map(|line| format!("+ {line}"));
    missing.chain(surplus).collect()
}
