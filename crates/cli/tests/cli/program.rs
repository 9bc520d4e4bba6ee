//! The program under test: its binary, a root folder of its own, nothing of this machine's environment.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;

/// What a command did.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// All of it, for a snapshot.
    pub(crate) fn transcript(&self, lab: &Lab) -> String {
        let folder = lab.folder().to_str().expect("temporary folders are UTF-8");
        let clean = |text: &str| text.replace(folder, "ROOT");
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, clean(&self.stdout), clean(&self.stderr))
    }
}

/// A folder that is root, home and current folder of what runs in it.
pub(crate) struct Lab {
    folder: TempDir,
    pub(crate) width: usize,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), width: 80 }
    }

    pub(crate) fn wide(self) -> Self {
        Self { width: 200, ..self }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder().join("run/server.sock")
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
        command
            .args(line.split_whitespace())
            .env_clear()
            .env("KLAMM_ROOT", self.folder())
            .env("COLUMNS", self.width.to_string())
            .env("USER", "tester")
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `klamm LINE` to its end.
    pub(crate) fn run(&self, line: &str) -> Outcome {
        self.run_with_input(line, "")
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Outcome {
        let mut child = self.command(line).stdin(Stdio::piped()).spawn().expect("klamm starts");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        // A command that does not read its input closes it.
        stdin.write_all(input.as_bytes()).ok();
        drop(stdin);
        let output = child.wait_with_output().expect("klamm ends");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("errors are UTF-8"),
        }
    }

    /// `klamm LINE`'s whole transcript.
    pub(crate) fn transcript(&self, line: &str) -> String {
        self.run(line).transcript(self)
    }
}

/// Reads a child's standard error until a line holds `text`; what follows is still to be read.
pub(crate) fn wait_for_line(child: &mut Child, text: &str) -> BufReader<ChildStderr> {
    let mut stderr = BufReader::new(child.stderr.take().expect("its errors are a pipe"));
    let found = stderr.by_ref().lines().map_while(Result::ok).any(|line| line.contains(text));
    assert!(found, "no line with {text:?}");
    stderr
}
