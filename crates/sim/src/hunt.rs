//! The hunt for mutants: each bug breaks one rule at least, and must be caught by just that one.

use klamm_core::mutant::{Mutant, switch};

use crate::history::History;
use crate::play::{Verdict, play};
use crate::record::Rule;

/// The rule that a bug breaks. It may break others, too; this is the one that stands for its harm.
pub fn rule_broken_by(mutant: Mutant) -> Rule {
    match mutant {
        Mutant::UnknownIsSafe | Mutant::ReadyIsEnough | Mutant::NextBeforeBack => Rule::PermitsAreSafe,
        Mutant::StopsUnasked => Rule::StopsArePermitted,
        Mutant::KillsTheSlow => Rule::KillsAreDue,
        Mutant::ObeysOlder => Rule::NeverBack,
        Mutant::FormatsLostDisks | Mutant::ForgetsOnHearsay => Rule::DataStays,
        Mutant::DeletesTheStopped => Rule::RecordsSurvive,
        Mutant::SilentIsGone => Rule::OneProcess,
        Mutant::ForgetsTheUnheard | Mutant::IdsByOrdinal => Rule::IdsStay,
        Mutant::RendersUnstably | Mutant::DeskNeverForgets => Rule::SecondPlanIsEmpty,
        Mutant::ForgetsTheRun | Mutant::ForgetsTheEdit | Mutant::MissesTargets => Rule::DoneIsDone,
        Mutant::GoesOnAfterFailure => Rule::FirstFailureStops,
        Mutant::NeverTriesAgain => Rule::ComesToRest,
        Mutant::WaitsForReady => Rule::RevertRecovers,
    }
}

/// Whether random histories have what a bug needs to do harm. Those that lose data for good end with a person; they are
/// in scripts.
pub fn strikes_at_random(mutant: Mutant) -> bool {
    !matches!(mutant, Mutant::FormatsLostDisks | Mutant::ForgetsOnHearsay)
}

/// Plays a history with a bug. Nothing but the history happens where mutants are not compiled in.
pub fn play_with(mutant: Mutant, history: &History) -> Verdict {
    switch(Some(mutant));
    let verdict = play(history);
    switch(None);
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_that_the_product_can_break_has_a_mutant_that_breaks_it() {
        for rule in Rule::ALL {
            let breakers = Mutant::ALL.into_iter().filter(|mutant| rule_broken_by(*mutant) == rule).count();
            // The last rule is the simulator's own: what it did not expect to fail at all.
            assert!(breakers > 0 || rule == Rule::NoSurprise, "{rule:?}");
        }
    }
}
