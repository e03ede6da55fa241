//! Long schedules: four nodes, one block every two seconds, and a fault now and then.

use super::{per, seeds::replay};
use qbft_sim::{
    Outcome,
    cores::on_every_core,
    fault::{Fault, Lost, Nodes},
    rng::Rng,
    scenario::Scenario,
    world::World,
};
use std::time::Instant;

const SEATS: usize = 4;
/// Between blocks.
const PERIOD_MS: u64 = 2_000;
const DAY_MS: u64 = 86_400_000;
const YEAR_DAYS: f64 = 365.25;
/// One fault in each of these.
const EVERY_MS: u64 = 30 * 60_000;

/// The schedule of a seed: so many days at least.
fn draw(seed: u64, days: u64) -> Scenario {
    let mut rng = Rng::new(seed);
    let end = days * DAY_MS;
    let mut scenario = Scenario {
        seed: rng.next(),
        period_ms: PERIOD_MS,
        kept_blocks: 4_096,
        skew_ms: 50,
        disk_ms: 2,
        execution_ms: 5,
        // One block more than there is time for.
        ..Scenario::calm(SEATS, end / PERIOD_MS + 1)
    };
    for at in (EVERY_MS..end).step_by(usize::try_from(EVERY_MS).unwrap_or(1)) {
        let begin = at - rng.below(EVERY_MS / 2);
        scenario.faults.push(fault(&mut rng, begin));
    }
    scenario
}

/// Runs the schedule of a seed for so many days, and no longer.
pub(crate) fn run_days(seed: u64, days: u64) -> Outcome {
    let mut world = World::new(draw(seed, days));
    world.run_until(days * DAY_MS);
    world.outcome()
}

/// Shrinks what the schedule of a seed broke after so long; nothing after that is run.
pub(crate) fn shrink(seed: u64, days: u64, duration_ms: u64) {
    replay(&Scenario { heights: duration_ms / PERIOD_MS + 1, ..draw(seed, days) });
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

/// Virtual days, one seed each, on every core; `true` if no promise was broken. The first that breaks one is shrunk.
pub(crate) fn run(from: u64, days: u64) -> bool {
    let started = Instant::now();
    let outcomes = on_every_core(|day| day < days, |day| Some(run_days(from.saturating_add(day), 1)));
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
    if let Some((day, outcome)) = outcomes.iter().find(|(_, outcome)| outcome.violation.is_some()) {
        shrink(from + day, 1, outcome.duration_ms);
    }
    let years = per(days, YEAR_DAYS);
    println!(
        "virtual-days={days} events={events} virtual-years-per-hour={:.2} violations={violations}",
        years / hours.max(1e-6)
    );
    violations == 0
}
