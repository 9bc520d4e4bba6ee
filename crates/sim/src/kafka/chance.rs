//! The model's own chance: SplitMix64, whose sequence no update of a library changes, and which can be copied for undo.

use std::time::Duration;

/// A sequence of numbers that its seed decides.
#[derive(Debug, Clone)]
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A time from nothing up to, but not including, `longest`; in whole microseconds.
    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.next() % micros)
    }

    /// A place among so many, each as likely; the first if there is none.
    pub(super) fn below(&mut self, count: usize) -> usize {
        let drawn = self.next() % u64::try_from(count.max(1)).unwrap_or(1);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// One of several, each as likely.
    pub(super) fn one_of<T: Copy, const COUNT: usize>(&mut self, choices: [T; COUNT]) -> T {
        choices[self.below(COUNT)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_sequence() {
        let mut chance = Chance::new(1_234_567);
        assert_eq!(chance.next(), 6_457_827_717_110_365_317);
        assert_eq!(chance.next(), 3_203_168_211_198_807_973);
    }
}
