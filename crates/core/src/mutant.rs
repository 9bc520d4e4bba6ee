//! Bugs, most of which other operators had, that tests switch on and must then find. Without the feature `mutants` none
//! can be switched on, and the compiler leaves them out.
//!
//! Each is a few words at the place where the correct code is: `is_on(Mutant::…)`. What each stands for, and by which
//! rule of the simulator it must be caught, is in `docs/reference/mutants.md`.

use std::cell::Cell;

/// Whether this build can have bugs switched on. No build that anybody runs clusters with can.
pub const COMPILED_IN: bool = cfg!(feature = "mutants");

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// What could not be observed counts as safe.
    UnknownIsSafe,
    /// A node that answers may go, whatever is in sync.
    ReadyIsEnough,
    /// The next node is stopped while the one before is still on its way.
    NextBeforeBack,
    /// A running node is stopped to be started anew without asking.
    StopsUnasked,
    /// A node that takes its time to stop is killed.
    KillsTheSlow,
    /// An older target is obeyed.
    ObeysOlder,
    /// A target that comes while something is done is missed.
    MissesTargets,
    /// An empty directory of a known slot is formatted.
    FormatsLostDisks,
    /// What shall be stopped is deleted.
    DeletesTheStopped,
    /// A cluster that the server does not know is deleted.
    ForgetsOnHearsay,
    /// A slot whose host is not heard runs elsewhere.
    SilentIsGone,
    /// A slot whose host is not heard is planned as a new one.
    ForgetsTheUnheard,
    /// Node ids are made from ordinals.
    IdsByOrdinal,
    /// A list is rendered in an order that changes.
    RendersUnstably,
    /// A run that is taken up again counts as done.
    ForgetsTheRun,
    /// What was applied once is not compared any more.
    ForgetsTheEdit,
    /// A node that does not come up does not stop the roll.
    GoesOnAfterFailure,
    /// A node must be ready before it may be replaced.
    WaitsForReady,
    /// What failed once is not tried again.
    NeverTriesAgain,
    /// A permit is never given back.
    DeskNeverForgets,
}

/// What is said of a bug.
struct Portrait {
    name: &'static str,
    title: &'static str,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::UnknownIsSafe,
        Self::ReadyIsEnough,
        Self::NextBeforeBack,
        Self::StopsUnasked,
        Self::KillsTheSlow,
        Self::ObeysOlder,
        Self::MissesTargets,
        Self::FormatsLostDisks,
        Self::DeletesTheStopped,
        Self::ForgetsOnHearsay,
        Self::SilentIsGone,
        Self::ForgetsTheUnheard,
        Self::IdsByOrdinal,
        Self::RendersUnstably,
        Self::ForgetsTheRun,
        Self::ForgetsTheEdit,
        Self::GoesOnAfterFailure,
        Self::WaitsForReady,
        Self::NeverTriesAgain,
        Self::DeskNeverForgets,
    ];

    /// How it is called.
    pub fn name(self) -> &'static str {
        self.portrait().name
    }

    /// The bug in one line.
    pub fn title(self) -> &'static str {
        self.portrait().title
    }

    fn portrait(self) -> Portrait {
        let (name, title) = match self {
            Self::UnknownIsSafe => ("unknown-is-safe", "what could not be observed counts as safe"),
            Self::ReadyIsEnough => {
                ("ready-is-enough", "a node may stop while others are behind: they answer")
            }
            Self::NextBeforeBack => {
                ("next-before-back", "the next node is stopped while the one before is still on its way")
            }
            Self::StopsUnasked => ("stops-unasked", "a second way to stop a node leads past the choke point"),
            Self::KillsTheSlow => {
                ("kills-the-slow", "a node that takes its time to stop is killed after 3 s")
            }
            Self::ObeysOlder => ("obeys-older", "an agent obeys an older target, or that of an older epoch"),
            Self::MissesTargets => {
                ("misses-targets", "a change that comes while something is done is missed")
            }
            Self::FormatsLostDisks => {
                ("formats-lost-disks", "an empty directory of a known slot is formatted")
            }
            Self::DeletesTheStopped => ("deletes-the-stopped", "what shall be down is taken for surplus"),
            Self::ForgetsOnHearsay => {
                ("forgets-on-hearsay", "a cluster that the server does not know is deleted")
            }
            Self::SilentIsGone => {
                ("silent-is-gone", "a host that is not heard is taken for gone, and its slots run elsewhere")
            }
            Self::ForgetsTheUnheard => {
                ("forgets-the-unheard", "a slot that nobody reports is planned as a new one")
            }
            Self::IdsByOrdinal => ("ids-by-ordinal", "a node is told by its ordinal instead of its id"),
            Self::RendersUnstably => ("renders-unstably", "a list is rendered in an order that changes"),
            Self::ForgetsTheRun => ("forgets-the-run", "a run that is taken up again counts as done"),
            Self::ForgetsTheEdit => {
                ("forgets-the-edit", "what was applied once is not compared any more, also where it failed")
            }
            Self::GoesOnAfterFailure => {
                ("goes-on-after-failure", "a node that does not come up does not stop the roll")
            }
            Self::WaitsForReady => {
                ("waits-for-ready", "a node must be ready before anything of it is mended")
            }
            Self::NeverTriesAgain => {
                ("never-tries-again", "what failed once is not tried again until something changes")
            }
            Self::DeskNeverForgets => {
                ("desk-never-forgets", "a lock is never given back, and nobody says so")
            }
        };
        Portrait { name, title }
    }
}

thread_local! {
    static ON: Cell<Option<Mutant>> = const { Cell::new(None) };
}

/// Switches one on for this thread, or all off. Without the feature nothing ever reads it.
pub fn switch(mutant: Option<Mutant>) {
    ON.set(mutant);
}

/// Whether it is switched on; never in a build that anybody runs clusters with.
#[inline]
pub fn is_on(mutant: Mutant) -> bool {
    COMPILED_IN && ON.get() == Some(mutant)
}

/// What the correct code says, for whoever judges the other one.
pub fn without<T>(judge: impl FnOnce() -> T) -> T {
    if !COMPILED_IN {
        return judge();
    }
    let on = ON.take();
    let judged = judge();
    ON.set(on);
    judged
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_mutant_is_listed_once_and_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Mutant::ALL.into_iter().map(Mutant::name).collect();
        assert_eq!(names.len(), Mutant::ALL.len());
        assert!(Mutant::ALL.is_sorted());
    }

    #[test]
    fn nothing_is_on_where_mutants_are_not_compiled_in_and_never_for_who_judges() {
        switch(Some(Mutant::StopsUnasked));
        assert_eq!(is_on(Mutant::StopsUnasked), COMPILED_IN);
        assert!(!is_on(Mutant::ObeysOlder));
        assert!(!without(|| is_on(Mutant::StopsUnasked)));
        assert_eq!(is_on(Mutant::StopsUnasked), COMPILED_IN, "as before");
        switch(None);
        assert!(!is_on(Mutant::StopsUnasked));
    }
}
