//! `klamm man`: manual pages.

use std::path::PathBuf;

use crate::args::command;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;

/// Write manual pages
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  klamm man ~/.local/share/man/man1 && man klamm-up")]
pub(crate) struct Args {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(invocation: &Invocation, Args { folder }: Args) -> Result<u8, CliError> {
    let failed = |source| CliError::Write { path: folder.display().to_string(), source };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    clap_mangen::generate_to(command(), &folder).map_err(failed)?;
    invocation.terminal.tell(&format!(
        "wrote the manual pages to {}; `man -l {}/klamm.1` shows the first",
        folder.display(),
        folder.display()
    ));
    Ok(exit::DONE)
}
