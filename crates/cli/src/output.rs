//! What commands print: where it goes, how wide it is, whether it has colour, as a table or as JSON.

mod age;
mod prose;
mod table;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd;

use serde::Serialize;

use crate::error::CliError;

pub(crate) use age::{age, elapsed, until};
pub(crate) use prose::{hanging, wrapped};
pub(crate) use table::{Field, Keep, Table};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs: the API's own bodies.
    Json,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a stretch of text means; becomes a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Notice,
    Bad,
    Quiet,
}

/// Where output goes and what it can show.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    /// Table or JSON.
    pub(crate) format: Format,
    /// Columns of standard output; none where lines may be of any length.
    pub(crate) width: Option<usize>,
    /// Columns of standard error, likewise.
    pub(crate) error_width: Option<usize>,
    /// Whether standard output is coloured.
    pub(crate) color: bool,
    /// Whether standard error is coloured.
    pub(crate) error_color: bool,
    /// Whether standard error is a terminal on which lines can be updated in place.
    pub(crate) live: bool,
    /// Whether a person can be asked.
    pub(crate) interactive: bool,
    /// Whether standard output is a terminal whose screen can be cleared.
    pub(crate) screen: bool,
}

impl Terminal {
    /// What the streams of this process are.
    pub(crate) fn find(
        format: Format,
        choice: ColorChoice,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let set = |name| variable(name).is_some_and(|value| !value.is_empty());
        let dumb = variable("TERM").is_some_and(|term| term == "dumb");
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let color = |is_terminal: bool| match choice {
            ColorChoice::Auto => is_terminal && !dumb && !set("NO_COLOR"),
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        let columns = variable("COLUMNS").and_then(|text| text.to_str()?.parse().ok());
        let width = |window: Option<usize>| columns.or(window).filter(|width| *width > 0);
        Self {
            format,
            width: width(out.then(|| window_width(rustix::stdio::stdout())).flatten()),
            error_width: width(err.then(|| window_width(rustix::stdio::stderr())).flatten()),
            color: color(out),
            error_color: color(err),
            live: err && !dumb,
            interactive: err && std::io::stdin().is_terminal(),
            screen: out && !dumb,
        }
    }

    /// Text with the colour of its meaning, for standard output.
    pub(crate) fn paint(&self, text: &str, tone: Tone) -> String {
        paint(text, tone, self.color)
    }

    /// Sentences as standard output shows them.
    pub(crate) fn prose(&self, text: &str) -> String {
        wrapped(text, self.width)
    }

    /// Says something that is no result.
    pub(crate) fn tell(&self, text: &str) {
        tell(&wrapped(text, self.error_width));
    }
}

fn window_width(stream: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col))
}

/// Text in the colour of its meaning.
pub(crate) fn paint(text: &str, tone: Tone, color: bool) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => 32,
        Tone::Notice => 33,
        Tone::Bad => 31,
        Tone::Quiet => 2,
    };
    if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Prints a result and makes sure that it is out.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|source| CliError::Output { source })
}

/// Prints a result for programs.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).expect("the API's bodies have only string keys");
    print(&format!("{text}\n"))
}

/// Writes a line to standard error. Where that is closed nobody wants to hear it.
pub(crate) fn tell(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// `1 node`, `3 nodes`.
pub(crate) fn count(number: impl ToString, noun: &str) -> String {
    let number = number.to_string();
    if number == "1" { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
