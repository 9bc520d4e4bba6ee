//! `layers.toml`, parsed.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// Everything the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// One entry for each crate of the workspace.
    pub(crate) crates: BTreeMap<String, CrateRule>,
    /// What pure crates must not do.
    pub(crate) pure: PureRules,
    /// Crates from outside with a single user.
    #[serde(default)]
    pub(crate) only: Vec<OnlyRule>,
    /// Crates from outside that nobody may bring in.
    #[serde(default)]
    pub(crate) never: Vec<NeverRule>,
}

/// What one crate of ours may see of the others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CrateRule {
    /// No async, clock, randomness, files, network, environment, logging.
    #[serde(default)]
    pub(crate) pure: bool,
    /// The other crates of the workspace it may depend on, outside of tests.
    pub(crate) may_use: Vec<String>,
    /// Printed with each breach.
    pub(crate) why: String,
}

/// What pure crates must not depend on or say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PureRules {
    /// Crates from outside.
    pub(crate) crates: Vec<PureCrateRule>,
    /// Words in their source.
    pub(crate) words: Vec<PureWordRule>,
}

/// Crates that pure crates must not see.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PureCrateRule {
    /// Names in the registry.
    pub(crate) names: Vec<String>,
    /// Not through any other crate either.
    #[serde(default)]
    pub(crate) deep: bool,
    /// Printed with each breach.
    pub(crate) why: String,
}

/// Words that pure crates must not say outside their tests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PureWordRule {
    /// Paths or calls, found as whole words.
    pub(crate) words: Vec<String>,
    /// Printed with each breach.
    pub(crate) why: String,
}

/// Crates that only some of ours may name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnlyRule {
    /// Names in the registry.
    pub(crate) names: Vec<String>,
    /// Who may.
    pub(crate) crates: Vec<String>,
    /// Printed with each breach.
    pub(crate) why: String,
}

/// Crates that must not be in `Cargo.lock` at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeverRule {
    /// Names in the registry.
    pub(crate) names: Vec<String>,
    /// Printed with each breach.
    pub(crate) why: String,
}

impl Rules {
    /// Reads `layers.toml` of this workspace.
    pub(crate) fn read() -> Result<Self> {
        Self::parse(&super::read_root_file("layers.toml")?)
    }

    /// Parses the text of a `layers.toml`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("layers.toml is not as `xtask layers` expects it")
    }

    /// True when `name` is a crate of ours that is said to be pure.
    pub(crate) fn is_pure(&self, name: &str) -> bool {
        self.crates.get(name).is_some_and(|rule| rule.pure)
    }
}
