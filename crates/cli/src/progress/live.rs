//! Progress on a terminal: a line for each step and each slot, drawn again in place.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use klamm_core::api::{RunView, StepState};
use klamm_core::model::inventory::Stage;

use super::by_stage;
use super::rate::Rates;
use crate::output::{Tone, elapsed, hanging, paint};
use crate::summary;

/// Turns with each drawing: something is going on.
const SPINNER: [char; 8] = ['⣷', '⣯', '⣟', '⡿', '⢿', '⣻', '⣽', '⣾'];

/// The lines on the terminal.
pub(super) struct Live {
    screen: MultiProgress,
    lines: Vec<ProgressBar>,
    picture: Picture,
}

impl Live {
    pub(super) fn new(color: bool, width: Option<usize>) -> Self {
        let picture = Picture { color, width, last: None, rates: Rates::default(), turn: 0 };
        Self { screen: MultiProgress::new(), lines: Vec::new(), picture }
    }

    pub(super) fn show(&mut self, view: &RunView, time: Duration) {
        self.picture.take_in(view, time);
        self.draw(time);
    }

    pub(super) fn tick(&mut self, time: Duration) {
        self.picture.turn += 1;
        self.draw(time);
    }

    /// Draws a last time and leaves it there.
    pub(super) fn finish(mut self, time: Duration) {
        self.draw(time);
        self.lines.iter().for_each(ProgressBar::abandon);
    }

    fn draw(&mut self, time: Duration) {
        let drawn = self.picture.lines(time);
        while self.lines.len() > drawn.len() {
            if let Some(line) = self.lines.pop() {
                line.finish_and_clear();
                self.screen.remove(&line);
            }
        }
        while self.lines.len() < drawn.len() {
            let line = self.screen.add(ProgressBar::new_spinner());
            // `wide_msg` cuts what is longer than the terminal is wide.
            line.set_style(ProgressStyle::with_template("{wide_msg}").expect("the template is one"));
            self.lines.push(line);
        }
        for (line, text) in self.lines.iter().zip(drawn) {
            line.set_message(text);
        }
    }
}

/// What is to be drawn, apart from any terminal.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) color: bool,
    pub(super) width: Option<usize>,
    pub(super) last: Option<RunView>,
    pub(super) rates: Rates,
    pub(super) turn: usize,
}

impl Picture {
    pub(super) fn take_in(&mut self, view: &RunView, time: Duration) {
        self.rates.take_in(view, time);
        self.last = Some(view.clone());
    }

    /// The lines from top to bottom.
    pub(super) fn lines(&self, time: Duration) -> Vec<String> {
        let Some(view) = &self.last else { return vec![] };
        let spinner = SPINNER[self.turn % SPINNER.len()].to_string();
        let mut lines = Vec::new();
        for step in &view.steps {
            let (mark, tone, waits_for) = match &step.state {
                StepState::Pending => ("·", Tone::Quiet, None),
                StepState::Running { waits_for } => (spinner.as_str(), Tone::Notice, Some(waits_for)),
                StepState::Done => ("✔", Tone::Good, None),
                StepState::Failed => ("✘", Tone::Bad, None),
                StepState::Aborted => ("✘", Tone::Notice, None),
            };
            let mark = paint(mark, tone, self.color);
            let line = match waits_for {
                Some(waits_for) if !waits_for.is_empty() => {
                    let waits_for = paint(&format!("({waits_for})"), Tone::Quiet, self.color);
                    format!("{mark} {} {waits_for}", step.title)
                }
                Some(_) | None => format!("{mark} {}", step.title),
            };
            lines.extend(self.wrapped(&line, "✔ ".chars().count()));
        }
        let groups = by_stage(view);
        let widest = groups.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        for (label, stage) in groups {
            let rate =
                if let Stage::Fetching { item, .. } = stage { self.rates.text(item) } else { String::new() };
            let text = paint(&format!("{}{rate}", stage.describe()), summary::tone(stage), self.color);
            let begin = format!("    {label:widest$}  ");
            lines.extend(self.wrapped(&format!("{begin}{text}"), begin.chars().count()));
        }
        lines.push(paint(&format!("    {}", elapsed(time)), Tone::Quiet, self.color));
        lines
    }

    /// What is waited for may be a whole sentence.
    fn wrapped(&self, line: &str, hang: usize) -> Vec<String> {
        let Some(width) = self.width else { return vec![line.to_owned()] };
        hanging(line, width, hang).split('\n').map(str::to_owned).collect()
    }
}
