//! `klamm completions`: for the shell.

use clap_complete::Shell;

use crate::args::command;
use crate::error::CliError;
use crate::exit;
use crate::output;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm completions bash > ~/.local/share/bash-completion/completions/klamm
  klamm completions zsh > ~/.zfunc/_klamm
  klamm completions fish > ~/.config/fish/completions/klamm.fish")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(Args { shell }: Args) -> Result<u8, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "klamm", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(exit::DONE)
}
