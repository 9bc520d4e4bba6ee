//! The repository's own files: where they are and what is in them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace").to_owned()
}

/// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the workspace.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// `cargo` as it was when this program was built or run by it.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// One text file.
#[derive(Debug)]
pub(crate) struct TextFile {
    /// Relative to the root, with `/` between the parts.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

/// All text files under `root`, by path; `.git`, build output and files that are not UTF-8 are left out.
pub(crate) fn collect_text_files(root: &Path) -> Result<Vec<TextFile>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = entry.file_name();
            // A folder, or in a second worktree a file.
            if name == ".git" {
                continue;
            }
            if kind.is_dir() {
                if name != "target" {
                    folders.push(path);
                }
            } else if kind.is_file() {
                let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
                if let Ok(text) = String::from_utf8(bytes) {
                    let relative = path.strip_prefix(root).expect("the walk starts at the root");
                    found.push(TextFile { path: relative.to_string_lossy().replace('\\', "/"), text });
                }
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
