//! Playing histories: a script from beginning to end, a seed to its verdict.

use klamm_core::model::Sha256;

use crate::command::Command;
use crate::history::History;
use crate::random;
use crate::record::{Finding, Rule};
use crate::shrink::shrink;
use crate::world::World;

/// How a history ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What must not be and was.
    pub findings: Vec<Finding>,
    /// Stands for everything that happened: equal for equal histories, on every machine and in every build.
    pub digest: Sha256,
    /// How many events there were.
    pub events: u64,
    /// How many faults struck.
    pub faults: usize,
}

/// Plays a history, mends everything, and checks that all is well in the end.
pub fn play(history: &History) -> Verdict {
    let mut world = World::new(&history.fleet);
    for command in &history.commands {
        world.perform(command);
    }
    world.finish();
    Verdict {
        findings: world.findings().to_vec(),
        digest: world.digest(),
        events: world.events(),
        faults: history.commands.iter().filter(|command| command.is_fault()).count(),
    }
}

/// Plays the history of a seed.
pub fn play_seed(seed: u64) -> Verdict {
    play(&random::history(seed))
}

/// Plays a script and writes below each command what was answered, and what happened where `tells` is set. The
/// transcript is a script itself: what was answered stands behind a `|`.
pub fn transcript(text: &str, tells: bool) -> Result<String, crate::history::HistoryError> {
    let history = History::parse(text)?;
    let mut world = World::new(&history.fleet);
    if tells {
        world.keep_lines();
    }
    let mut commands = history.commands.iter();
    let mut written = String::new();
    for line in text.lines() {
        if line.starts_with('|') {
            continue;
        }
        written.push_str(line);
        written.push('\n');
        let is_command = line.split('#').next().is_some_and(|line| line.trim().parse::<Command>().is_ok());
        let Some(command) = is_command.then(|| commands.next()).flatten() else { continue };
        let answers = world.perform(command);
        for line in world.take_lines().into_iter().chain(answers) {
            written.push_str(&format!("|   {line}\n"));
        }
    }
    Ok(written)
}

/// The shortest history found that breaks the same rule as `history` does.
pub fn shorten(history: &History, rule: Rule, tries: usize) -> History {
    shrink(history, tries, |candidate| play(candidate).findings.iter().any(|finding| finding.rule == rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_history_byte_for_byte() {
        let (first, second) = (play_seed(3), play_seed(3));
        assert_eq!(first, second);
        assert_ne!(first.digest, play_seed(4).digest);
    }
}
