//! One chain: agreement, validity, and nothing final ever lost.

use super::Violation;
use crate::flavour::{Flavour, Sealed};
use alloy_primitives::{Address, B256};
use chain::{Seal, quorum::quorum};
use qbft::{Authenticator, Proposal};
use std::collections::VecDeque;

/// The finalised blocks, of which the oldest may have been forgotten.
#[derive(Debug)]
pub struct Chain<B> {
    blocks: VecDeque<(B256, Sealed<B>)>,
    base: u64,
}

/// A block that a node finalises, and what it is judged by.
#[derive(Debug)]
pub struct Finalised<'a, B> {
    /// Who.
    pub node: usize,
    /// What, with its seals.
    pub sealed: &'a Sealed<B>,
    /// Validators of the height.
    pub validators: &'a [Address],
    /// Seconds from its parent's timestamp to its own, at least.
    pub period_s: u64,
    /// The node has executed it.
    pub is_executed: bool,
}

impl<B: Proposal> Chain<B> {
    /// After the genesis block.
    #[must_use]
    pub fn new(hash: B256, genesis: B) -> Self {
        let sealed = Sealed { block: genesis, round: 0, seals: [].into() };
        Self { blocks: [(hash, sealed)].into(), base: 0 }
    }

    /// The block at a height.
    #[must_use]
    pub fn get(&self, height: u64) -> Option<&Sealed<B>> {
        self.entry(height).map(|(_, sealed)| sealed)
    }

    /// The hash of the block at a height.
    #[must_use]
    pub fn hash(&self, height: u64) -> Option<B256> {
        self.entry(height).map(|(hash, _)| *hash)
    }

    fn entry(&self, height: u64) -> Option<&(B256, Sealed<B>)> {
        self.blocks.get(usize::try_from(height.checked_sub(self.base)?).ok()?)
    }

    /// Highest finalised height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.base + self.blocks.len() as u64 - 1
    }

    /// Oldest height still known.
    #[must_use]
    pub const fn base(&self) -> u64 {
        self.base
    }

    /// Forgets the blocks below a height.
    pub fn forget_below(&mut self, height: u64) {
        while self.base < height && self.blocks.len() > 1 {
            self.blocks.pop_front();
            self.base += 1;
        }
    }

    /// A node finalises: the block must be the only one of its height, follow the chain, be valid, executed and sealed.
    pub fn on_finalised<F: Flavour<Block = B>>(
        &mut self,
        flavour: &mut F,
        finalised: &Finalised<'_, B>,
    ) -> Option<Violation> {
        let Finalised { node, sealed, validators, period_s, is_executed } = *finalised;
        let (height, hash) = (sealed.block.height(), flavour.hash(&sealed.block));
        if !is_sealed(sealed, validators) {
            return Some(Violation::Unsealed { height });
        }
        match self.hash(height) {
            Some(known) if known != hash => return Some(Violation::Fork { height }),
            _ if !is_executed => return Some(Violation::NotExecuted { node, height }),
            Some(_) => return None,
            None => {}
        }
        let parent = height.checked_sub(1).and_then(|parent| self.get(parent));
        if height != self.height() + 1
            || !parent.is_some_and(|at| flavour.is_genuine(&at.block, &sealed.block))
        {
            return Some(Violation::Invalid { height });
        }
        let timestamp = sealed.block.timestamp();
        let least = parent.map_or(0, |at| at.block.timestamp().saturating_add(period_s));
        if timestamp < least {
            return Some(Violation::TooEarly { height, timestamp, least });
        }
        self.blocks.push_back((hash, sealed.clone()));
        None
    }
}

/// Whether every seal is of another validator over this block in this round, and they are a quorum.
fn is_sealed<B: Proposal>(sealed: &Sealed<B>, validators: &[Address]) -> bool {
    let hash = sealed.block.commit_hash(sealed.round);
    let signer = |seal: &Seal| B::Auth::recover(hash, seal).ok().filter(|signer| validators.contains(signer));
    let mut signers: Vec<Address> = sealed.seals.iter().filter_map(signer).collect();
    signers.sort_unstable();
    signers.dedup();
    signers.len() == sealed.seals.len() && signers.len() >= quorum(validators.len())
}
