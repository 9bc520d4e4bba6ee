//! The reference of all commands as Markdown, made from the grammar.

use clap::{Arg, Command};

use crate::args::command;
use crate::exit;

/// `docs/reference/cli.md`, whole.
pub fn reference() -> String {
    let mut root = command();
    root.build();
    let mut text = String::from(
        "<!-- Made by `klamm reference` from crates/cli; change it there. -->\n\n# Commands\n\n",
    );
    text.push_str("## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in exit::ALL {
        text.push_str(&format!("| {code} | {meaning} |\n"));
    }
    text.push_str("\n## Options of every command\n\n");
    options(&mut text, root.get_arguments().filter(|arg| arg.is_global_set()));
    section(&mut text, &root, "klamm", true);
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text.trim_end().to_owned() + "\n"
}

fn section(text: &mut String, command: &Command, path: &str, is_root: bool) {
    text.push_str(&format!("\n## {path}\n\n"));
    let about = command.get_long_about().or_else(|| command.get_about());
    if let Some(about) = about {
        text.push_str(&format!("{about}\n\n"));
    }
    let verbs: Vec<_> =
        command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help").collect();
    if verbs.is_empty() {
        let usage = command.clone().render_usage().to_string();
        let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
        text.push_str(&format!("```text\n{usage}\n```\n\n"));
    }
    let own = |arg: &&Arg| {
        !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help" && arg.get_id() != "version"
    };
    let own: Vec<_> = command.get_arguments().filter(own).collect();
    if !own.is_empty() {
        options(text, own.into_iter());
        text.push('\n');
    }
    if let Some(after) = command.get_after_help() {
        text.push_str(&format!("```text\n{after}\n```\n"));
    }
    if is_root {
        text.push_str("\n| command | what it does |\n|---|---|\n");
        for verb in &verbs {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("| [`{}`](#klamm-{}) | {about} |\n", verb.get_name(), verb.get_name()));
        }
    }
    for verb in verbs {
        section(text, verb, &format!("{path} {}", verb.get_name()), false);
    }
}

fn options<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    for argument in arguments {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let defaults: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        let default = match defaults.as_slice() {
            values
                if values.is_empty()
                    || argument.is_hide_default_value_set()
                    || !argument.get_action().takes_values() =>
            {
                String::new()
            }
            values => format!(" (default: `{}`)", values.join(" ")),
        };
        let choices: Vec<_> =
            argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        let takes_value = argument.get_action().takes_values();
        let choices = if choices.is_empty() || argument.is_hide_possible_values_set() || !takes_value {
            String::new()
        } else {
            format!(": {}", choices.join(", "))
        };
        text.push_str(&format!("- `{}`: {help}{choices}{default}\n", name(argument)));
    }
}

/// `-f, --file <FILE>`, or `<NAME>`.
fn name(argument: &Arg) -> String {
    let value = argument
        .get_value_names()
        .filter(|_| argument.get_action().takes_values())
        .map(|names| names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" "));
    let flags: Vec<String> = [
        argument.get_short().map(|short| format!("-{short}")),
        argument.get_long().map(|long| format!("--{long}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let parts = [Some(flags.join(", ")).filter(|flags| !flags.is_empty()), value];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    /// `klamm reference > docs/reference/cli.md` writes it.
    #[test]
    fn the_committed_reference_is_the_one_that_the_grammar_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == super::reference(),
            "docs/reference/cli.md is out of date: `klamm reference` makes it"
        );
    }
}
