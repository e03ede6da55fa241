//! Speaks of heights far away, in every phase: to fill what is kept for later, and to make others sync for nothing.

use super::{Behaviour, Block, Stage};
use crate::flavour::Flavour;
use alloy_primitives::B256;
use qbft::{
    Message,
    message::{Justification, ProposalPayload},
};

/// Messages to each node each second.
const BURST: u64 = 6;

pub(super) struct HeightLiar<F: Flavour> {
    block: Option<Block<F>>,
}

impl<F: Flavour> Default for HeightLiar<F> {
    fn default() -> Self {
        Self { block: None }
    }
}

impl<F: Flavour> HeightLiar<F> {
    fn lie(&self, stage: &mut Stage<'_, F>) -> Message<Block<F>> {
        let beyond = match stage.rng.below(4) {
            0 => stage.rng.next(),
            1 => 1_000,
            _ => stage.rng.between(1, 15),
        };
        let height = stage.height.saturating_add(beyond);
        let round = u32::try_from(stage.rng.below(4)).unwrap_or(0);
        let digest = B256::repeat_byte(9);
        match (stage.rng.below(4), &self.block) {
            (0, _) => Message::Prepare(stage.prepare(height, round, digest)),
            (1, _) => stage.commit(height, round, digest, stage.seal(digest)),
            (2, Some(block)) => {
                let payload = ProposalPayload { height, round, block: block.clone() };
                stage.proposal(payload, Justification::default())
            }
            _ => stage.bare_round_change(height, round),
        }
    }
}

impl<F: Flavour> Behaviour<F> for HeightLiar<F> {
    fn hear(&mut self, _stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        if let Message::Proposal(message) = message {
            self.block = Some(message.proposal.payload().block.clone());
        }
    }

    fn wake(&mut self, stage: &mut Stage<'_, F>) {
        for to in stage.others() {
            for _ in 0..BURST {
                let lie = self.lie(stage);
                stage.say(to, lie);
            }
        }
    }
}
