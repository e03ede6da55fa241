//! Seats lost for good, and what the network does once the admins have named others: it goes on, and nothing forks,
//! whenever and in whatever order the nodes hear of the record.

use crate::{
    fault::{Fault, Nodes},
    oracle::Violation,
    rng::Rng,
    scenario::{Link, Scenario},
    symbolic::SymbolicChain,
    world::World,
};
use chain::quorum::quorum;

/// How long the network has for its first block after the last node has heard.
const PATIENCE_MS: u64 = 60_000;
/// Blocks that have to follow.
const BLOCKS: u64 = 3;

/// How a seed ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It went on, so many milliseconds after the record was there.
    WentOn(u64),
    /// Only lost nodes had the newest block, so nobody signed: the risk that the record's page names.
    NotSigned,
    /// A promise was broken.
    Broken(Violation),
    /// It did not go on.
    Stuck,
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64) -> Ending {
    let mut rng = Rng::new(seed);
    let seats = usize::try_from(rng.between(2, 10)).unwrap_or(2);
    let new = usize::try_from(rng.below(4)).unwrap_or(0);
    let (scenario, at, spread_ms) = scenario(seed, &mut rng, seats, new);
    let flavour = SymbolicChain::seating(&scenario, seats);
    let mut world = World::with_flavour(scenario, flavour);
    world.run_until(at);
    let height = world.highest();
    let until = at + spread_ms + PATIENCE_MS;
    let came = world.run_while(until, |world| world.highest() == height);
    let after_ms = world.now_ms().saturating_sub(at);
    world.run_while(until, |world| world.lowest() < height + BLOCKS);
    match world.violation() {
        Some(violation) => Ending::Broken(violation.clone()),
        None if !world.is_reseated() => Ending::NotSigned,
        None if came && world.lowest() >= height + BLOCKS => Ending::WentOn(after_ms),
        None => Ending::Stuck,
    }
}

/// Too many of the first `seats` die; some of the others restart, are cut off and hear of the record late.
fn scenario(seed: u64, rng: &mut Rng, seats: usize, new: usize) -> (Scenario, u64, u64) {
    let most_ms = rng.pick(&[5, 50, 400]);
    let mut scenario = Scenario {
        seed,
        period_ms: 1_000,
        request_timeout_ms: 1_500,
        timely: Link::delay(1, most_ms),
        disk_ms: rng.below(20),
        execution_ms: rng.below(20),
        skew_ms: 50,
        ..Scenario::calm(seats + new, u64::MAX)
    };
    let least = seats - quorum(seats) + 1;
    let lost = least + usize::try_from(rng.below((seats - least + 1) as u64)).unwrap_or(0);
    let first = usize::try_from(rng.below(seats as u64)).unwrap_or(0);
    let lost: Vec<usize> = (0..lost).map(|offset| (first + offset) % seats).collect();
    let lost_at = 3_000 + rng.below(5_000);
    let at = lost_at + 5_000 + 15_000;
    let spread_ms = rng.pick(&[0, 500, 5_000, 20_000]);
    scenario.faults = lost
        .iter()
        .map(|node| Fault::Crash { node: *node, at: lost_at + rng.below(3_000), for_ms: Fault::FOR_GOOD })
        .collect();
    let live: Vec<usize> = (0..seats + new).filter(|node| !lost.contains(node)).collect();
    for node in &live {
        if rng.chance(300) {
            let from = at + rng.below(spread_ms + 2_000);
            let for_ms = rng.between(100, 3_000);
            scenario.faults.push(Fault::Crash { node: *node, at: from, for_ms });
        }
    }
    if rng.chance(300) {
        let side = live.iter().copied().filter(|_| rng.chance(500)).collect();
        let from = at + rng.below(spread_ms + 1_000);
        scenario.faults.extend(Fault::split(side, from, from + rng.between(500, 8_000)));
    }
    scenario.faults.push(Fault::Reseat { seats: live.into_iter().collect::<Nodes>(), at, spread_ms });
    (scenario, at, spread_ms)
}
