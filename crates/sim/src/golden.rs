//! Digests of some histories, kept beside the scripts: a history is the same in every build, on every machine.

use std::fmt::Write as _;

use crate::play::play_seed;

/// Where they are kept, relative to this crate.
pub const DIGESTS: &str = "digests.txt";

/// Seeds whose digests are kept.
const SEEDS: std::ops::Range<u64> = 0..4;

/// Plays the histories, and gives a line for each: its seed, how many events it had, and what stands for all of them.
pub fn digests() -> String {
    let mut lines = String::new();
    for seed in SEEDS {
        let verdict = play_seed(seed);
        writeln!(lines, "{seed} {} {}", verdict.events, verdict.digest).expect("a string takes everything");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The optimised build compares the same file: `cargo xtask sim run`.
    #[test]
    fn histories_are_the_same_in_this_build_as_in_the_one_that_wrote_their_digests() {
        let kept = include_str!("../digests.txt");
        assert_eq!(digests(), kept, "`cargo xtask sim run --bless` writes them anew");
    }
}
