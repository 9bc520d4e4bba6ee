//! One measured figure: samples taken from its sides in turn, medians, all samples as JSON, and a verdict that is true.
//! Benches and soaks are made of it.

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// What a figure must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// Less is better.
    AtMost(f64),
    /// More is better.
    AtLeast(f64),
}

impl Goal {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {}", Number(*limit)),
            Self::AtLeast(limit) => write!(f, "≥ {}", Number(*limit)),
        }
    }
}

/// One thing that is measured.
pub(crate) struct Side {
    /// Short, for the samples and the last line.
    pub(crate) name: &'static str,
    /// Takes one sample, in the figure's unit; leaves nothing running.
    pub(crate) sample: Box<dyn FnMut() -> Result<f64>>,
}

/// What is measured, and against what.
pub(crate) enum Sides {
    /// The value is the median, in the figure's unit.
    Alone(Side),
    /// The value is the median of the first divided by that of the second.
    Beside(Side, Side),
    /// The value is a percentile of ours, in the figure's unit; the others are shown with theirs.
    Among {
        /// Whose value is judged.
        ours: Side,
        /// Who is measured in turn with it.
        others: Vec<Side>,
        /// 99 for the value that one sample of a hundred is above.
        percentile: usize,
    },
}

/// A figure that is to be measured.
pub(crate) struct Figure {
    /// Also the name of its file of samples.
    pub(crate) name: &'static str,
    /// Unit of each sample, for example `s`.
    pub(crate) unit: &'static str,
    /// What the value must reach.
    pub(crate) goal: Goal,
    /// How many samples of each side.
    pub(crate) rounds: usize,
    /// What is measured.
    pub(crate) sides: Sides,
}

/// A figure that was measured.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// `NAME: value (goal …, against …) ok` or `… short`.
    pub(crate) line: String,
    /// Whether the goal was met.
    pub(crate) met: bool,
}

struct Sample {
    round: usize,
    side: &'static str,
    value: f64,
}

impl Figure {
    /// Takes all samples, the sides in turn and each round starting with the other one, writes them to
    /// `folder/NAME.json`, and judges. A side that fails ends the run; the samples until then are written all the same.
    pub(crate) fn measure(mut self, folder: &Path) -> Result<Verdict> {
        ensure!(self.rounds > 0, "{}: no rounds, no figure", self.name);
        let mut samples = Vec::new();
        let outcome = self.take_samples(&mut samples);
        let judged = outcome.as_ref().ok().map(|()| self.judge(&samples));
        let document = self.document(&samples, judged.as_ref(), outcome.as_ref().err());
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let path = folder.join(format!("{}.json", self.name));
        let text = format!("{document:#}\n");
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        outcome?;
        Ok(judged.expect("a run that did not fail was judged").0)
    }

    fn take_samples(&mut self, samples: &mut Vec<Sample>) -> Result<()> {
        for round in 1..=self.rounds {
            let mut in_turn: Vec<&mut Side> = match &mut self.sides {
                Sides::Alone(side) => vec![side],
                Sides::Beside(ours, theirs) => vec![ours, theirs],
                Sides::Among { ours, others, .. } => std::iter::once(ours).chain(others).collect(),
            };
            if round % 2 == 0 {
                in_turn.reverse();
            }
            for side in in_turn {
                let name = side.name;
                let value =
                    (side.sample)().with_context(|| format!("{}: {name}, round {round}", self.name))?;
                ensure!(value.is_finite() && value >= 0.0, "{}: {name} measured {value}", self.name);
                println!(
                    "{}: round {round} of {}: {name} {} {}",
                    self.name,
                    self.rounds,
                    Number(value),
                    self.unit
                );
                samples.push(Sample { round, side: name, value });
            }
        }
        Ok(())
    }

    /// The verdict, and the value behind it.
    fn judge(&self, samples: &[Sample]) -> (Verdict, f64) {
        let (value, against) = match &self.sides {
            Sides::Alone(side) => (median(samples, side.name), "nothing else".to_owned()),
            Sides::Beside(ours, theirs) => {
                let (our, their) = (median(samples, ours.name), median(samples, theirs.name));
                let medians =
                    format!("{} {}, {} {} {}", ours.name, Number(our), theirs.name, Number(their), self.unit);
                (our / their, format!("{}: {medians}", theirs.name))
            }
            Sides::Among { ours, others, percentile } => {
                let at = |side: &Side| percentile_of(samples, side.name, *percentile);
                let shown: Vec<_> =
                    others.iter().map(|side| format!("{} {}", side.name, Number(at(side)))).collect();
                let against =
                    if shown.is_empty() { "nobody who is here".to_owned() } else { shown.join(", ") };
                (at(ours), against)
            }
        };
        let unit = match &self.sides {
            Sides::Alone(_) => format!(" {}", self.unit),
            Sides::Beside(..) => String::new(),
            Sides::Among { percentile, .. } => format!(" {} at p{percentile}", self.unit),
        };
        let met = self.goal.is_met_by(value);
        let word = if met { "ok" } else { "short" };
        let line =
            format!("{}: {}{unit} (goal {}, against {against}) {word}", self.name, Number(value), self.goal);
        (Verdict { line, met }, value)
    }

    fn document(
        &self,
        samples: &[Sample],
        judged: Option<&(Verdict, f64)>,
        failure: Option<&anyhow::Error>,
    ) -> Value {
        let samples: Vec<_> = samples
            .iter()
            .map(|Sample { round, side, value }| json!({ "round": round, "side": side, "value": value }))
            .collect();
        json!({
            "version": 1,
            "figure": self.name,
            "unit": self.unit,
            "goal": self.goal.to_string(),
            "cores": std::thread::available_parallelism().map(usize::from).unwrap_or(1),
            "samples": samples,
            "value": judged.map(|(_, value)| value),
            "met": judged.map(|(verdict, _)| verdict.met),
            "line": judged.map(|(verdict, _)| &verdict.line),
            "failure": failure.map(|error| format!("{error:#}")),
        })
    }
}

/// One side's samples, ascending.
fn sorted(samples: &[Sample], side: &str) -> Vec<f64> {
    let mut values: Vec<f64> =
        samples.iter().filter(|sample| sample.side == side).map(|sample| sample.value).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The smallest of one side's samples that so many of a hundred are not above; there is at least one.
fn percentile_of(samples: &[Sample], side: &str, percentile: usize) -> f64 {
    let values = sorted(samples, side);
    let rank = (values.len() * percentile).div_ceil(100).clamp(1, values.len());
    values[rank - 1]
}

/// The median of one side's samples, of which there is at least one.
fn median(samples: &[Sample], side: &str) -> f64 {
    let values = sorted(samples, side);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

/// Four significant digits, so that a value just beside its goal is not printed as the goal.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = if self.0 == 0.0 { 0 } else { self.0.abs().log10().floor() as i32 };
        let digits = usize::try_from(3 - magnitude).unwrap_or(0).min(9);
        let text = format!("{:.digits$}", self.0);
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        f.write_str(text)
    }
}
