//! A quorum is lost for a while and comes back: how soon after that the next block is decided, in virtual time.

use crate::{
    fault::{Fault, Nodes},
    rng::Rng,
    scenario::{Link, Scenario},
    world::World,
};
use chain::quorum::quorum;

/// The next block comes this soon after the quorum is back, milliseconds.
pub const BAR_MS: u64 = 6_000;
/// The network runs undisturbed until then.
const CALM_MS: u64 = 20_000;
/// A block that takes longer counts as never.
const PATIENCE_MS: u64 = 300_000;

/// How the quorum is lost and comes back.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// Processes are killed, one after the other, and all but the dead started again at once.
    Kill,
    /// The network falls into parts, all processes running; it heals, but some were killed meanwhile.
    Partition,
    /// Connections come back again and again, for less than a round takes.
    Flicker,
}

impl Loss {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Kill, Self::Partition, Self::Flicker];
}

/// How long a message takes one way.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// For the table.
    pub name: &'static str,
    /// Milliseconds, shortest.
    pub least_ms: u64,
    /// Milliseconds, longest.
    pub most_ms: u64,
}

impl Path {
    /// Within a building and across the world.
    pub const ALL: [Self; 2] =
        [Self { name: "lan", least_ms: 1, most_ms: 5 }, Self { name: "wan", least_ms: 270, most_ms: 300 }];
}

/// One outage. When the quorum is back exactly Q seats live.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Validators.
    pub seats: usize,
    /// Between any two.
    pub path: Path,
    /// What happens.
    pub loss: Loss,
    /// For how long, seconds.
    pub outage_s: u64,
}

/// Milliseconds from the quorum's return to the next block; `None` if it does not come, or a promise is broken.
#[must_use]
pub fn measure(case: Case, seed: u64) -> Option<u64> {
    let mut rng = Rng::new(seed ^ (case.seats as u64) << 32 ^ case.outage_s << 40);
    let mut scenario = Scenario {
        seed,
        period_ms: 2_000,
        request_timeout_ms: 1_500,
        timely: Link::delay(case.path.least_ms, case.path.most_ms),
        disk_ms: 3,
        execution_ms: 20,
        skew_ms: 50,
        ..Scenario::calm(case.seats, u64::MAX)
    };
    // Any moment of a height and of the rounds after it.
    let lost_at = CALM_MS + rng.below(8_000);
    let back_at = lost_at + case.outage_s * 1_000;
    scenario.faults = faults(case, &mut rng, lost_at, back_at);
    let mut world = World::new(scenario);
    world.run_until(back_at);
    let height = world.highest();
    let came = world.run_while(back_at + PATIENCE_MS, |world| world.highest() == height);
    if let Some(violation) = world.violation() {
        eprintln!("seed {seed}: {violation:?}");
        return None;
    }
    came.then(|| world.now_ms() - back_at)
}

fn faults(case: Case, rng: &mut Rng, lost_at: u64, back_at: u64) -> Vec<Fault> {
    let seats = case.seats;
    // Neighbours, so that their turns come one after the other; which ones, the seed says.
    let (first, dead) = (rng.below(seats as u64), seats - quorum(seats));
    let seat = |offset: usize| (usize::try_from(first).unwrap_or(0) + offset) % seats;
    let soon = |rng: &mut Rng| lost_at + rng.below(4_000);
    let mut faults: Vec<Fault> = (0..dead)
        .map(|offset| Fault::Crash { node: seat(offset), at: soon(rng), for_ms: Fault::FOR_GOOD })
        .collect();
    match case.loss {
        Loss::Kill => {
            let more = 1 + usize::try_from(rng.below(quorum(seats) as u64)).unwrap_or(0);
            faults.extend((dead..dead + more).map(|offset| {
                let at = soon(rng);
                Fault::Crash { node: seat(offset), at, for_ms: back_at - at }
            }));
        }
        Loss::Partition => faults.extend(part(seats, rng, lost_at, back_at)),
        Loss::Flicker => {
            let mut at = lost_at;
            while at < back_at {
                let until = (at + rng.between(2_000, 20_000)).min(back_at);
                faults.extend(part(seats, rng, at, until));
                at = until + rng.between(1, 1_200);
            }
        }
    }
    faults
}

/// Halves at random, or everybody alone.
fn part(seats: usize, rng: &mut Rng, at: u64, until: u64) -> Vec<Fault> {
    if rng.chance(500) {
        return vec![Fault::Cut { from: Nodes::ALL, to: Nodes::ALL, at, until }];
    }
    let first = usize::try_from(rng.below(seats as u64)).unwrap_or(0);
    let side = (0..seats / 2).map(|offset| (first + offset) % seats).collect();
    Fault::split(side, at, until).into()
}
