//! Wrong arrows and wrong words are found and named with their reason; right ones are left alone.

use std::path::PathBuf;

use super::rules::Rules;
use super::workspace::{Member, Workspace, parse_members, parse_tree};
use super::{check_arrows, check_words, spell_out_groups};
use crate::tree::TextFile;

const RULES: &str = r#"
[crates.inner]
pure = true
may-use = []
why = "inner decides"

[crates.outer]
may-use = ["inner"]
why = "outer acts"

[[pure.crates]]
names = ["tokio"]
deep = true
why = "no waiting"

[[pure.crates]]
names = ["rustix"]
why = "no files"

[[pure.words]]
words = ["std::fs"]
why = "no files"

[[pure.words]]
words = ["Instant::now"]
why = "no clock"

[[only]]
names = ["sqlite"]
crates = ["inner"]
why = "one owner"

[[never]]
names = ["ring"]
why = "one provider"
"#;

fn rules() -> Rules {
    Rules::parse(RULES).expect("the rules of this test parse")
}

fn metadata(inner: &[(&str, &str)], outer: &[(&str, &str)]) -> String {
    let package = |name: &str, uses: &[(&str, &str)]| {
        let dependencies: Vec<_> = uses
            .iter()
            .map(|(name, kind)| serde_json::json!({ "name": name, "kind": (!kind.is_empty()).then_some(kind) }))
            .collect();
        serde_json::json!({ "name": name, "manifest_path": format!("/r/{name}/Cargo.toml"), "dependencies": dependencies })
    };
    serde_json::json!({ "packages": [package("inner", inner), package("outer", outer)] }).to_string()
}

/// What is found in a workspace whose `inner` reaches what `tree` says, in cargo's form.
fn breaches(inner: &[(&str, &str)], outer: &[(&str, &str)], tree: &str) -> Vec<String> {
    let members = parse_members(&metadata(inner, outer)).expect("the JSON of this test parses");
    let pure = [("inner".to_owned(), parse_tree(tree))].into();
    check_arrows(&rules(), &Workspace { members, pure, everything: parse_tree(tree) })
}

#[test]
fn an_allowed_arrow_is_left_alone() {
    assert_eq!(breaches(&[], &[("inner", ""), ("tokio", "")], ""), Vec::<String>::new());
}

#[test]
fn an_arrow_outwards_is_named_with_its_reason() {
    assert_eq!(breaches(&[("outer", "")], &[], ""), ["inner -> outer is not allowed: inner decides"]);
}

#[test]
fn a_pure_crate_must_not_name_an_effect() {
    let found = breaches(&[("rustix", "")], &[], "");
    assert_eq!(found, ["inner is pure, so inner -> rustix is not allowed: no files"]);
}

#[test]
fn a_pure_crate_must_not_reach_a_deep_one_through_another() {
    let tree =
        "0 inner v0.1.0 (/r/inner)\n1 other v1.0.0\n1 nice v1.0.0\n2 deeper v1.0.0\n3 tokio v1.0.0 (*)\n";
    let found = breaches(&[("nice", "")], &[], tree);
    assert_eq!(found, ["inner is pure, so inner -> nice -> deeper -> tokio is not allowed: no waiting"]);
}

#[test]
fn tests_of_a_pure_crate_may_use_anything() {
    assert_eq!(breaches(&[("rustix", "dev"), ("outer", "dev")], &[], ""), Vec::<String>::new());
}

#[test]
fn a_crate_with_one_owner_is_kept_from_the_others() {
    let found = breaches(&[("sqlite", "")], &[("sqlite", "")], "");
    assert_eq!(found, ["outer -> sqlite is not allowed (only inner): one owner"]);
}

#[test]
fn a_banned_crate_is_found_however_deep_it_is() {
    let found = breaches(&[], &[], "0 outer v0.1.0\n1 tls v1.0.0\n2 ring v0.17.0\n");
    assert_eq!(found, ["outer -> tls -> ring is not allowed: one provider"]);
}

#[test]
fn words_are_found_in_product_code_only() {
    let member = Member { name: "inner".into(), folder: PathBuf::new(), uses: Default::default() };
    let text = "//! std::fs\nuse std::{collections::BTreeMap, fs};\nfn now() { let _ = Instant::now(); }\n\
                #[cfg(test)]\nmod tests { use std::fs; }\n";
    let file = TextFile { path: "a.rs".into(), text: text.into() };
    assert_eq!(
        check_words(&rules(), &member, &file),
        [
            "inner is pure, so `std::fs` in src/a.rs:2 is not allowed: no files",
            "inner is pure, so `Instant::now` in src/a.rs:3 is not allowed: no clock",
        ]
    );
}

#[test]
fn groups_are_spelled_out() {
    let spelled = spell_out_groups("use std::{io::{self, Read}, fs};\nnext");
    assert!(spelled.contains("std::io") && spelled.contains("std::fs") && spelled.ends_with("\nnext"));
    assert!(!spelled.contains("std::self"));
}

#[test]
fn the_rules_of_this_workspace_parse() {
    let rules = Rules::read().expect("layers.toml parses");
    assert!(rules.is_pure("klamm-core") && !rules.is_pure("klamm-server"));
}
