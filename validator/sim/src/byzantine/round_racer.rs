//! Wants rounds far away, each second farther ones, and votes in them.

use super::{Behaviour, Block, Stage};
use crate::flavour::Flavour;
use alloy_primitives::B256;
use qbft::{Message, config::MAX_ROUND};

#[derive(Default)]
pub(super) struct RoundRacer {
    height: u64,
    lead: u32,
}

impl<F: Flavour> Behaviour<F> for RoundRacer {
    /// Of what its core wants said, its ROUND-CHANGEs would spoil the race.
    fn speak(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        if !matches!(message, Message::RoundChange(_)) {
            stage.tell_all(message);
        }
    }

    fn wake(&mut self, stage: &mut Stage<'_, F>) {
        if stage.height != self.height {
            (self.height, self.lead) = (stage.height, 0);
        }
        self.lead += 1;
        let (height, near) = (stage.height, stage.round.saturating_add(self.lead));
        let far = match stage.rng.below(4) {
            0 => MAX_ROUND,
            1 => u32::MAX,
            2 => near.saturating_add(10),
            _ => near,
        };
        for to in stage.others() {
            let digest = B256::repeat_byte(u8::try_from(stage.rng.below(8)).unwrap_or(0));
            let race = stage.bare_round_change(height, far);
            stage.say(to, race);
            let prepare = stage.prepare(height, near, digest);
            stage.say(to, Message::Prepare(prepare));
            let commit = stage.commit(height, near, digest, stage.seal(digest));
            stage.say(to, commit);
        }
    }
}
