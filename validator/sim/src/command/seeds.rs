//! Many seeds, one seed, one plan.

use super::{long, on_every_core, per};
use qbft_sim::{
    draw::{Profile, draw},
    oracle::Violation,
    play,
    scenario::Scenario,
    shrink::shrink,
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How many failing seeds are named.
const NAMED: usize = 10;
/// At night, one job in so many is a long schedule.
const LONG_EVERY: u64 = 2_000;
/// Virtual days of a long schedule at night.
const LONG_DAYS: u64 = 1;

/// Runs seeds; `true` if no promise was broken. The first that breaks one is shrunk.
pub(crate) fn run(from: u64, seeds: u64, profile: Profile) -> bool {
    let started = Instant::now();
    let failed = on_every_core(
        |index| index < seeds,
        |index| qbft_sim::run(from.saturating_add(index), profile).violation,
    );
    let seconds = started.elapsed().as_secs_f64();
    for (index, violation) in failed.iter().take(NAMED) {
        let seed = from + index;
        println!("seed {seed}: {violation:?}; replay with `make sim SEED={seed}{}`", flags(profile));
    }
    if let Some((index, _)) = failed.first() {
        replay(&draw(from + index, profile));
    }
    println!("scenarios={seeds} per-second={:.0} violations={}", per(seeds, seconds), failed.len());
    failed.is_empty()
}

fn flags(profile: Profile) -> String {
    let nodes = profile.seats.map_or(" MIXED=1".to_string(), |seats| match seats {
        4 => String::new(),
        seats => format!(" NODES={seats}"),
    });
    profile.heights.map_or(nodes.clone(), |heights| format!("{nodes} HEIGHTS={heights}"))
}

/// Runs one scenario and says how it went; what breaks a promise is shrunk, and the smaller plan printed.
pub(crate) fn replay(scenario: &Scenario) -> bool {
    println!("plan: {scenario}");
    let outcome = play(scenario.clone());
    println!("{outcome:?}");
    let Some(violation) = &outcome.violation else { return true };
    let run = |scenario: &Scenario| play(scenario.clone()).violation;
    let (small, violation) = shrink(scenario, violation, run);
    println!("shrunk to {violation:?}; replay with `make sim PLAN=\"{small}\"`");
    false
}

/// Runs seeds of all sizes, and a long schedule now and then, for some hours or until stopped.
pub(crate) fn night(from: u64, hours: f64) -> bool {
    let (started, minutes, done) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
    let (seen, virtual_ms) = (AtomicU64::new(0), AtomicU64::new(0));
    let limit = (hours > 0.0).then(|| Duration::from_secs_f64(hours * 3_600.0));
    let line = || {
        let (count, seconds) = (done.load(Ordering::Relaxed), started.elapsed().as_secs_f64());
        format!(
            "scenarios={count} per-second={:.0} virtual-days={} violations={}",
            per(count, seconds),
            virtual_ms.load(Ordering::Relaxed) / 86_400_000,
            seen.load(Ordering::Relaxed)
        )
    };
    let failed: Vec<(u64, Violation)> = on_every_core(
        |_| {
            let minute = started.elapsed().as_secs() / 60;
            if minutes.fetch_max(minute, Ordering::Relaxed) < minute {
                println!("after {minute} min: {}", line());
            }
            limit.is_none_or(|limit| started.elapsed() < limit)
        },
        |index| {
            let seed = from.saturating_add(index);
            let outcome = if index % LONG_EVERY == LONG_EVERY - 1 {
                long::schedule(seed, LONG_DAYS)
            } else {
                qbft_sim::run(seed, Profile::default())
            };
            done.fetch_add(1, Ordering::Relaxed);
            virtual_ms.fetch_add(outcome.duration_ms, Ordering::Relaxed);
            let violation = outcome.violation?;
            seen.fetch_add(1, Ordering::Relaxed);
            let is_long = index % LONG_EVERY == LONG_EVERY - 1;
            let again = if is_long { "sim-long DAYS=1 FROM" } else { "sim MIXED=1 SEED" };
            println!("seed {seed}: {violation:?}; replay with `make {again}={seed}`");
            Some(violation)
        },
    );
    println!("{}", line());
    failed.is_empty()
}
