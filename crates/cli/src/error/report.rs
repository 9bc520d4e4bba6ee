//! How a failure looks on standard error: what, why, what to do.

use std::io::Write as _;

use klamm_core::api::Failure;

use super::CliError;
use crate::output::{Format, Terminal, Tone, paint};

/// Tells a failure on standard error, as text or, with `--output json`, as one object. What cannot be told
/// there cannot be told at all.
pub(crate) fn print(error: &CliError, terminal: &Terminal) {
    if error.is_silent() {
        return;
    }
    let failure = error.to_failure();
    let text = match terminal.format {
        Format::Json => serde_json::to_string(&failure).expect("a failure has only string keys") + "\n",
        Format::Table => render(&failure, terminal.error_color),
    };
    std::io::stderr().write_all(text.as_bytes()).ok();
}

/// The failure as text, each part on its own line.
pub(super) fn render(failure: &Failure, color: bool) -> String {
    let Failure { code, message, causes, hint } = failure;
    let mut text = format!("{} {message} [{code}]\n", paint("error:", Tone::Bad, color));
    for cause in causes {
        text.push_str(&format!("  because {cause}\n"));
    }
    match hint {
        // A spec's problems are whole windows of the file with their own fixes.
        Some(rendered) if code == "klamm/spec/invalid" => {
            text.push_str(&format!("\n{}\n", rendered.trim_end()));
        }
        Some(hint) => text.push_str(&format!("{} {hint}\n", paint("hint:", Tone::Notice, color))),
        None => {}
    }
    text
}
