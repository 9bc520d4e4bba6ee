//! `cargo xtask tidy`: the house rules that neither compiler nor linter knows. One function per rule.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::rust_text::{RustText, TestFiles, find_words, line_of};
use crate::tree::{self, TextFile};

/// More lines than this are worth a remark: a reader holds about that much.
const LINES_ASKED: usize = 400;
/// More lines than this are refused.
const LINES_REFUSED: usize = 800;
/// How many lines above a `sleep` the deadline of its loop may stand.
const POLL_REACH: usize = 14;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] =
    ["utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "shared"];

// Written in halves, so that this file does not break the rules it states.
const MACHINE_FOLDERS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
const REGISTRY_HOSTS: [&str; 9] = [
    concat!("repo1.", "maven.org"),
    concat!("repo.maven.", "apache.org"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("proxy.", "golang.org"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("deb.", "debian.org"),
];
/// The one file that may name hosts: the product's default mirrors.
const MIRRORS: &str = "crates/artifacts/src/mirrors.rs";

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Printed.
    Asked,
    /// Printed, and the run fails.
    Refused,
}

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    weight: Weight,
    /// Path and, where there is one, line.
    place: String,
    says: String,
}

/// Prints every finding; fails when one is refused.
pub(crate) fn run() -> Result<ExitCode> {
    let files = tree::collect_text_files(&tree::root())?;
    let tests = TestFiles::among(&files);
    let mut findings: Vec<Finding> = files.iter().flat_map(|file| check_file(file, &tests)).collect();
    let root = tree::root();
    findings.extend(files.iter().flat_map(|file| check_links(file, |path| root.join(path).exists())));
    for finding in &findings {
        let word = match finding.weight {
            Weight::Asked => "asked",
            Weight::Refused => "refused",
        };
        println!("tidy: {word}: {}: {}", finding.place, finding.says);
    }
    let refused = findings.iter().filter(|finding| finding.weight == Weight::Refused).count();
    println!("tidy: {} files, {refused} refused, {} asked", files.len(), findings.len() - refused);
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything wrong with one file.
fn check_file(file: &TextFile, tests: &TestFiles) -> Vec<Finding> {
    let mut findings = check_places(file);
    findings.extend(check_name(file));
    if file.path.ends_with(".rs") {
        let text = RustText::of(&file.text);
        findings.extend(check_opening(file));
        findings.extend(check_length(file));
        findings.extend(check_allow(file, &text));
        findings.extend(check_module_names(file, &text));
        findings.extend(check_sleeps(file, &text, tests));
        findings.extend(check_open_ends(file, &text));
    }
    findings
}

fn refused(file: &TextFile, line: Option<usize>, says: String) -> Finding {
    let place = line.map_or_else(|| file.path.clone(), |line| format!("{}:{line}", file.path));
    Finding { weight: Weight::Refused, place, says }
}

fn check_opening(file: &TextFile) -> Option<Finding> {
    (!file.text.starts_with("//! "))
        .then(|| refused(file, Some(1), "opens without `//!`: say what it is for".into()))
}

fn check_length(file: &TextFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let (weight, limit) = match lines {
        _ if lines > LINES_REFUSED => (Weight::Refused, LINES_REFUSED),
        _ if lines > LINES_ASKED => (Weight::Asked, LINES_ASKED),
        _ => return None,
    };
    Some(Finding { weight, place: file.path.clone(), says: format!("{lines} lines, {limit} are the limit") })
}

fn check_name(file: &TextFile) -> Option<Finding> {
    if !file.path.ends_with(".rs") {
        return None;
    }
    if file.path.ends_with("/mod.rs") {
        return Some(refused(file, None, "no mod.rs: `name.rs` beside `name/`".into()));
    }
    let empty = file.path.trim_end_matches(".rs").split('/').find(|part| EMPTY_NAMES.contains(part))?;
    Some(refused(file, None, format!("`{empty}` says nothing about what is inside")))
}

fn check_module_names(file: &TextFile, text: &RustText) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in EMPTY_NAMES {
        let declared = format!("mod {name}");
        for at in find_words(&text.code, &declared) {
            let line = line_of(&text.code, at);
            findings.push(refused(file, Some(line), format!("`{name}` says nothing about what is inside")));
        }
    }
    findings
}

fn check_allow(file: &TextFile, text: &RustText) -> Vec<Finding> {
    ["#[allow", "#![allow"]
        .into_iter()
        .flat_map(|attribute| find_words(&text.code, attribute))
        .map(|at| {
            refused(file, Some(line_of(&text.code, at)), "`allow` hides: `#[expect(…, reason = …)]`".into())
        })
        .collect()
}

/// In tests a `sleep` is a guess; between two looks of a loop that has a deadline it is not.
fn check_sleeps(file: &TextFile, text: &RustText, tests: &TestFiles) -> Vec<Finding> {
    let all_tests = tests.contains(&file.path) || file.path.starts_with("e2e/");
    let product = text.code_outside_tests();
    let lines: Vec<&str> = text.code.lines().collect();
    let product_lines: Vec<&str> = product.lines().collect();
    let mut findings = Vec::new();
    for at in find_words(&text.code, "sleep(") {
        let line = line_of(&text.code, at);
        let in_test = all_tests || !product_lines.get(line - 1).is_some_and(|code| code.contains("sleep("));
        let above = lines[line.saturating_sub(POLL_REACH)..line].join("\n").to_lowercase();
        if in_test && !above.contains("deadline") && !above.contains("poll") {
            let says = "a sleep in a test is a guess: poll with a deadline (named so, within 14 lines above)";
            findings.push(refused(file, Some(line), says.into()));
        }
    }
    findings
}

/// `TODO(kind)` names what it waits for; anything else is forgotten.
fn check_open_ends(file: &TextFile, text: &RustText) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in ["TODO", "FIXME", "XXX", "HACK"] {
        for at in find_words(&text.comments, word) {
            let has_kind = word == "TODO" && text.comments[at + word.len()..].starts_with('(');
            if !has_kind {
                let says = format!("`{word}` without a kind: finish it, or `TODO(kind): …`");
                findings.push(refused(file, Some(line_of(&text.comments, at)), says));
            }
        }
    }
    findings
}

/// What only this machine knows, who hosts what, and blanks at line ends; in every text file.
fn check_places(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let may_name_hosts = file.path == MIRRORS || file.path == "Cargo.lock";
    // tables have empty last columns, snapshots are what a program printed
    let may_end_blank = file.path.ends_with(".snap") || file.path.ends_with(".tsv");
    for (index, line) in file.text.lines().enumerate() {
        let number = Some(index + 1);
        for folder in MACHINE_FOLDERS.into_iter().filter(|folder| names_absolute(line, folder)) {
            findings.push(refused(file, number, format!("`{folder}` is a path of one machine")));
        }
        for host in REGISTRY_HOSTS.into_iter().filter(|host| !may_name_hosts && line.contains(host)) {
            findings.push(refused(file, number, format!("`{host}` belongs into {MIRRORS} alone")));
        }
        if !may_end_blank && line.ends_with([' ', '\t', '\r']) {
            findings.push(refused(file, number, "blanks at the end of the line".into()));
        }
    }
    findings
}

/// Links of a Markdown page to files that are not there; what is outside of the repository is not looked at.
fn check_links(file: &TextFile, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let folder = Path::new(&file.path).parent().expect("a page lies in a folder");
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        let paths = links.map(|link| link.split('#').next().unwrap_or_default());
        for path in paths.filter(|path| !path.is_empty() && !path.contains(':')) {
            if !exists(&folder.join(path)) {
                findings.push(refused(file, Some(index + 1), format!("links to {path}, which is not there")));
            }
        }
    }
    findings
}

/// True when `folder` stands in `line` as the start of a path, not inside one.
fn names_absolute(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-})$~*/".contains(c))
    })
}
