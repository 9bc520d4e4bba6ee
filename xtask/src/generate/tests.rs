//! A page is written when it differs, and checking never writes.

use super::{Page, bring_up_to_date};

const PAGES: &[Page] = &[Page { path: "docs/a.md", make: || Ok("made\n".into()) }];

#[test]
fn checking_names_a_missing_or_changed_page_and_leaves_it() {
    let root = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(bring_up_to_date(root.path(), PAGES, true).expect("checking works"), ["docs/a.md"]);
    assert!(!root.path().join("docs").exists());
}

#[test]
fn writing_twice_changes_nothing_the_second_time() {
    let root = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(bring_up_to_date(root.path(), PAGES, false).expect("writing works"), ["docs/a.md"]);
    assert_eq!(std::fs::read_to_string(root.path().join("docs/a.md")).expect("it is there"), "made\n");
    assert!(bring_up_to_date(root.path(), PAGES, false).expect("writing works").is_empty());
    assert!(bring_up_to_date(root.path(), PAGES, true).expect("checking works").is_empty());
}
