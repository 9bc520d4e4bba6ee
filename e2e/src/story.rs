//! A story: numbered cases about one shared world, which ends with the story whatever happens in it.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, anyhow};
use thiserror::Error;

/// A case: its name is a sentence, what it does is `run`.
pub struct Case<W> {
    /// What holds.
    pub name: &'static str,
    /// Acts and asserts; the world is as the case before left it.
    pub run: fn(&mut W) -> Result<()>,
}

/// A case cannot be run on this machine.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Missing(pub String);

/// Makes the world and runs the cases in order, those whose name holds a word of the command line, or all. Prints as
/// Rust's own harness does; a case that needs what is not here is ignored, by name and reason.
pub fn tell<W>(make: impl FnOnce() -> Result<W>, cases: &[Case<W>]) -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let chosen: Vec<&Case<W>> = cases
        .iter()
        .filter(|case| wanted.is_empty() || wanted.iter().any(|word| case.name.contains(word.as_str())))
        .collect();
    if env::args().any(|argument| argument == "--list") {
        chosen.iter().for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let started = Instant::now();
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    let mut world = if chosen.is_empty() { Err(anyhow!("nothing was chosen")) } else { make() };
    for case in &chosen {
        let begun = Instant::now();
        let ended = match &mut world {
            Ok(world) => catch_unwind(AssertUnwindSafe(|| (case.run)(world)))
                .unwrap_or_else(|_| Err(anyhow!("it panicked, see above"))),
            Err(problem) => Err(match problem.downcast_ref::<Missing>() {
                Some(Missing(what)) => Missing(what.clone()).into(),
                None => anyhow!("there is no world: {problem:#}"),
            }),
        };
        let took = begun.elapsed().as_secs_f32();
        match ended {
            Ok(()) => {
                passed += 1;
                println!("test {} ... ok ({took:.1} s)", case.name);
            }
            Err(problem) => match problem.downcast_ref::<Missing>() {
                Some(missing) => {
                    ignored += 1;
                    println!("test {} ... ignored, {missing}", case.name);
                }
                None => {
                    failed += 1;
                    println!("test {} ... FAILED ({took:.1} s)\n    {problem:#}", case.name);
                }
            },
        }
    }
    drop(world);
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let left = cases.len() - chosen.len();
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; {left} filtered \
         out; finished in {:.2}s\n",
        started.elapsed().as_secs_f32()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
