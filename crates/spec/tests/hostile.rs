//! Texts that nobody would write by hand: the answer is always a problem with a place, never a panic or a stall.

use klamm_spec::{Checked, Code, Context, check, render};
use proptest::prelude::*;

fn checked(text: &str) -> Checked {
    let supported_versions = vec!["4.3.1".parse().expect("a version")];
    check(text, "any", &Context { supported_versions, ..Context::default() })
}

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(checked(&bomb).problems.iter().any(|problem| problem.code == Code::Syntax));
}

#[test]
fn nesting_without_end_is_stopped() {
    for deep in ["[", "- ", "{a: ", "? "] {
        let problems = checked(&deep.repeat(100_000)).problems;
        assert!(problems.iter().any(|problem| problem.code == Code::Syntax), "{deep}");
    }
}

#[test]
fn an_alias_inside_its_own_anchor_is_refused() {
    let problems = checked("cluster: &a { b: *a }\n").problems;
    assert!(problems.iter().any(|problem| problem.code == Code::Syntax), "{problems:?}");
}

const BLUEPRINT: &str = include_str!("specs/blueprint.yaml");

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        checked(&text);
    }

    #[test]
    fn no_yaml_like_text_makes_the_parser_panic(text in "([a-z&*<!:{}\\[\\],\\-?|>#'\"%@ \n\t]|cluster: |pools:\n  |- |&a |\\*a|<<: ){0,80}") {
        checked(&text);
    }

    /// A good spec with a stretch of it cut out or written over: whatever is reported lies inside the text.
    #[test]
    fn every_damaged_spec_is_answered_with_places_inside_it(
        start in 0..BLUEPRINT.len(), length in 0..40usize, patch in "[a-z0-9:{}\\[\\], \n\"-]{0,12}"
    ) {
        let end = (start + length).min(BLUEPRINT.len());
        let text = format!("{}{patch}{}", &BLUEPRINT[..start], &BLUEPRINT[end..]);
        let checked = checked(&text);
        for problem in &checked.problems {
            prop_assert!(text.get(problem.span.start..problem.span.end).is_some());
        }
        prop_assert!(!render(&checked.problems, &text, 80, false).is_empty() || checked.problems.is_empty());
    }
}
