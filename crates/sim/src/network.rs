//! The lines between hosts: whole or cut in one direction, fast or slow, true or not.
//!
//! What agents and their server say to each other goes over streams in reality: a lost message is a request that
//! failed, a late one arrives after its sender gave it up, a repeated one is a retry whose first try had arrived.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::command::Host;

/// A line that nobody disturbs takes between one and this many milliseconds.
const CALM_MILLIS: u64 = 5;

/// All lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Network {
    cut: BTreeSet<(Host, Host)>,
    isolated: BTreeSet<Host>,
    /// The most that a message takes longer.
    pub(crate) delay: Duration,
    /// Lost messages of a hundred.
    pub(crate) drop_percent: u8,
    /// Doubled messages of a hundred.
    pub(crate) duplicate_percent: u8,
}

impl Network {
    /// Whether anything goes from one host to another.
    pub(crate) fn reaches(&self, from: Host, to: Host) -> bool {
        from == to
            || !(self.cut.contains(&(from, to))
                || self.isolated.contains(&from)
                || self.isolated.contains(&to))
    }

    /// Nothing goes this way any more.
    pub(crate) fn cut(&mut self, from: Host, to: Host) {
        self.cut.insert((from, to));
    }

    /// Nothing goes to or from this host any more.
    pub(crate) fn isolate(&mut self, host: Host) {
        self.isolated.insert(host);
    }

    /// Everything is whole and true again.
    pub(crate) fn heal(&mut self) {
        *self = Self::default();
    }

    /// After how long each copy of a message arrives; none where it is lost.
    pub(crate) fn carry(&self, from: Host, to: Host, random: &mut impl Rng) -> Vec<Duration> {
        // The same draws for every message, so that a cut line does not shift all that comes after it.
        let lost = random.random_range(0..100) < u32::from(self.drop_percent);
        let doubled = random.random_range(0..100) < u32::from(self.duplicate_percent);
        let times = [self.time(random), self.time(random)];
        if lost || !self.reaches(from, to) {
            return Vec::new();
        }
        times[..if doubled { 2 } else { 1 }].to_vec()
    }

    fn time(&self, random: &mut impl Rng) -> Duration {
        let extra = u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX);
        let calm = random.random_range(1..=CALM_MILLIS);
        let late = random.random_range(0..=extra);
        Duration::from_millis(calm + late)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_cut_is_one_way_and_healing_makes_everything_whole() {
        let mut network = Network::default();
        let random = &mut StdRng::seed_from_u64(1);
        let (here, there) = (Host::Agent(1), Host::Server);
        network.cut(here, there);
        assert!(network.carry(here, there, random).is_empty());
        assert_eq!(network.carry(there, here, random).len(), 1);
        network.isolate(there);
        assert!(network.carry(there, here, random).is_empty());
        network.heal();
        assert_eq!(network.carry(here, there, random).len(), 1);
    }

    #[test]
    fn lost_and_doubled_messages_come_at_their_rates() {
        let random = &mut StdRng::seed_from_u64(7);
        let network = Network { drop_percent: 20, duplicate_percent: 10, ..Network::default() };
        let arrived: Vec<usize> =
            (0..1000).map(|_| network.carry(Host::Agent(1), Host::Server, random).len()).collect();
        let count = |copies| arrived.iter().filter(|arrived| **arrived == copies).count();
        assert!((150..250).contains(&count(0)), "{} lost", count(0));
        assert!((50..120).contains(&count(2)), "{} doubled", count(2));
    }
}
