//! Votes of block-header mode: who may seal the next block, as the votes in the headers so far make it.
//!
//! Each block carries at most one vote, cast by its beneficiary. A recipient enters or leaves the set once more than half
//! of the validators want it; the change holds from the next block on. Votes are cleared in every epoch block.
//!
//! | | Besu | GoQuorum |
//! |---|---|---|
//! | vote that asks for what is so already | kept, may clear the pending ones when it reaches the threshold | takes back the author's earlier vote, else nothing |
//! | vote in an epoch block | discarded | counted, after the clearing |
//!
//! Sources: `VoteTally` and `VoteTallyUpdater` of Besu, `Snapshot` of GoQuorum (`qbft-facts` §4.1).

use crate::{extra::Vote, profile::Family};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::Address;

/// A vote that counts until it is replaced, decided on or cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// Whether its author wants the recipient in.
    pub add: bool,
    /// Block that carried it.
    pub block: u64,
}

/// The validator set after a block, and the votes pending there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteTally {
    family: Family,
    /// Ascending.
    validators: Vec<Address>,
    /// By recipient, then author; at most one per validator and recipient.
    ballots: BTreeMap<(Address, Address), Ballot>,
}

/// What of a header the tally needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Height.
    pub block: u64,
    /// Beneficiary: who votes.
    pub author: Address,
    /// The vote, if any.
    pub vote: Option<Vote>,
    /// Whether it is an epoch block.
    pub is_epoch: bool,
}

impl VoteTally {
    /// A set without pending votes; the list may be in any order and name an address twice.
    #[must_use]
    pub fn new(family: Family, validators: &[Address]) -> Self {
        let mut validators = validators.to_vec();
        validators.sort_unstable();
        validators.dedup();
        Self { family, validators, ballots: BTreeMap::new() }
    }

    /// Validators of the next block, ascending.
    #[must_use]
    pub fn validators(&self) -> &[Address] {
        &self.validators
    }

    /// Pending votes as (recipient, author, vote), ordered by recipient.
    pub fn ballots(&self) -> impl Iterator<Item = (Address, Address, Ballot)> {
        self.ballots.iter().map(|((recipient, author), ballot)| (*recipient, *author, *ballot))
    }

    /// Takes the next block's header into account.
    pub fn apply(&mut self, cast: &Cast) {
        if cast.is_epoch {
            self.ballots.clear();
            if !self.family.counts_epoch_vote() {
                return;
            }
        }
        match (cast.vote, self.family) {
            (Some(vote), Family::Besu | Family::Quorate) => {
                let ballot = Ballot { add: vote.add, block: cast.block };
                self.ballots.insert((vote.recipient, cast.author), ballot);
                self.decide(vote.recipient, vote.add);
            }
            (None, Family::Besu | Family::Quorate) => {}
            // No vote reads there as one to drop nobody, the zero address.
            (vote, Family::GoQuorum) => {
                self.apply_goquorum(cast, vote.unwrap_or(Vote { recipient: Address::ZERO, add: false }));
            }
        }
    }

    /// GoQuorum: an earlier vote on the same recipient is taken back, a meaningful new one counted; either way the
    /// recipient's count is looked at.
    fn apply_goquorum(&mut self, cast: &Cast, vote: Vote) {
        self.ballots.remove(&(vote.recipient, cast.author));
        let is_in = self.contains(vote.recipient);
        if vote.add != is_in {
            let ballot = Ballot { add: vote.add, block: cast.block };
            self.ballots.insert((vote.recipient, cast.author), ballot);
        }
        self.decide(vote.recipient, !is_in);
    }

    /// Brings a recipient in or out if enough want it. In Besu both directions can be pending, never both enough.
    fn decide(&mut self, recipient: Address, first: bool) {
        let limit = self.validators.len() / 2;
        for add in [first, !first] {
            let of_recipient =
                self.ballots.iter().filter(|((about, _), ballot)| *about == recipient && ballot.add == add);
            if of_recipient.count() <= limit {
                continue;
            }
            self.ballots.retain(|(about, author), _| *about != recipient && (add || *author != recipient));
            match (self.validators.binary_search(&recipient), add) {
                (Err(place), true) => self.validators.insert(place, recipient),
                (Ok(place), false) => drop(self.validators.remove(place)),
                _ => {}
            }
            return;
        }
    }

    fn contains(&self, address: Address) -> bool {
        self.validators.binary_search(&address).is_ok()
    }

    /// The vote that `author` casts next: of those it wants (`wanted`: recipient, in or out) the `turn`-th, counted round,
    /// among those not cast yet and not so already. `None` when nothing is left to vote on.
    #[must_use]
    pub fn choose(&self, author: Address, wanted: &BTreeMap<Address, bool>, turn: usize) -> Option<Vote> {
        let open: Vec<Vote> = wanted
            .iter()
            .map(|(recipient, add)| Vote { recipient: *recipient, add: *add })
            .filter(|vote| self.is_open(author, *vote))
            .collect();
        open.get(turn.checked_rem(open.len())?).copied()
    }

    /// Whether a vote would say something new: it asks for a change and was not cast, or takes back one that was.
    fn is_open(&self, author: Address, vote: Vote) -> bool {
        match self.ballots.get(&(vote.recipient, author)) {
            Some(ballot) => ballot.add != vote.add,
            None => self.contains(vote.recipient) != vote.add,
        }
    }
}

#[cfg(test)]
mod tests;
