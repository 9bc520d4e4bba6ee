//! The `klamm` binary; everything is in the library.

use std::process::ExitCode;

// Bugs that tests switch on must not even be in the binary.
const _: () = assert!(!klamm_core::mutant::COMPILED_IN, "the feature `mutants` is for the simulator only");

fn main() -> ExitCode {
    klamm_cli::run(std::env::args_os())
}
