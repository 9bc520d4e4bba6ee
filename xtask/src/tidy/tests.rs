//! Each rule refuses what it is for and nothing near it.

use std::path::Path;

use super::{Weight, check_file, check_links};
use crate::rust_text::TestFiles;
use crate::tree::TextFile;

fn findings(path: &str, text: &str) -> Vec<String> {
    let file = TextFile { path: path.into(), text: text.into() };
    let tests = TestFiles::among(std::slice::from_ref(&file));
    check_file(&file, &tests)
        .into_iter()
        .map(|finding| format!("{}: {}", finding.place, finding.says))
        .collect()
}

fn assert_refused(path: &str, text: &str, place: &str) {
    let found = findings(path, text);
    assert!(found.len() == 1 && found[0].starts_with(place), "{path}: {found:?}");
}

#[test]
fn a_proper_file_has_no_findings() {
    assert!(findings("crates/core/src/a.rs", "//! What it is for.\n\nfn a() {}\n").is_empty());
}

#[test]
fn a_file_must_say_what_it_is_for() {
    assert_refused("a.rs", "fn a() {}\n", "a.rs:1: opens");
}

#[test]
fn long_files_are_remarked_on_and_longer_ones_refused() {
    let of_lines = |count: usize| TextFile { path: "a.rs".into(), text: "//! x\n".repeat(count) };
    let none = TestFiles::among(&[]);
    let weights =
        |count: usize| check_file(&of_lines(count), &none).iter().map(|f| f.weight).collect::<Vec<_>>();
    assert_eq!(weights(400), []);
    assert_eq!(weights(401), [Weight::Asked]);
    assert_eq!(weights(801), [Weight::Refused]);
}

#[test]
fn empty_names_are_refused() {
    assert_refused("crates/a/src/utils.rs", "//! x\n", "crates/a/src/utils.rs: `utils`");
    assert_refused("crates/a/src/common/x.rs", "//! x\n", "crates/a/src/common/x.rs: `common`");
    assert_refused("a.rs", "//! x\nmod helpers;\n", "a.rs:2: `helpers`");
    assert_refused("a/mod.rs", "//! x\n", "a/mod.rs: no mod.rs");
    assert!(findings("a.rs", "//! x\nmod commonplace;\n").is_empty());
}

#[test]
fn allow_is_refused_in_code_and_not_in_text() {
    let attribute = concat!("#[al", "low(dead_code)]");
    assert_refused("a.rs", &format!("//! x\n{attribute}\nfn a() {{}}\n"), "a.rs:2");
    assert!(
        findings("a.rs", &format!("//! x\nconst A: &str = \"{attribute}\"; // {attribute}\n")).is_empty()
    );
}

#[test]
fn a_sleep_in_a_test_needs_a_deadline() {
    let guess = "//! x\nfn t() { thread::sleep(ONE); }\n";
    assert_refused("crates/a/tests/t.rs", guess, "crates/a/tests/t.rs:2: a sleep");
    assert_refused("e2e/src/a.rs", guess, "e2e/src/a.rs:2: a sleep");
    assert_refused("a.rs", &format!("{guess}#[cfg(test)]\nmod t {{ fn t() {{ sleep(ONE); }} }}\n"), "a.rs:4");
    assert!(findings("crates/a/src/a.rs", guess).is_empty());
    let polled = "//! x\nwhile Instant::now() < deadline {\n    thread::sleep(STEP);\n}\n";
    assert!(findings("crates/a/tests/t.rs", polled).is_empty());
}

#[test]
fn open_ends_need_a_kind() {
    let open = concat!("TO", "DO");
    assert_refused("a.rs", &format!("//! x\n// {open} later\n"), "a.rs:2");
    assert!(findings("a.rs", &format!("//! x\n// {open}(kafka 4.4): later\n")).is_empty());
}

#[test]
fn paths_of_a_machine_and_hosts_are_refused_everywhere() {
    let folder = concat!("/ro", "ot/x");
    let host = concat!("repo1.", "maven.org");
    assert_refused("README.md", &format!("see {folder}\n"), "README.md:1");
    assert_refused("a.toml", &format!("url = \"https://{host}/maven2\"\n"), "a.toml:1");
    assert!(findings("crates/artifacts/src/mirrors.rs", &format!("//! https://{host}\n")).is_empty());
    assert!(findings("README.md", &format!("$dir{folder} and target{folder}\n")).is_empty());
}

#[test]
fn blanks_at_line_ends_are_refused() {
    assert_refused("a.md", "one\ntwo \n", "a.md:2: blanks");
}

#[test]
fn links_lead_somewhere() {
    let text =
        "[a](b.md), [c](../c/#part) and [d](gone.md)\n[web](https://example.com/x.md) [here](#below)\n";
    let file = TextFile { path: "docs/a.md".into(), text: text.into() };
    let there = [Path::new("docs/b.md"), Path::new("docs/../c/")];
    let found: Vec<_> =
        check_links(&file, |path| there.contains(&path)).into_iter().map(|f| f.says).collect();
    assert_eq!(found, ["links to gone.md, which is not there"]);
}
