//! Seats that lie: what they say instead of what their honest core would, each in its own file. An actor signs with its
//! own key alone ([`Stage`] has no other); it may repeat whatever it has heard.

mod equivocator;
mod forger;
mod height_liar;
mod replayer;
mod round_racer;
mod stage;
mod timid;
mod withholder;

pub use stage::{Block, Said, Stage};

use crate::{flavour::Flavour, scenario::Actor};
use qbft::Message;

/// How an actor behaves; by default as its honest core does.
pub trait Behaviour<F: Flavour> {
    /// The core wants this sent to all.
    fn speak(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        stage.tell_all(message);
    }
    /// A message came in; the core gets it too, afterwards.
    fn hear(&mut self, _stage: &mut Stage<'_, F>, _message: &Message<Block<F>>) {}
    /// A second has passed.
    fn wake(&mut self, _stage: &mut Stage<'_, F>) {}
}

/// The behaviour of an actor. Twins are two honest cores; what a flapper does, it does where it builds
/// ([`crate::flavour::Order::flaps`]).
#[must_use]
pub fn behaviour<F: Flavour>(actor: Actor) -> Option<Box<dyn Behaviour<F>>> {
    match actor {
        Actor::Equivocator | Actor::Flapper => Some(Box::new(equivocator::Equivocator)),
        Actor::Silent => Some(Box::new(timid::Silent)),
        Actor::Slow => Some(Box::new(timid::Slow)),
        Actor::Replayer => Some(Box::new(replayer::Replayer::default())),
        Actor::Forger => Some(Box::new(forger::Forger::default())),
        Actor::Withholder => Some(Box::new(withholder::Withholder::default())),
        Actor::HeightLiar => Some(Box::new(height_liar::HeightLiar::default())),
        Actor::RoundRacer => Some(Box::new(round_racer::RoundRacer::default())),
        Actor::Twins => None,
    }
}
