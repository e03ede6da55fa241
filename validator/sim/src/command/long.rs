//! Long schedules: four nodes, one block every two seconds, and a fault now and then.

use super::{on_every_core, per};
use qbft_sim::{
    Outcome,
    fault::{Fault, Lost, Nodes},
    rng::Rng,
    scenario::Scenario,
    world::World,
};
use std::time::Instant;

const SEATS: usize = 4;
const DAY_MS: u64 = 86_400_000;
const YEAR_DAYS: f64 = 365.25;
/// One fault in each of these.
const EVERY_MS: u64 = 30 * 60_000;

/// The schedule of a seed.
pub(crate) fn schedule(seed: u64, days: u64) -> Outcome {
    let mut rng = Rng::new(seed);
    let mut scenario = Scenario {
        seed: rng.next(),
        period_ms: 2_000,
        kept_blocks: 4_096,
        skew_ms: 50,
        disk_ms: 2,
        execution_ms: 5,
        ..Scenario::calm(SEATS, u64::MAX)
    };
    let end = days * DAY_MS;
    for at in (EVERY_MS..end).step_by(usize::try_from(EVERY_MS).unwrap_or(1)) {
        let begin = at - rng.below(EVERY_MS / 2);
        scenario.faults.push(fault(&mut rng, begin));
    }
    let mut world = World::new(scenario);
    world.run_until(end);
    world.outcome()
}

fn fault(rng: &mut Rng, at: u64) -> Fault {
    let node = usize::try_from(rng.below(SEATS as u64)).unwrap_or(0);
    let lasts = rng.pick(&[1_000, 10_000, 60_000, 600_000]);
    let until = at + lasts;
    let (from, to) = (Nodes(rng.next()), Nodes(rng.next()));
    match rng.below(8) {
        0 => Fault::Crash { node, at, for_ms: lasts },
        1 => Fault::LoseDisk { node, at, for_ms: lasts, lost: Lost::Journal },
        2 => Fault::Cut { from, to, at, until },
        3 => Fault::Delay { from, to, at, until, min_ms: 100, max_ms: 2_000 },
        4 => Fault::Loss { from, to, at, until, per_mille: 300 },
        5 => Fault::SlowDisk { node, at, until, ms: 400 },
        6 => Fault::Freeze { node, at, until },
        _ => Fault::Cut { from: Nodes::one(node), to: Nodes::ALL, at, until },
    }
}

/// Virtual days, one seed each, on every core; `true` if no promise was broken.
pub(crate) fn run(from: u64, days: u64) -> bool {
    let started = Instant::now();
    let outcomes = on_every_core(|day| day < days, |day| Some(schedule(from.saturating_add(day), 1)));
    let hours = started.elapsed().as_secs_f64() / 3_600.0;
    let (mut events, mut violations) = (0, 0);
    for (day, outcome) in &outcomes {
        events += outcome.events;
        if let Some(violation) = &outcome.violation {
            violations += 1;
            let seed = from + day;
            println!("seed {seed}: {violation:?}; replay with `make sim-long DAYS=1 FROM={seed}`");
        }
    }
    let years = per(days, YEAR_DAYS);
    println!(
        "virtual-days={days} events={events} virtual-years-per-hour={:.2} violations={violations}",
        years / hours.max(1e-6)
    );
    violations == 0
}
