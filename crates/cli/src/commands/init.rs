//! `klamm init`: a commented spec to start from.

use std::path::{Path, PathBuf};

use klamm_core::kafka::Profile;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output;
use crate::specs::FILE;

/// Write a commented spec to start from
///
/// `klamm up` in the same folder takes it. A file that is there is not overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm init
  klamm init --profile production telemetry.yaml
  klamm init - | less")]
pub(crate) struct Args {
    /// Where to; `-` prints it
    #[arg(value_name = "FILE", default_value = FILE)]
    file: PathBuf,
    /// For many small nodes on one machine, or for machines of their own
    #[arg(long, value_enum, value_name = "PROFILE", default_value = "laptop")]
    profile: ProfileArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ProfileArg {
    Laptop,
    Production,
}

pub(crate) fn run(invocation: &Invocation, Args { file, profile }: Args) -> Result<u8, CliError> {
    let text = klamm_spec::commented_example(match profile {
        ProfileArg::Laptop => Profile::Laptop,
        ProfileArg::Production => Profile::Production,
    });
    if file == Path::new("-") {
        output::print(&text)?;
        return Ok(exit::DONE);
    }
    write_new(&file, &text)?;
    let option = if file == Path::new(FILE) { String::new() } else { format!(" -f {}", file.display()) };
    let next = format!("`{} up{option}`", invocation.command());
    invocation.terminal.tell(&format!("wrote {}; change it, then {next}", file.display()));
    Ok(exit::DONE)
}

/// A spec holds no secrets and is read by others: the ordinary mode, unlike what Klamm keeps for itself.
fn write_new(file: &Path, text: &str) -> Result<(), CliError> {
    use std::io::Write as _;
    let path = || file.display().to_string();
    let created = std::fs::File::create_new(file);
    created.and_then(|mut created| created.write_all(text.as_bytes())).map_err(|source| {
        if source.kind() == std::io::ErrorKind::AlreadyExists {
            CliError::Exists { path: path() }
        } else {
            CliError::Write { path: path(), source }
        }
    })
}
