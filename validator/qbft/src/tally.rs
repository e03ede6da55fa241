//! Counting votes: one per author, the first one counts.

use crate::{auth::Verified, reject::Rejected};
use alloc::vec::Vec;
use alloy_primitives::Address;

/// Votes of one phase of one round by distinct authors; never longer than the validator set, whose members alone are
/// let in. A linear scan beats a map at these sizes.
#[derive(Clone, Debug)]
pub(crate) struct Tally<P> {
    votes: Vec<Verified<P>>,
}

impl<P> Default for Tally<P> {
    fn default() -> Self {
        Self { votes: Vec::new() }
    }
}

impl<P: PartialEq> Tally<P> {
    /// Takes an author's first vote; a second one is a duplicate or an equivocation, and changes nothing.
    pub(crate) fn insert(&mut self, vote: Verified<P>) -> Result<(), Rejected> {
        let author = vote.author();
        match self.of(author) {
            None => {
                self.votes.push(vote);
                Ok(())
            }
            Some(first) if first.payload() == vote.payload() => Err(Rejected::Duplicate { author }),
            Some(_) => Err(Rejected::Equivocation { author }),
        }
    }

    fn of(&self, author: Address) -> Option<&Verified<P>> {
        self.votes.iter().find(|vote| vote.author() == author)
    }

    /// Drops the votes that `keep` refuses.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Verified<P>) -> bool) {
        self.votes.retain(keep);
    }

    /// Distinct authors.
    pub(crate) fn count(&self) -> usize {
        self.votes.len()
    }

    pub(crate) fn votes(&self) -> &[Verified<P>] {
        &self.votes
    }
}
