//! File in, diagnostics out: every file of `tests/specs` with all that is said about it.

use std::collections::BTreeSet;
use std::path::Path;

use klamm_core::model::ByteCount;
use klamm_spec::{Checked, Code, Context, check, render};

fn context() -> Context {
    Context {
        supported_versions: ["3.9.2", "4.3.1"].map(|version| version.parse().expect("a version")).to_vec(),
        running_version: None,
        memory: Some(ByteCount::gibibytes(8)),
    }
}

fn cases() -> Vec<(String, String, Checked)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs");
    let files = folder.read_dir().expect("the folder of specs");
    let name = |file: std::io::Result<std::fs::DirEntry>| file.expect("a file").file_name().into_string();
    let mut names: Vec<String> = files.map(|file| name(file).expect("a plain name")).collect();
    names.sort();
    let case = |name: String| {
        let text = std::fs::read_to_string(folder.join(&name)).expect("a spec");
        let checked = check(&text, &name, &context());
        (name.trim_end_matches(".yaml").to_owned(), text, checked)
    };
    names.into_iter().map(case).collect()
}

#[test]
fn every_bad_spec_says_all_that_is_wrong_with_it() {
    for (name, _, checked) in cases() {
        let lines: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
        let end = if checked.is_refused() { "refused" } else { "taken" };
        insta::assert_snapshot!(name, format!("{}\n{end}", lines.join("\n")));
    }
}

#[test]
fn every_code_is_met_by_some_spec() {
    let met: BTreeSet<Code> = cases()
        .iter()
        .flat_map(|(_, _, checked)| checked.problems.iter().map(|problem| problem.code))
        .collect();
    let missing: Vec<&str> =
        Code::ALL.iter().filter(|code| !met.contains(code)).map(|code| code.as_str()).collect();
    assert!(missing.is_empty(), "no spec in tests/specs meets {missing:?}");
}

#[test]
fn ten_mistakes_give_ten_located_messages() {
    let (_, text, checked) = cases().into_iter().find(|(name, _, _)| name == "ten-mistakes").unwrap();
    let lines: Vec<usize> = checked.problems.iter().map(|problem| problem.span.line).collect();
    assert_eq!(lines, [1, 3, 5, 8, 10, 11, 13, 14, 16, 16, 18, 18], "{:#?}", checked.problems);
    for problem in &checked.problems {
        let marked = &text[problem.span.start..problem.span.end];
        assert_eq!(problem.value.as_deref(), Some(marked.trim_matches('"')), "{problem}");
        assert!(!problem.help.is_empty());
    }
}

#[test]
fn a_secret_is_never_repeated_not_even_in_the_window_of_a_report() {
    for (name, text, checked) in cases() {
        let said = format!("{:?}{}", checked.problems, render(&checked.problems, &text, 90, false));
        assert!(!said.contains("geheim"), "{name}");
        assert!(!said.contains("me:pw"), "{name}");
    }
}

#[test]
fn a_report_shows_the_line_the_reason_and_the_way_out() {
    let (_, text, checked) = cases().into_iter().find(|(name, _, _)| name == "ten-mistakes").unwrap();
    insta::assert_snapshot!("report", render(&checked.problems[..4], &text, 90, false));
    assert!(render(&checked.problems, &text, 90, true).contains("\u{1b}["));
}
