//! Lines become commands and commands become the same lines.

use super::*;

#[test]
fn every_command_is_read_back_from_its_own_line() {
    let lines = [
        "run 250ms",
        "run 5s",
        "run 3m",
        "settle",
        "up",
        "down",
        "destroy",
        "set num.io.threads=8",
        "unset num.io.threads",
        "topic orders 6x3",
        "user alice",
        "drop-user alice",
        "revert",
        "abort",
        "resume",
        "kill brokers-1",
        "freeze brokers-1",
        "thaw brokers-1",
        "lose-data brokers-1",
        "segments brokers-1 500",
        "kill agent h2",
        "start agent h2",
        "kill server",
        "start server",
        "power-off h3",
        "power-on h3",
        "snapshot h1",
        "restore h1",
        "snapshot server",
        "restore server",
        "old-server h2",
        "cut h1 -> server",
        "isolate h4",
        "heal",
        "delay 300ms",
        "drop 20%",
        "duplicate 5%",
        "skew h2 -30s",
        "fill-disk h1",
        "empty-disk h1",
        "status",
        "plan",
        "journal",
        "check",
    ];
    for line in lines {
        let command = parse(line).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(command.to_string(), line);
    }
}

#[test]
fn a_line_that_is_no_command_says_what_was_expected() {
    let problem = |line: &str| parse(line).unwrap_err().to_string();
    assert_eq!(problem("dance"), "no command is called `dance`; `help` lists them");
    assert_eq!(problem("run fast"), "`run fast`: a time such as 250ms, 5s or 3m");
    assert_eq!(problem("drop 200%"), "`drop 200%`: a share such as 20%");
}
