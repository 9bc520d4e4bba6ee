//! The reference of all commands, as `klamm` itself prints it.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::tree;

/// Asks the binary, so that this program need not be built together with all of it.
pub(super) fn make() -> Result<String> {
    let mut klamm = Command::new(env!("CARGO"));
    klamm.args(["run", "--quiet", "--package", "klamm-cli", "--bin", "klamm", "--", "reference"]);
    let output = klamm.current_dir(tree::root()).output().context("running klamm reference")?;
    ensure!(output.status.success(), "klamm reference: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("klamm reference printed something else than text")
}
