//! Repeats any message it has ever heard, of old heights and of other authors too, to whomever it likes.

use super::{Behaviour, Block, Stage};
use crate::flavour::Flavour;
use qbft::Message;

/// How many messages it remembers; further ones take random places.
const MEMORY: usize = 256;
/// How many it repeats each second.
const BURST: usize = 12;

pub(super) struct Replayer<F: Flavour> {
    heard: Vec<Message<Block<F>>>,
}

impl<F: Flavour> Default for Replayer<F> {
    fn default() -> Self {
        Self { heard: Vec::new() }
    }
}

impl<F: Flavour> Replayer<F> {
    fn repeat(&self, stage: &mut Stage<'_, F>) {
        let at = usize::try_from(stage.rng.below(self.heard.len() as u64)).unwrap_or(0);
        if let Some(message) = self.heard.get(at).cloned() {
            let to = stage.anybody();
            stage.say(to, message);
        }
    }
}

impl<F: Flavour> Behaviour<F> for Replayer<F> {
    fn hear(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        if self.heard.len() < MEMORY {
            self.heard.push(message.clone());
        } else {
            let at = usize::try_from(stage.rng.below(MEMORY as u64)).unwrap_or(0);
            self.heard[at] = message.clone();
        }
        if stage.rng.chance(100) {
            self.repeat(stage);
        }
    }

    fn wake(&mut self, stage: &mut Stage<'_, F>) {
        for _ in 0..BURST {
            self.repeat(stage);
        }
    }
}
