//! Blocks that were proposed while this node stood by: the lock of an identity that it takes over may be of one of them.
//!
//! Kept are, of the height being decided and the next, the newest block that each seat proposed and the newest that its
//! ROUND-CHANGEs carry. So nobody's blocks push out another's, and there are as many as the core itself may have to keep.

use super::ProposedBlock;
use alloy_primitives::Address;
use qbft::{Message, Phase};
use std::collections::BTreeMap;

/// Heights above the one being decided whose blocks are kept: this node may be one block behind.
const AHEAD: u64 = 1;

/// The newest ones, by height, author and kind of message.
#[derive(Debug, Default)]
pub(super) struct Proposals(BTreeMap<(u64, Address, Phase), ProposedBlock>);

impl Proposals {
    /// Notes the block of a message, if it carries one, while `height` is being decided.
    pub(super) fn note(&mut self, message: &Message<ProposedBlock>, height: u64) {
        if let Some(block) = carried(message) {
            self.keep((message.height(), message.author(), message.phase()), block, height);
        }
    }

    fn keep(&mut self, whose: (u64, Address, Phase), block: &ProposedBlock, height: u64) {
        self.forget_below(height);
        if (height..=height.saturating_add(AHEAD)).contains(&whose.0) {
            self.0.insert(whose, block.clone());
        }
    }

    /// Heights below are decided.
    pub(super) fn forget_below(&mut self, height: u64) {
        if self.0.first_key_value().is_some_and(|((kept, ..), _)| *kept < height) {
            self.0.retain(|(kept, ..), _| *kept >= height);
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &ProposedBlock> {
        self.0.values()
    }
}

/// The block that a message carries.
pub(super) fn carried(message: &Message<ProposedBlock>) -> Option<&ProposedBlock> {
    match message {
        Message::Proposal(proposal) => Some(&proposal.proposal.payload().block),
        Message::RoundChange(change) => change.block.as_ref(),
        Message::Prepare(_) | Message::Commit(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Header;
    use chain::{Extra, hash::ProposalRound};
    use devp2p::{Block, BlockBody};
    use std::sync::Arc;

    fn block(gas_limit: u64) -> ProposedBlock {
        let header =
            Header { number: 7, gas_limit, extra_data: Extra::unsealed(0).to_bytes(), ..Header::default() };
        let block = Block { header, body: BlockBody::default() };
        ProposedBlock::new(Arc::new(block), ProposalRound::Real).unwrap()
    }

    fn kept(proposals: &Proposals) -> Vec<u64> {
        proposals.all().map(|block| block.block().header.gas_limit).collect()
    }

    #[test]
    fn each_seat_has_its_newest_block_of_each_kind_and_pushes_out_nobody_elses() {
        let mut proposals = Proposals::default();
        let [a, b] = [1, 2].map(Address::repeat_byte);
        proposals.keep((7, a, Phase::Proposal), &block(1), 7);
        proposals.keep((7, a, Phase::RoundChange), &block(2), 7);
        for flood in 100..200 {
            proposals.keep((7, b, Phase::Proposal), &block(flood), 7);
        }
        assert_eq!(kept(&proposals), [1, 2, 199]);
    }

    #[test]
    fn heights_far_ahead_are_not_kept_and_decided_ones_are_forgotten() {
        let mut proposals = Proposals::default();
        let author = Address::repeat_byte(1);
        for height in [5, 6, 7, 8, u64::MAX] {
            proposals.keep((height, author, Phase::Proposal), &block(height), 6);
        }
        assert_eq!(kept(&proposals), [6, 7]);
        proposals.forget_below(7);
        assert_eq!(kept(&proposals), [7]);
        proposals.keep((8, author, Phase::Proposal), &block(8), 8);
        assert_eq!(kept(&proposals), [8]);
    }
}
