//! The real flavour: secp256k1 keys, every message through its bytes, blocks built and executed by the ledger (revm, two
//! files per node), the governance contract in the genesis, and one more ledger that nobody votes with: an observer that
//! imports the chain from block 0 and checks every seal.
//!
//! A seed is one schedule here too: signatures are deterministic (RFC 6979), and neither clock nor disk decides anything.

mod accounts;
mod block;
mod flavour;
mod network;
mod store;

pub use block::RealBlock;
pub use network::{Fault, RealChain};

use crate::{
    Outcome,
    draw::{self, Profile},
    oracle::Violation,
    rng::Rng,
    scenario::Scenario,
    world::World,
};

/// The scenario of a seed: what symbolic networks suffer, on fewer heights, and always with a set that changes.
#[must_use]
pub fn scenario(seed: u64) -> Scenario {
    let mut rng = Rng::new(!seed);
    let (seats, heights) = (rng.pick(&[1, 2, 3, 4, 4, 4, 5, 7]), rng.between(3, 8));
    let mut scenario = draw::draw(seed, Profile::fixed(seats, heights));
    if scenario.course.is_none() {
        draw::draw_course(&mut scenario, &mut rng);
    }
    scenario
}

/// Runs a scenario on real ledgers; one without a course has every seat validate for ever.
pub fn run(scenario: Scenario) -> Result<Outcome, Fault> {
    let chain = RealChain::new(&scenario)?;
    let mut world = World::with_flavour(scenario, chain);
    world.run_until(u64::MAX);
    let mut outcome = world.outcome();
    if let Some((node, reason)) = world.flavour().fault() {
        let (height, reason) = (world.highest(), reason.to_string());
        outcome.violation = Some(Violation::Refused { node, height, reason });
    }
    Ok(outcome)
}
