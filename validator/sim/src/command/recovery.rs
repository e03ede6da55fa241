//! How soon after its quorum is back a halted network decides its next block, in virtual time.

use super::per;
use chain::quorum::quorum;
use qbft_sim::{
    cores::on_every_core,
    fault::{Fault, Nodes},
    rng::Rng,
    scenario::{Link, Scenario},
    world::World,
};

const SIZES: [usize; 5] = [4, 7, 10, 16, 31];
/// One way, shortest and longest, milliseconds.
const PATHS: [(&str, u64, u64); 2] = [("lan", 1, 5), ("wan", 270, 300)];
const OUTAGES_S: [u64; 3] = [10, 600, 86_400];
/// The network runs undisturbed until then.
const CALM_MS: u64 = 20_000;
/// A block that takes longer counts as never.
const PATIENCE_MS: u64 = 300_000;
/// Seats times seconds without a quorum that one case may simulate: the larger ones have fewer seeds.
const BUDGET: u64 = 6_000_000;

/// How the quorum is lost and comes back.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// Processes are killed, one after the other, and all but the dead started again at once.
    Kill,
    /// The network falls into parts, all processes running; it heals, but some were killed meanwhile.
    Partition,
    /// Connections come back again and again, for less than a round takes.
    Flicker,
}

/// One line of the table.
#[derive(Clone, Copy)]
struct Case {
    seats: usize,
    path: (&'static str, u64, u64),
    loss: Loss,
    outage_s: u64,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for seats in SIZES {
        for path in PATHS {
            for loss in [Loss::Kill, Loss::Partition, Loss::Flicker] {
                cases.extend(OUTAGES_S.map(|outage_s| Case { seats, path, loss, outage_s }));
            }
        }
    }
    cases
}

/// Runs every case with so many seeds and prints the table; `true` if nothing was broken and all came on.
pub(crate) fn run(seeds: u64) -> bool {
    println!(
        "virtual time: blocks every 2 s, request timeout 1.5 s; when the quorum is back exactly Q seats live"
    );
    println!("seats  dead  path  quorum lost by  outage s  seeds  first block after s: p50  worst");
    let mut worst = Some(0);
    for case in cases() {
        let most = BUDGET / (case.outage_s * (case.seats * case.seats) as u64);
        let seeds = seeds.min(most.max(2));
        let results = on_every_core(|seed| seed < seeds, |seed| Some(measure(case, seed)));
        let mut delays: Vec<Option<u64>> = results.into_iter().map(|(_, delay)| delay).collect();
        // A block that never came is worse than any other.
        delays.sort_unstable_by_key(|delay| delay.unwrap_or(u64::MAX));
        let (p50, last) = (delays.get(delays.len() / 2).copied().flatten(), delays.last().copied().flatten());
        worst = worst.zip(last).map(|(worst, last): (u64, u64)| worst.max(last));
        let Case { seats, path: (path, ..), loss, outage_s } = case;
        let (dead, loss) = (seats - quorum(seats), format!("{loss:?}").to_lowercase());
        let (p50, last) = (seconds(p50), seconds(last));
        println!("{seats:5}  {dead:4}  {path}   {loss:14}  {outage_s:8}  {seeds:5}  {p50:>24}  {last:>5}");
    }
    println!("virtual-worst-recovery-seconds={}", seconds(worst));
    worst.is_some()
}

fn seconds(ms: Option<u64>) -> String {
    ms.map_or_else(|| "never".to_string(), |ms| format!("{:.2}", per(ms, 1_000.0)))
}

/// Milliseconds from the quorum's return to the next block; `None` if it does not come, or a promise is broken.
fn measure(case: Case, seed: u64) -> Option<u64> {
    let mut rng = Rng::new(seed ^ (case.seats as u64) << 32 ^ case.outage_s << 40);
    let mut scenario = Scenario {
        seed,
        period_ms: 2_000,
        request_timeout_ms: 1_500,
        timely: Link::delay(case.path.1, case.path.2),
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
