//! Those who say too little or too late.

use super::{Behaviour, Block, Stage};
use crate::flavour::Flavour;
use qbft::Message;

/// Longest that [`Slow`] keeps a message to itself.
const LATE_MS: u64 = 6_000;

/// Hears, and never says anything.
pub(super) struct Silent;

impl<F: Flavour> Behaviour<F> for Silent {
    fn speak(&mut self, _stage: &mut Stage<'_, F>, _message: &Message<Block<F>>) {}
}

/// Says everything, each time to each node after another while.
pub(super) struct Slow;

impl<F: Flavour> Behaviour<F> for Slow {
    fn speak(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        for to in stage.others() {
            let after_ms = stage.rng.below(LATE_MS);
            stage.say_later(to, after_ms, message.clone());
        }
    }
}
