//! Asking a person before something is deleted.

use std::io::Write as _;

use crate::error::CliError;
use crate::output::Terminal;

/// Has a person type `word`; without a terminal nobody can be asked, so the answer is no.
pub(super) fn confirm(terminal: &Terminal, what: &str, word: &str) -> Result<(), CliError> {
    let unconfirmed = |confirm: String| CliError::Unconfirmed { what: what.to_owned(), confirm };
    if !terminal.interactive {
        return Err(unconfirmed("there is no terminal to ask on: add `--yes`".to_owned()));
    }
    let mut err = std::io::stderr();
    write!(err, "type {word} to confirm: ").and_then(|()| err.flush()).ok();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|source| CliError::Input { source })?;
    if answer.trim() == word { Ok(()) } else { Err(unconfirmed(format!("type {word}, or add `--yes`"))) }
}
