//! How much an instance keeps: bounded by the number of validators, whoever sends what.

use crate::{
    block::Proposal,
    config::{FUTURE_MESSAGES, FUTURE_ROUNDS, PAST_ROUNDS},
    instance::Instance,
};

/// Counts of what is kept. A checked message holds at most `2N` nested parts; one of a future height, which is checked
/// when its height comes, at most `2 ·` [`crate::wire::MAX_NESTED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Rounds with anything known.
    pub rounds: usize,
    /// PREPAREs and COMMITs counted in them.
    pub votes: usize,
    /// ROUND-CHANGEs.
    pub round_changes: usize,
    /// Votes of this node's own.
    pub own: usize,
    /// Messages of heights to come.
    pub future: usize,
    /// Authors whose height is remembered.
    pub authors: usize,
}

impl Footprint {
    /// The most that is ever kept with `validators` of them. Rounds: those behind, the current one, those ahead, and one
    /// that a late proposal may leave; votes: two a validator in each; own votes: four in each round not ahead; future
    /// messages: [`FUTURE_MESSAGES`] a validator and phase.
    #[must_use]
    pub const fn bound(validators: usize) -> Self {
        let past = (PAST_ROUNDS as usize).saturating_add(2);
        let rounds = past.saturating_add(FUTURE_ROUNDS as usize);
        Self {
            rounds,
            votes: rounds.saturating_mul(2).saturating_mul(validators),
            round_changes: validators,
            own: past.saturating_mul(4),
            future: FUTURE_MESSAGES.saturating_mul(4).saturating_mul(validators),
            authors: validators,
        }
    }

    /// Whether nothing is above `bound`.
    #[must_use]
    pub const fn is_within(&self, bound: &Self) -> bool {
        self.rounds <= bound.rounds
            && self.votes <= bound.votes
            && self.round_changes <= bound.round_changes
            && self.own <= bound.own
            && self.future <= bound.future
            && self.authors <= bound.authors
    }

    /// All counts together.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.rounds
            .saturating_add(self.votes)
            .saturating_add(self.round_changes)
            .saturating_add(self.own)
            .saturating_add(self.future)
            .saturating_add(self.authors)
    }
}

impl<B: Proposal> Instance<B> {
    /// What this instance keeps now; never above [`Footprint::bound`] of its validators.
    pub fn footprint(&self) -> Footprint {
        let (future, authors) = self.future.kept();
        let votes =
            self.rounds.iter().map(|state| state.prepares.count().saturating_add(state.commits.count()));
        Footprint {
            rounds: self.rounds.len(),
            votes: votes.fold(0, usize::saturating_add),
            round_changes: self.round_changes.len(),
            own: self.votes.len(),
            future,
            authors,
        }
    }
}
