//! `docs/reference/layers.md` from `layers.toml`.

use std::fmt::Write as _;

use anyhow::Result;

use crate::layers::rules::Rules;

/// The page.
pub(super) fn make() -> Result<String> {
    let rules = Rules::read()?;
    let mut page = String::from(
        "# Crates and arrows\n\n\
         Made from `layers.toml` by `cargo xtask generate`; `cargo xtask layers` checks it.\n\n\
         ## Who may use whom\n\n| crate | pure | may use | because |\n|---|---|---|---|\n",
    );
    for (name, rule) in &rules.crates {
        let pure = if rule.pure { "yes" } else { "" };
        let uses = match rule.may_use.as_slice() {
            [] => "none of ours".to_owned(),
            used => code_list(used),
        };
        writeln!(page, "| `{name}` | {pure} | {uses} | {} |", rule.why)?;
    }
    page.push_str("\n## What pure crates must not see\n\n| crates | how deep | because |\n|---|---|---|\n");
    for rule in &rules.pure.crates {
        let depth = if rule.deep { "at all" } else { "directly" };
        writeln!(page, "| {} | {depth} | {} |", code_list(&rule.names), rule.why)?;
    }
    page.push_str("\n## What pure crates must not say, outside of tests\n\n| words | because |\n|---|---|\n");
    for rule in &rules.pure.words {
        writeln!(page, "| {} | {} |", code_list(&rule.words), rule.why)?;
    }
    page.push_str("\n## Crates with one user\n\n| crates | who | because |\n|---|---|---|\n");
    for rule in &rules.only {
        writeln!(page, "| {} | {} | {} |", code_list(&rule.names), code_list(&rule.crates), rule.why)?;
    }
    page.push_str("\n## Crates nobody may bring in\n\n| crates | because |\n|---|---|\n");
    for rule in &rules.never {
        writeln!(page, "| {} | {} |", code_list(&rule.names), rule.why)?;
    }
    Ok(page)
}

fn code_list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
