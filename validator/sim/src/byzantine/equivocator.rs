//! Proposes two blocks for one turn, each to half of the network, a prepared one or not; votes for whatever it sees; and
//! hides its lock.

use super::{Behaviour, Block, Stage};
use crate::flavour::Flavour;
use qbft::{
    Message, Proposal,
    message::{Commit, Prepare, ProposalMessage, ProposalPayload, RoundChange, RoundChangeMessage},
};
use std::sync::Arc;

pub(super) struct Equivocator;

impl<F: Flavour> Behaviour<F> for Equivocator {
    fn speak(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        let twisted = twist(stage, message);
        for to in stage.others() {
            stage.say(to, if to % 2 == 1 { twisted.clone() } else { message.clone() });
        }
    }

    /// Whatever it has voted for before.
    fn hear(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        let Message::Proposal(message) = message else { return };
        let ProposalPayload { height, round, block } = message.proposal.payload();
        let (height, round, digest) = (*height, *round, block.digest());
        // Every other seal is for another round: whoever counts it makes a block that no one else accepts.
        let sealed_round = round + u32::from(stage.rng.chance(500));
        let seal = stage.flavour.seal(stage.identity, block.commit_hash(sealed_round));
        let prepare = stage.flavour.prepare(stage.identity, Prepare { height, round, digest });
        let commit = stage.flavour.commit(stage.identity, Commit { height, round, digest, seal });
        stage.tell_all(&Message::Prepare(prepare));
        stage.tell_all(&Message::Commit(commit));
    }
}

/// What the other half is told.
fn twist<F: Flavour>(stage: &mut Stage<'_, F>, message: &Message<Block<F>>) -> Message<Block<F>> {
    match message {
        Message::Proposal(message) => {
            let ProposalPayload { height, round, block } = message.proposal.payload();
            let other = if stage.rng.chance(200) {
                stage.flavour.corrupt(block)
            } else {
                stage.flavour.variant(block)
            };
            let payload = ProposalPayload { height: *height, round: *round, block: other };
            let proposal = stage.flavour.proposal(stage.identity, payload);
            let justification = message.justification.clone();
            Message::Proposal(Arc::new(ProposalMessage { proposal, justification }))
        }
        Message::RoundChange(message) => {
            let RoundChange { height, round, .. } = *message.round_change.payload();
            let payload = RoundChange { height, round, prepared: None };
            let round_change = stage.flavour.round_change(stage.identity, payload);
            let prepares: Arc<[_]> = Arc::new([]);
            Message::RoundChange(Arc::new(RoundChangeMessage { round_change, block: None, prepares }))
        }
        other => other.clone(),
    }
}
