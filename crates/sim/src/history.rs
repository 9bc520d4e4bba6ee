//! A history: a fleet, its spec, and everything that is done to it, as a script that can be read and played.

use std::fmt;

use crate::command::{Command, CommandError, parse};

/// What a history starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// Hosts with an agent, `h1` to `hN`; the server has one of its own.
    pub hosts: u8,
    /// What every chance is drawn from.
    pub seed: u64,
    /// The spec.
    pub spec: String,
}

/// A fleet and what is done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The fleet.
    pub fleet: Fleet,
    /// What is done, in this order.
    pub commands: Vec<Command>,
}

/// Why a text is no history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// A line is no command.
    #[error("line {line}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// Why.
        #[source]
        source: CommandError,
    },
    /// The head is not as it must be.
    #[error("line {line}: {problem}")]
    Head {
        /// Which, from 1.
        line: usize,
        /// What is expected.
        problem: &'static str,
    },
}

impl History {
    /// Reads a script: `hosts N`, `seed N`, `spec` with an indented spec below it, then one command a line. What
    /// follows a `#` is for the reader, and so is what stands after a `|` at the beginning of a line: the transcript.
    pub fn parse(text: &str) -> Result<Self, HistoryError> {
        let mut fleet = Fleet { hosts: 3, seed: 0, spec: String::new() };
        let mut commands = Vec::new();
        let mut in_spec = false;
        for (number, line) in (1..).zip(text.lines()) {
            if in_spec && (line.starts_with("  ") || line.is_empty()) {
                fleet.spec.push_str(line.strip_prefix("  ").unwrap_or(line));
                fleet.spec.push('\n');
                continue;
            }
            in_spec = false;
            let line = line.split('#').next().unwrap_or_default().trim();
            let head = |problem| HistoryError::Head { line: number, problem };
            match line.split_once(' ') {
                _ if line.is_empty() || line.starts_with('|') => {}
                _ if line == "spec" => in_spec = true,
                Some(("hosts", count)) => {
                    fleet.hosts = count.parse().map_err(|_| head("`hosts N`, at most 255"))?;
                }
                Some(("seed", seed)) => fleet.seed = seed.parse().map_err(|_| head("`seed N`"))?,
                _ => {
                    let command =
                        parse(line).map_err(|source| HistoryError::Line { line: number, source })?;
                    commands.push(command);
                }
            }
        }
        let spec = fleet.spec.trim_end().to_owned();
        fleet.spec = if spec.is_empty() { spec } else { spec + "\n" };
        Ok(Self { fleet, commands })
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fleet: Fleet { hosts, seed, spec }, commands } = self;
        writeln!(f, "hosts {hosts}\nseed {seed}\nspec")?;
        for line in spec.lines() {
            writeln!(f, "  {line}")?;
        }
        writeln!(f)?;
        commands.iter().try_for_each(|command| writeln!(f, "{command}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_read_back_from_its_own_text() {
        let history = History {
            fleet: Fleet { hosts: 6, seed: 9, spec: "cluster: dev\npools:\n  nodes: { count: 3 }\n".into() },
            commands: ["up", "run 3s", "kill server"].map(|line| parse(line).unwrap()).to_vec(),
        };
        assert_eq!(History::parse(&history.to_string()).unwrap(), history);
    }

    #[test]
    fn remarks_and_transcripts_are_for_the_reader() {
        let text = "# why\nhosts 3\nup # now\n|   created\n\nsettle\n";
        let history = History::parse(text).unwrap();
        assert_eq!(history.commands.len(), 2);
        let error = History::parse("hosts 3\nup\ndance\n").unwrap_err();
        assert_eq!(error.to_string(), "line 3");
    }
}
