//! Proposes two blocks for one turn, each to half of the network, a prepared one or not, one of them perhaps invalid;
//! votes for whatever it sees; and hides its lock from the other half.

use super::{Behaviour, Block, Stage};
use crate::flavour::Flavour;
use qbft::{Message, Proposal, message::ProposalPayload};

pub(super) struct Equivocator;

impl<F: Flavour> Behaviour<F> for Equivocator {
    fn speak(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        let twisted = twist(stage, message);
        for to in stage.others() {
            stage.say(to, if to % 2 == 1 { twisted.clone() } else { message.clone() });
        }
        if let Message::Proposal(other) = &twisted {
            // Somebody, perhaps another liar, gets to know both.
            let both = stage.anybody();
            stage.say(both, message.clone());
            stage.say(both, twisted.clone());
            applaud(stage, other.proposal.payload());
        }
    }

    fn hear(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        if let Message::Proposal(message) = message {
            applaud(stage, message.proposal.payload());
        }
    }
}

/// Votes for a proposal, whatever it has voted for before.
fn applaud<F: Flavour>(stage: &mut Stage<'_, F>, proposal: &ProposalPayload<Block<F>>) {
    let ProposalPayload { height, round, ref block } = *proposal;
    let digest = block.digest();
    // Every other seal is for another round: whoever counts it makes a block that no one else accepts.
    let sealed_round = round + u32::from(stage.rng.chance(500));
    let seal = stage.seal(block.commit_hash(sealed_round));
    let prepare = stage.prepare(height, round, digest);
    stage.tell_all(&Message::Prepare(prepare));
    let commit = stage.commit(height, round, digest, seal);
    stage.tell_all(&commit);
}

/// What the other half is told.
fn twist<F: Flavour>(stage: &mut Stage<'_, F>, message: &Message<Block<F>>) -> Message<Block<F>> {
    match message {
        Message::Proposal(message) => {
            let ProposalPayload { height, round, block } = message.proposal.payload();
            let is_refused = stage.rng.chance(200);
            let flavour = &mut *stage.flavour;
            let block = if is_refused { flavour.corrupt(block) } else { flavour.variant(block) };
            let payload = ProposalPayload { height: *height, round: *round, block };
            stage.proposal(payload, message.justification.clone())
        }
        Message::RoundChange(_) => stage.bare_round_change(message.height(), message.round()),
        other => other.clone(),
    }
}
