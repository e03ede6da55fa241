//! Seats that lie: what they say instead of what their honest core would, each in its own file. An actor signs with its
//! own key alone; it may repeat whatever it has heard.

mod equivocator;

use crate::{flavour::Flavour, rng::Rng, scenario::Actor};
use alloy_primitives::Address;
use qbft::Message;

/// The block of a flavour.
pub type Block<F> = <F as Flavour>::Block;

/// What an actor sees of the world, and its mouth.
pub struct Stage<'a, F: Flavour> {
    /// Blocks and signatures.
    pub flavour: &'a mut F,
    /// The actor's draws.
    pub rng: &'a mut Rng,
    /// Its key.
    pub identity: Address,
    /// Its node.
    pub node: usize,
    /// Nodes of the network.
    pub nodes: usize,
    /// Height its core works on.
    pub height: u64,
    /// Round its core is in.
    pub round: u32,
    /// Validators of that height.
    pub validators: &'a [Address],
    said: &'a mut Vec<Said<F>>,
}

/// Something an actor says.
pub struct Said<F: Flavour> {
    /// To whom.
    pub to: usize,
    /// Held back so long, milliseconds.
    pub after_ms: u64,
    /// What.
    pub message: Message<Block<F>>,
}

impl<'a, F: Flavour> Stage<'a, F> {
    pub(crate) fn new(
        flavour: &'a mut F,
        rng: &'a mut Rng,
        (identity, node, nodes): (Address, usize, usize),
        (height, round): (u64, u32),
        validators: &'a [Address],
        said: &'a mut Vec<Said<F>>,
    ) -> Self {
        Self { flavour, rng, identity, node, nodes, height, round, validators, said }
    }

    /// Sends to one node.
    pub fn say(&mut self, to: usize, message: Message<Block<F>>) {
        self.said.push(Said { to, after_ms: 0, message });
    }

    /// The other nodes.
    pub fn others(&self) -> impl Iterator<Item = usize> + use<F> {
        let node = self.node;
        (0..self.nodes).filter(move |to| *to != node)
    }

    /// Sends to every other node.
    pub fn tell_all(&mut self, message: &Message<Block<F>>) {
        for to in self.others() {
            self.say(to, message.clone());
        }
    }
}

/// How an actor behaves; by default as its honest core does.
pub trait Behaviour<F: Flavour> {
    /// The core wants this sent to all.
    fn speak(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        stage.tell_all(message);
    }
    /// A message came in; the core gets it too, afterwards.
    fn hear(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        let _unmoved = (stage, message);
    }
    /// A second has passed.
    fn wake(&mut self, stage: &mut Stage<'_, F>) {
        let _idle = stage;
    }
}

/// The behaviour of an actor; twins are two honest cores.
#[must_use]
pub fn behaviour<F: Flavour>(actor: Actor) -> Option<Box<dyn Behaviour<F>>> {
    match actor {
        Actor::Equivocator | Actor::Flapper => Some(Box::new(equivocator::Equivocator)),
        Actor::Twins => None,
    }
}
