//! Identities that move: several processes with one key, spares with the keys of several, a store that delays, loses answers and shows old versions, and
//! processes that stand still, die, come back with an old disk, or run twice by mistake. The fence under them is the one
//! that ships; the voter is a small one of its own, more hostile than a core: whoever holds the identity would rather vote
//! for another block than the holder before.
//!
//! One seed is one scenario, byte for byte. [`flaw`] lists ways to get this wrong, each of which must be found.

pub mod draw;
pub mod flaw;
pub mod oracle;
pub mod process;
pub mod store;
pub mod world;

pub use flaw::Flaw;
pub use oracle::Violation;
pub use world::{Cause, Report};

/// Runs the scenario of a seed.
#[must_use]
pub fn run(seed: u64, flaw: Option<Flaw>) -> Report {
    world::World::new(draw::draw(seed), flaw).run()
}
