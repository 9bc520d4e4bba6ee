//! The `klamm` binary; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    klamm_cli::run(std::env::args_os())
}
