//! What must never happen.

use crate::block::SimBlock;
use alloy_primitives::{Address, B256};
use chain::{Seal, quorum::quorum};
use qbft::{Authenticator, Proposal, Symbolic, Unsigned};

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Two blocks of one height were finalised.
    Fork {
        /// Height.
        height: u64,
    },
    /// A finalised block does not follow the chain, was never built, or lacks a quorum of seals.
    Unsealed {
        /// Height.
        height: u64,
    },
    /// An honest node signed two things for one height, round and phase.
    DoubleSign {
        /// Node.
        node: usize,
        /// Height.
        height: u64,
        /// Round.
        round: u32,
    },
    /// A node signed what was not durable.
    NotDurable {
        /// Node.
        node: usize,
    },
    /// No new height for too long although the network was timely.
    Stuck {
        /// Highest height reached.
        height: u64,
        /// Lowest height of a live node.
        lowest: u64,
    },
}

/// Sees every signature and every finalised block.
#[derive(Debug, Default)]
pub struct Oracle {
    finalised: Vec<B256>,
    signed: Vec<Vec<Unsigned<SimBlock>>>,
    /// The first violation.
    pub violation: Option<Violation>,
}

fn place(unsigned: &Unsigned<SimBlock>) -> (u64, u32, u8) {
    match unsigned {
        Unsigned::Proposal(payload) => (payload.height, payload.round, 0),
        Unsigned::Prepare(payload) => (payload.height, payload.round, 1),
        Unsigned::Commit { height, round, .. } => (*height, *round, 2),
        Unsigned::RoundChange(payload) => (payload.height, payload.round, 3),
    }
}

impl Oracle {
    /// For so many nodes, after the genesis hash.
    #[must_use]
    pub fn new(nodes: usize, genesis: B256) -> Self {
        Self { finalised: vec![genesis], signed: vec![Vec::new(); nodes], violation: None }
    }

    /// Keeps the first violation.
    pub fn report(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// A node signs.
    pub fn on_signed(&mut self, node: usize, unsigned: &Unsigned<SimBlock>) {
        let at = place(unsigned);
        let signed = &mut self.signed[node];
        match signed.iter().find(|earlier| place(earlier) == at) {
            Some(earlier) if earlier == unsigned => {}
            Some(_) => self.report(Violation::DoubleSign { node, height: at.0, round: at.1 }),
            None => {
                signed.retain(|earlier| place(earlier).0 + 1 >= at.0);
                signed.push(unsigned.clone());
            }
        }
    }

    /// A node finalises.
    pub fn on_finalised(&mut self, block: &SimBlock, round: u32, seals: &[Seal], validators: &[Address]) {
        let height = block.height;
        let mut signers: Vec<Address> = seals
            .iter()
            .filter_map(|seal| Symbolic::recover(block.commit_hash(round), seal).ok())
            .filter(|signer| validators.contains(signer))
            .collect();
        signers.sort_unstable();
        signers.dedup();
        let parent = usize::try_from(height).ok().and_then(|index| self.finalised.get(index.checked_sub(1)?));
        if signers.len() < quorum(validators.len())
            || signers.len() != seals.len()
            || parent != Some(&block.parent)
        {
            self.report(Violation::Unsealed { height });
            return;
        }
        match usize::try_from(height).ok().and_then(|index| self.finalised.get(index)) {
            Some(hash) if *hash != block.hash => self.report(Violation::Fork { height }),
            Some(_) => {}
            None => self.finalised.push(block.hash),
        }
    }

    /// Highest finalised height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.finalised.len() as u64 - 1
    }
}
