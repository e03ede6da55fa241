//! Prepares like anybody, and never gives a seal that seals: of another hash, of another validator, or none at all.

use super::{Behaviour, Block, Stage};
use crate::flavour::Flavour;
use alloy_primitives::B256;
use chain::Seal;
use qbft::{Message, message::Commit};

#[derive(Default)]
pub(super) struct Withholder {
    /// A seal of somebody else's.
    stolen: Option<Seal>,
}

impl<F: Flavour> Behaviour<F> for Withholder {
    fn speak(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        let Message::Commit(commit) = message else { return stage.tell_all(message) };
        let Commit { height, round, digest, seal } = *commit.payload();
        for to in stage.others() {
            let bad = match stage.rng.below(5) {
                0 => continue,
                1 => stage.seal(B256::repeat_byte(7)),
                2 => Seal::ZERO,
                3 => self.stolen.unwrap_or(Seal::ZERO),
                // Its seal of this round, over a COMMIT of the next one.
                _ => {
                    let later = stage.commit(height, round + 1, digest, seal);
                    stage.say(to, later);
                    continue;
                }
            };
            let commit = stage.commit(height, round, digest, bad);
            stage.say(to, commit);
        }
    }

    fn hear(&mut self, _stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        if let Message::Commit(commit) = message {
            self.stolen = Some(commit.payload().seal);
        }
    }
}
