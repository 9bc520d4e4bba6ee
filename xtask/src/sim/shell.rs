//! `cargo xtask sim shell`: commands typed one by one. Undo plays everything again but the last: a second of a person's
//! time is hours of the fleet's.

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};

use klamm_sim::{Fleet, History, World, parse};

use super::{answers_of, read};

const HELP: &str = "\
  up, down, destroy, set KEY=VALUE, unset KEY, topic NAME PxR, user NAME, drop-user NAME, revert, abort, resume
  kill NODE, freeze NODE, thaw NODE, lose-data NODE, kill|start agent HOST, kill|start server
  power-off|power-on HOST, snapshot|restore HOST|server, old-server HOST, fill-disk|empty-disk HOST, skew HOST -30s
  cut FROM -> TO, isolate HOST, heal, delay 300ms, drop 20%, duplicate 5%
  run 5s, settle, status, plan, journal, check
  tell      show everything that happens, or no more
  undo      as if the last command had not been given
  save FILE write what was typed as a script
  quit";

const SPEC: &str = "\
cluster: sim
profile: laptop
kafka: 4.3.1
pools:
  nodes: { roles: [controller, broker], count: 3 }
topics:
  t1: { partitions: 6, replicas: 3 }
";

pub(super) fn run(file: Option<&Path>) -> Result<()> {
    let mut history = match file {
        Some(file) => History::parse(&read(file)?).with_context(|| file.display().to_string())?,
        None => History { fleet: Fleet { hosts: 3, seed: 1, spec: SPEC.to_owned() }, commands: Vec::new() },
    };
    let (mut world, _) = answers_of(&history);
    let mut tells = false;
    println!("{} hosts; `help` lists what can be said", history.fleet.hosts);
    loop {
        print!("{:.1}s> ", world.now().as_secs_f64());
        std::io::stdout().flush().context("printing")?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).context("reading")? == 0 {
            return Ok(());
        }
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] => {}
            ["quit" | "exit"] => return Ok(()),
            ["help"] => println!("{HELP}"),
            ["tell"] => {
                tells = !tells;
                println!("{}", if tells { "everything is shown" } else { "answers only" });
                if tells {
                    world.keep_lines();
                }
            }
            ["undo"] => match history.commands.pop() {
                Some(command) => {
                    world = answers_of(&history).0;
                    println!("undone: {command}");
                }
                None => println!("nothing was done yet"),
            },
            ["save", file] => {
                fs::write(file, history.to_string()).with_context(|| format!("writing {file}"))?;
                println!("saved {} commands to {file}", history.commands.len());
            }
            _ => match parse(line.trim()) {
                Ok(command) => {
                    let answers = world.perform(&command);
                    history.commands.push(command);
                    show(&mut world, tells, answers);
                }
                Err(error) => println!("{error}"),
            },
        }
    }
}

fn show(world: &mut World, tells: bool, answers: Vec<String>) {
    let lines = world.take_lines();
    if tells {
        lines.iter().for_each(|line| println!("    {line}"));
    }
    answers.iter().for_each(|line| println!("    {line}"));
}
