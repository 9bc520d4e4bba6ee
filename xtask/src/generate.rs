//! `cargo xtask generate [--check]`: files that are made from code and committed, so that a reader need not build.
//! One entry per file in [`PAGES`].

mod cli_page;
mod layers_page;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::tree;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail when a file would change
    #[arg(long)]
    check: bool,
}

/// One generated file.
struct Page {
    /// Relative to the root of the workspace.
    path: &'static str,
    /// Makes all of its bytes; the same each time.
    make: fn() -> Result<String>,
}

/// Every generated file.
const PAGES: &[Page] = &[
    Page { path: "docs/reference/cli.md", make: cli_page::make },
    Page { path: "docs/reference/layers.md", make: layers_page::make },
    Page { path: "docs/reference/spec.schema.json", make: || Ok(klamm_spec::json_schema()) },
];

/// Writes the pages, or names those that differ.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let changed = bring_up_to_date(&tree::root(), PAGES, args.check)?;
    for path in &changed {
        let says = if args.check { "differs; run `cargo xtask generate`" } else { "written" };
        println!("generate: {path}: {says}");
    }
    println!("generate: {} files, {} changed", PAGES.len(), changed.len());
    Ok(if args.check && !changed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The paths whose file differs from what its page makes; those files are written unless `check`.
fn bring_up_to_date(root: &Path, pages: &[Page], check: bool) -> Result<Vec<&'static str>> {
    let mut changed = Vec::new();
    for page in pages {
        let path = root.join(page.path);
        let made = (page.make)().with_context(|| format!("making {}", page.path))?;
        if fs::read_to_string(&path).is_ok_and(|present| present == made) {
            continue;
        }
        changed.push(page.path);
        if !check {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
            }
            fs::write(&path, made).with_context(|| format!("writing {}", page.path))?;
        }
    }
    Ok(changed)
}
