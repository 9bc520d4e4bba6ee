//! How a failure looks on standard error: what, why, what to do.

use std::io::Write as _;

use klamm_core::api::Failure;

use super::CliError;
use crate::output::{Format, Terminal, Tone, paint, wrapped};

/// Tells a failure on standard error, as text or, with `--output json`, as one object. What cannot be told
/// there cannot be told at all.
pub(crate) fn print(error: &CliError, terminal: &Terminal) {
    if error.is_silent() {
        return;
    }
    let failure = error.to_failure();
    let text = match terminal.format {
        Format::Json => serde_json::to_string(&failure).expect("a failure has only string keys") + "\n",
        // Somebody who pressed Ctrl-C did not fail.
        Format::Table if error.is_interruption() => {
            wrapped(&format!("{}\n", failure.message), terminal.error_width)
        }
        Format::Table => render(&failure, terminal.error_width, terminal.error_color),
    };
    std::io::stderr().write_all(text.as_bytes()).ok();
}

/// The failure as text, each part on lines of its own.
pub(super) fn render(failure: &Failure, width: Option<usize>, color: bool) -> String {
    let Failure { code, message, causes, hint } = failure;
    let labelled = |label: &str, tone: Tone, text: &str| {
        let text = wrapped(&format!("{label}: {text}\n"), width);
        text.replacen(&format!("{label}:"), &paint(&format!("{label}:"), tone, color), 1)
    };
    let mut text = labelled("error", Tone::Bad, &format!("{message} [{code}]"));
    for cause in causes {
        text.push_str(&wrapped(&format!("  because {cause}\n"), width));
    }
    match hint {
        // A spec's problems are whole windows of the file with their own fixes.
        Some(rendered) if code == "klamm/spec/invalid" => {
            text.push_str(&format!("\n{}\n", rendered.trim_end()));
        }
        Some(hint) => text.push_str(&labelled("hint", Tone::Notice, hint)),
        None => {}
    }
    text
}
