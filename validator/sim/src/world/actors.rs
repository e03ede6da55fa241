//! Where the seats that lie get their say.

use super::{World, schedule::Event};
use crate::{
    byzantine::{Behaviour, Stage},
    flavour::Flavour,
    node::Node,
};

/// How often an actor may do something unasked.
const WAKE_MS: u64 = 1_000;

impl<F: Flavour> World<F> {
    pub(super) fn wake(&mut self, node: usize) {
        self.queue.push(self.now + WAKE_MS, Event::Wake { node });
        self.act(node, |actor, stage| actor.wake(stage));
    }

    /// Lets the actor of a running node do something, and sends what it says.
    pub(super) fn act(&mut self, node: usize, what: impl FnOnce(&mut dyn Behaviour<F>, &mut Stage<'_, F>)) {
        let nodes = self.nodes.len();
        let Some(mut actor) = self.actors[node].take() else { return };
        let mut said = std::mem::take(&mut self.said);
        if let Node { instance: Some(instance), rng, identity, .. } = &mut self.nodes[node] {
            let mut stage = Stage {
                flavour: &mut self.flavour,
                rng,
                identity: *identity,
                node,
                nodes,
                height: instance.height(),
                round: instance.round(),
                validators: instance.validators(),
                said: &mut said,
            };
            what(actor.as_mut(), &mut stage);
        }
        self.actors[node] = Some(actor);
        for said in said.drain(..) {
            self.send(node, said.to, said.after_ms, said.message);
        }
        self.said = said;
    }
}
