//! Never two signatures for one (height, round, phase), across restarts too, and none that is not durable.

use super::Violation;
use qbft::{Phase, Proposal, Unsigned};

/// Every signature of one identity at one node, of its newest two heights.
#[derive(Debug)]
pub struct Votes<B> {
    signed: Vec<Unsigned<B>>,
}

impl<B> Default for Votes<B> {
    fn default() -> Self {
        Self { signed: Vec::new() }
    }
}

/// Height, round and phase of what is to be signed.
#[must_use]
pub fn place<B>(unsigned: &Unsigned<B>) -> (u64, u32, Phase) {
    match unsigned {
        Unsigned::Proposal(payload) => (payload.height, payload.round, Phase::Proposal),
        Unsigned::Prepare(payload) => (payload.height, payload.round, Phase::Prepare),
        Unsigned::Commit { height, round, .. } => (*height, *round, Phase::Commit),
        Unsigned::RoundChange(payload) => (payload.height, payload.round, Phase::RoundChange),
    }
}

impl<B: Proposal> Votes<B> {
    /// The node signs; `is_durable` says whether its journal holds the vote.
    pub fn on_signed(&mut self, node: usize, unsigned: &Unsigned<B>, is_durable: bool) -> Option<Violation> {
        if !is_durable {
            return Some(Violation::NotDurable { node });
        }
        let (height, round, phase) = place(unsigned);
        match self.signed.iter().find(|earlier| place(earlier) == (height, round, phase)) {
            Some(earlier) if earlier == unsigned => None,
            Some(_) => Some(Violation::DoubleSign { node, height, round }),
            None => {
                self.signed.retain(|earlier| place(earlier).0 + 1 >= height);
                self.signed.push(unsigned.clone());
                None
            }
        }
    }
}
