//! Validators that this node's operator wants in or out (`qbft_proposeValidatorVote`, `istanbul_propose`), block-header
//! mode. Kept in memory until discarded, as Besu and GoQuorum do: what must survive a restart is asked for again.

use alloy_primitives::Address;
use chain::{Vote, voting::VoteTally};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// Most that may be wanted at once; far more than seats.
pub const MAX: usize = 256;

/// As many are wanted as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX} votes are pending, discard one first")]
pub struct Full;

/// The list; every clone is the same one.
#[derive(Clone, Debug, Default)]
pub struct PendingVotes(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    wanted: BTreeMap<Address, bool>,
    turn: usize,
}

impl PendingVotes {
    /// Wants a validator in or out; an earlier wish about it is replaced.
    pub fn propose(&self, address: Address, add: bool) -> Result<(), Full> {
        let mut inner = self.0.lock();
        if inner.wanted.len() >= MAX && !inner.wanted.contains_key(&address) {
            return Err(Full);
        }
        inner.wanted.insert(address, add);
        Ok(())
    }

    /// Wants nothing about it any more.
    pub fn discard(&self, address: &Address) {
        self.0.lock().wanted.remove(address);
    }

    /// Everything wanted.
    pub fn list(&self) -> BTreeMap<Address, bool> {
        self.0.lock().wanted.clone()
    }

    /// The vote that a block of `author` after `tally` carries; turns go round what is still open.
    pub fn next(&self, author: Address, tally: &VoteTally) -> Option<Vote> {
        let mut inner = self.0.lock();
        inner.turn = inner.turn.wrapping_add(1);
        tally.choose(author, &inner.wanted, inner.turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::profile::Family;

    #[test]
    fn wishes_are_bounded_replaced_discarded_and_shared_by_clones() {
        let votes = PendingVotes::default();
        let address = |n: usize| Address::left_padding_from(&n.to_be_bytes());
        for n in 1..=MAX {
            votes.clone().propose(address(n), true).unwrap();
        }
        assert_eq!(votes.propose(address(MAX + 1), true), Err(Full));
        votes.propose(address(1), false).unwrap();
        assert!(!votes.list()[&address(1)]);
        votes.discard(&address(1));
        votes.propose(address(MAX + 1), true).unwrap();
        assert_eq!(votes.list().len(), MAX);
    }

    #[test]
    fn blocks_take_turns_among_what_is_wanted() {
        let votes = PendingVotes::default();
        let (a, b, me) = (Address::repeat_byte(1), Address::repeat_byte(2), Address::repeat_byte(9));
        votes.propose(a, true).unwrap();
        votes.propose(b, true).unwrap();
        let tally = VoteTally::new(Family::Besu, &[me]);
        let turns: Vec<_> =
            (0..4).filter_map(|_| votes.next(me, &tally)).map(|vote| vote.recipient).collect();
        assert_eq!(turns, [b, a, b, a]);
    }
}
