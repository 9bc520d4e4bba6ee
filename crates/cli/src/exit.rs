//! Exit codes: a part of the interface that scripts build upon, so they never change their meaning.

/// Done, or nothing to do.
pub const DONE: u8 = 0;
/// It failed; standard error says what, because of what, and what to do.
pub const FAILED: u8 = 1;
/// `klamm plan` found steps to do.
pub const CHANGES: u8 = 2;
/// The command line is wrong; nothing was done.
pub const USAGE: u8 = 3;
/// No server answers, so nothing is known and nothing was done.
pub const NO_SERVER: u8 = 4;
/// Ended by Ctrl-C: 128 and the number of SIGINT, as shells count.
pub const INTERRUPTED: u8 = 130;

/// All of them with their meaning, for the reference.
pub const ALL: &[(u8, &str)] = &[
    (DONE, "done, or nothing to do"),
    (FAILED, "it failed; standard error says what, because of what, and what to do"),
    (CHANGES, "`klamm plan` found steps to do"),
    (USAGE, "the command line is wrong; nothing was done"),
    (NO_SERVER, "no server answers, so nothing is known and nothing was done"),
    (INTERRUPTED, "ended by Ctrl-C; a run that was started goes on"),
];
