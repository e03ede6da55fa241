//! A seat that lies: it proposes two blocks for one turn, a prepared one or not, votes for whatever it sees, and hides its
//! lock.

use crate::block::SimBlock;
use alloy_primitives::Address;
use qbft::{
    Message, Proposal, Symbolic, Verified,
    message::{Commit, Prepare, ProposalMessage, ProposalPayload, RoundChange, RoundChangeMessage},
};
use std::sync::Arc;

/// What an honest message of `identity` becomes for one half of the network.
#[must_use]
pub fn twist(message: &Message<SimBlock>, identity: Address) -> Message<SimBlock> {
    match message {
        Message::Proposal(message) => {
            let ProposalPayload { height, round, block } = *message.proposal.payload();
            let other = SimBlock::new(
                height,
                block.parent,
                block.proposer,
                block.timestamp,
                block.round,
                !block.salt,
            );
            let proposal = Verified::symbolic(ProposalPayload { height, round, block: other }, identity);
            let justification = message.justification.clone();
            Message::Proposal(Arc::new(ProposalMessage { proposal, justification }))
        }
        Message::RoundChange(message) => {
            let RoundChange { height, round, .. } = *message.round_change.payload();
            let round_change = Verified::symbolic(RoundChange { height, round, prepared: None }, identity);
            Message::RoundChange(Arc::new(RoundChangeMessage {
                round_change,
                block: None,
                prepares: [].into(),
            }))
        }
        other => other.clone(),
    }
}

/// PREPARE and COMMIT of `identity` for a proposal, at once and whatever it has voted for before.
#[must_use]
pub fn applaud(message: &ProposalMessage<SimBlock>, identity: Address) -> [Message<SimBlock>; 2] {
    let ProposalPayload { height, round, block } = *message.proposal.payload();
    let digest = block.digest();
    // Every other seal is for another round: whoever counts it makes a block that no one else accepts.
    let sealed_round = if block.salt.is_multiple_of(2) { round } else { round + 1 };
    let seal = Symbolic::sign(identity, block.commit_hash(sealed_round));
    [
        Message::Prepare(Verified::symbolic(Prepare { height, round, digest }, identity)),
        Message::Commit(Verified::symbolic(Commit { height, round, digest, seal }, identity)),
    ]
}
