//! Many validators for a day without a fault: memory stays flat, and a block costs as many messages as the formula says.

use super::per;
use qbft::{Footprint, Phase};
use qbft_sim::{
    scenario::Scenario,
    symbolic::SymbolicChain,
    world::{Sent, World},
};
use std::{fs, time::Instant};

const HOUR_MS: u64 = 3_600_000;
/// Parts of the run that are compared.
const PARTS: u64 = 4;
/// The process may grow by so much from the first part's end to the last one's.
const GROWTH_PERCENT: f64 = 5.0;

/// State at the end of a part.
struct Reading {
    heights: u64,
    sent: Sent,
    kept: usize,
    rss_kib: u64,
}

fn read(world: &mut World<SymbolicChain>) -> Reading {
    let kept = world.take_heaviest();
    Reading { heights: world.highest(), sent: *world.sent(), kept, rss_kib: rss_kib() }
}

/// Resident memory of this process.
fn rss_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

/// Messages of a block that is decided in round 0, by phase: PROPOSAL, PREPARE, COMMIT, ROUND-CHANGE. Every validator
/// is connected to every other one, and nothing is relayed.
fn formula(validators: u64) -> [u64; 4] {
    let others = validators - 1;
    [others, validators * others, validators * others, 0]
}

/// Runs and prints; `true` if nothing was broken, memory was flat and the formula right.
pub(crate) fn run(seats: usize, hours: u64) -> bool {
    let started = Instant::now();
    let scenario = Scenario { period_ms: 2_000, kept_blocks: 64, ..Scenario::calm(seats, u64::MAX) };
    let mut world = World::new(scenario);
    let mut readings = vec![read(&mut world)];
    println!(
        "{:>8} {:>8} {:>10} {:>12} {:>9} {:>8}",
        "part", "heights", "rss-kib", "core-keeps", "seconds", "sent"
    );
    for part in 1..=PARTS {
        // Blocks are due at odd seconds: at an even one every message of the last is on its way.
        world.run_until(hours * HOUR_MS * part / PARTS / 2_000 * 2_000);
        let reading = read(&mut world);
        let (heights, sent) = (reading.heights, reading.sent.by_phase.iter().sum::<u64>());
        let (kept, rss, seconds) = (reading.kept, reading.rss_kib, started.elapsed().as_secs());
        println!("{part:>8} {heights:>8} {rss:>10} {kept:>12} {seconds:>9} {sent:>8}");
        readings.push(reading);
    }
    report(&world, &readings, seats)
}

fn report(world: &World<SymbolicChain>, readings: &[Reading], seats: usize) -> bool {
    let (Some(first), Some(last)) = (readings.get(1), readings.last()) else { return false };
    let expected = formula(seats as u64);
    let phases = [Phase::Proposal, Phase::Prepare, Phase::Commit, Phase::RoundChange];
    println!("{:>14} {:>14} {:>14}", "per block", "measured", "formula");
    let mut is_exact = true;
    for (phase, want) in phases.into_iter().zip(expected) {
        let got = last.sent.of(phase);
        is_exact &= got == want * last.heights;
        println!("{:>14} {:>14.3} {want:>14}", phase.label(), per(got, per(last.heights, 1.0)));
    }
    let growth = (per(last.rss_kib, per(first.rss_kib, 1.0)) - 1.0) * 100.0;
    let bound = Footprint::bound(seats).total();
    let kept = readings.iter().map(|reading| reading.kept).max().unwrap_or(0);
    let sent: u64 = last.sent.by_phase.iter().sum();
    let violations = u64::from(world.violation().is_some());
    if let Some(violation) = world.violation() {
        println!("{violation:?}");
    }
    println!(
        "validators={seats} heights={} rss-growth-percent={growth:.1} core-keeps={kept} core-bound={bound} \
         messages-per-block={:.3} formula={} violations={violations}",
        last.heights,
        per(sent, per(last.heights, 1.0)),
        expected.iter().sum::<u64>(),
    );
    violations == 0 && is_exact && growth <= GROWTH_PERCENT && kept <= bound
}
