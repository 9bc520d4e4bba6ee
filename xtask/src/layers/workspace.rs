//! What the workspace depends on, as cargo tells: its crates, and all that is compiled below them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Each crate that is reached, with the way to it (`a -> b -> c`).
pub(crate) type Reached = BTreeMap<String, String>;

/// The crates of the workspace and everything below them.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Our crates, by name.
    pub(crate) members: Vec<Member>,
    /// What each of our pure crates reaches outside of its tests, by the name of the crate.
    pub(crate) pure: BTreeMap<String, Reached>,
    /// What any of our crates reaches, tests included.
    pub(crate) everything: Reached,
}

/// One crate of ours.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its package name.
    pub(crate) name: String,
    /// Where its manifest is.
    pub(crate) folder: PathBuf,
    /// What it depends on outside of its tests: normal and build dependencies, by package name.
    pub(crate) uses: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

impl Workspace {
    /// Asks cargo. `Cargo.lock` would be quicker to read, but it also lists crates that no feature turns on.
    pub(crate) fn collect(root: &Path, is_pure: impl Fn(&str) -> bool) -> Result<Self> {
        let metadata = cargo(root, &["metadata", "--format-version", "1", "--offline", "--no-deps"])?;
        let members = parse_members(&metadata)?;
        let tree = ["tree", "--prefix", "depth", "--format", " {p}", "--edges"];
        let mut pure = BTreeMap::new();
        for member in members.iter().filter(|member| is_pure(&member.name)) {
            let text = cargo(root, &[&tree[..], &["normal,build", "--package", &member.name]].concat())?;
            pure.insert(member.name.clone(), parse_tree(&text));
        }
        let text = cargo(root, &[&tree[..], &["normal,build,dev", "--workspace"]].concat())?;
        Ok(Self { members, pure, everything: parse_tree(&text) })
    }
}

fn cargo(root: &Path, args: &[&str]) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(program).args(args).current_dir(root).output().context("starting cargo")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo {}: {}", args.join(" "), complaint.trim());
    String::from_utf8(output.stdout).with_context(|| format!("cargo {} printed no UTF-8", args.join(" ")))
}

/// Our crates, from the JSON of `cargo metadata`.
pub(crate) fn parse_members(metadata: &str) -> Result<Vec<Member>> {
    let metadata: Metadata = serde_json::from_str(metadata).context("the output of cargo metadata")?;
    let mut members: Vec<Member> = metadata
        .packages
        .into_iter()
        .map(|package| Member {
            folder: package.manifest_path.parent().unwrap_or(Path::new("")).to_owned(),
            name: package.name,
            uses: package
                .dependencies
                .into_iter()
                .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
                .map(|dependency| dependency.name)
                .collect(),
        })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

/// From lines like `2 serde v1.0.0 (*)`, whose number is the depth.
pub(crate) fn parse_tree(text: &str) -> Reached {
    let mut reached = Reached::new();
    let mut way: Vec<&str> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(Ok(depth)), Some(name)) = (words.next().map(str::parse::<usize>), words.next()) else {
            continue;
        };
        way.truncate(depth);
        way.push(name);
        reached.entry(name.to_owned()).or_insert_with(|| way.join(" -> "));
    }
    reached
}
