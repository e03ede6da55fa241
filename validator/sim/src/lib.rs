//! A seeded network around the core: links that delay, lose, double and reorder, cuts both ways or one way, clocks that
//! are stepped, slow disks, crashes at every persist, sign and send, restarts with the journal or without, seats that die
//! for good, and Byzantine seats ([`byzantine`]). It sees only the core's public surface. What must never happen is in
//! [`oracle`]; one seed is one schedule, byte for byte.
//!
//! A scenario is drawn from a seed ([`draw`]) or written by hand ([`scenario::Scenario`], [`fault::Fault`]), and run by a
//! [`world::World`] of some [`flavour::Flavour`].

pub mod byzantine;
pub mod cores;
pub mod draw;
pub mod explore;
pub mod failover;
pub mod fault;
pub mod flavour;
pub mod governance;
pub mod governed;
pub mod journal;
pub mod node;
pub mod oracle;
pub mod plan;
#[cfg(feature = "real")]
pub mod real;
pub mod recovery;
pub mod reseat;
pub mod rng;
pub mod scenario;
pub mod shrink;
pub mod symbolic;
pub mod world;

pub use world::Outcome;

/// Runs the scenario of a seed.
#[must_use]
pub fn run(seed: u64, profile: draw::Profile) -> Outcome {
    play(draw::draw(seed, profile))
}

/// Runs a scenario with symbolic signatures.
#[must_use]
pub fn play(scenario: scenario::Scenario) -> Outcome {
    match scenario.course {
        Some(course) => {
            let chain = governed::GovernedChain::new(&scenario, course);
            world::World::with_flavour(scenario, chain).run()
        }
        None => world::World::new(scenario).run(),
    }
}
