//! `cargo xtask layers`: holds the workspace against `layers.toml`. Arrows between our crates, crates from outside,
//! and words that pure crates must not say.

pub(crate) mod rules;
#[cfg(test)]
mod tests;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::rust_text::{RustText, TestFiles, find_words, line_of};
use crate::tree::{self, TextFile};
use rules::Rules;
use workspace::{Member, Workspace};

/// Prints every breach; fails when there is one.
pub(crate) fn run() -> Result<ExitCode> {
    let root = tree::root();
    let rules = Rules::read()?;
    let workspace = Workspace::collect(&root, |name| rules.is_pure(name))?;
    let mut breaches = check_arrows(&rules, &workspace);
    for member in workspace.members.iter().filter(|member| rules.is_pure(&member.name)) {
        let files = tree::collect_text_files(&member.folder.join("src"))?;
        let tests = TestFiles::among(&files);
        for file in files.iter().filter(|file| !tests.contains(&file.path)) {
            breaches.extend(check_words(&rules, member, file));
        }
    }
    for breach in &breaches {
        println!("layers: {breach}");
    }
    println!("layers: {} crates, {} breaches", workspace.members.len(), breaches.len());
    Ok(if breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who depends on whom, against the rules; each finding names crate, arrow and reason.
fn check_arrows(rules: &Rules, workspace: &Workspace) -> Vec<String> {
    let ours: BTreeSet<&str> = workspace.members.iter().map(|member| member.name.as_str()).collect();
    let mut breaches = Vec::new();
    for member in &workspace.members {
        let Some(rule) = rules.crates.get(&member.name) else {
            breaches.push(format!("{} is not in layers.toml: say what it may use, and why", member.name));
            continue;
        };
        for used in member.uses.iter().filter(|used| ours.contains(used.as_str())) {
            if !rule.may_use.contains(used) {
                breaches.push(format!("{} -> {used} is not allowed: {}", member.name, rule.why));
            }
        }
        for only in rules.only.iter().filter(|only| !only.crates.contains(&member.name)) {
            for used in only.names.iter().filter(|name| member.uses.contains(*name)) {
                let owners = only.crates.join(", ");
                breaches
                    .push(format!("{} -> {used} is not allowed (only {owners}): {}", member.name, only.why));
            }
        }
        if rule.pure {
            breaches.extend(check_pure_uses(rules, workspace, member));
        }
    }
    for named in rules.crates.keys().filter(|name| !ours.contains(name.as_str())) {
        breaches.push(format!("layers.toml names {named}, which is no crate of the workspace"));
    }
    for never in &rules.never {
        for way in never.names.iter().filter_map(|name| workspace.everything.get(name)) {
            breaches.push(format!("{way} is not allowed: {}", never.why));
        }
    }
    breaches
}

fn check_pure_uses(rules: &Rules, workspace: &Workspace, member: &Member) -> Vec<String> {
    let mut breaches = Vec::new();
    let name = &member.name;
    for rule in &rules.pure.crates {
        for used in &rule.names {
            let way = workspace.pure.get(name).and_then(|reached| reached.get(used)).filter(|_| rule.deep);
            if member.uses.contains(used) {
                breaches.push(format!("{name} is pure, so {name} -> {used} is not allowed: {}", rule.why));
            } else if let Some(way) = way {
                breaches.push(format!("{name} is pure, so {way} is not allowed: {}", rule.why));
            }
        }
    }
    breaches
}

/// Words in one file of a pure crate; what is under `#[cfg(test)]` in it may do as it likes.
fn check_words(rules: &Rules, member: &Member, file: &TextFile) -> Vec<String> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let code = spell_out_groups(&RustText::of(&file.text).code_outside_tests());
    let mut breaches = BTreeMap::new();
    for rule in &rules.pure.words {
        for word in &rule.words {
            for at in find_words(&code, word) {
                let line = line_of(&code, at);
                let text = format!(
                    "{} is pure, so `{word}` in src/{}:{line} is not allowed: {}",
                    member.name, file.path, rule.why
                );
                breaches.entry((line, rule.why.as_str())).or_insert(text);
            }
        }
    }
    breaches.into_values().collect()
}

/// `use std::{fs, io}` says `std::fs` as well: writes the first names of such a group out, on the same line.
fn spell_out_groups(code: &str) -> String {
    let mut spelled = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("std::{") {
        let (before, group) = rest.split_at(at + "std::{".len());
        spelled.push_str(before);
        let mut depth = 0usize;
        let mut starts_name = true;
        let mut end = group.len();
        for (offset, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    end = offset;
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => starts_name = true,
                c if starts_name && !c.is_whitespace() => {
                    starts_name = false;
                    spelled.push_str(" std::");
                }
                _ => {}
            }
            spelled.push(character);
        }
        rest = &group[end..];
    }
    spelled.push_str(rest);
    spelled
}

/// The text of a file of the workspace's root.
fn read_root_file(name: &str) -> Result<String> {
    let path = tree::root().join(name);
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}
