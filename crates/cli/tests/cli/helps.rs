//! The help of every command, as wide as a narrow terminal and as a wide one.

use crate::program::Lab;

const NARROW: usize = 80;

/// Every command that is shown, with those above it.
fn commands(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let long = examples.lines().find(|line| line.chars().count() > NARROW);
    assert_eq!(long, None, "an example of klamm{path} wraps");
    found.push(path.to_owned());
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        commands(verb, &format!("{path} {}", verb.get_name()), found);
    }
}

#[test]
fn help_fits_the_terminal_and_stays_readable_on_a_wide_one() {
    let mut lines = Vec::new();
    commands(&klamm_cli::command(), "", &mut lines);
    for (width, widest) in [(NARROW, NARROW), (200, 100)] {
        let mut lab = Lab::new();
        lab.width = width;
        let mut all = String::new();
        for line in &lines {
            let outcome = lab.run(&format!("{line} --help"));
            assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{line}");
            let long = outcome.stdout.lines().find(|text| text.chars().count() > widest);
            assert_eq!(long, None, "klamm{line} --help at {width} columns");
            all.push_str(&format!("==== klamm{line}\n{}\n", outcome.stdout));
        }
        insta::assert_snapshot!(format!("help_{width}"), all);
    }
}
