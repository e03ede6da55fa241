//! Many seeds, one seed, one plan.

use super::{long, per};
use qbft_sim::{
    Outcome,
    cores::{on_every_core, until_found},
    draw::{Profile, draw},
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

/// Runs seeds of all sizes, and a long schedule now and then, for some hours or until stopped; `true` if no promise was
/// broken. The first broken one ends the night and is shrunk.
pub(crate) fn night(from: u64, hours: f64) -> bool {
    let (started, minutes, done) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
    let virtual_ms = AtomicU64::new(0);
    let limit = (hours > 0.0).then(|| Duration::from_secs_f64(hours * 3_600.0));
    let line = |violations: usize| {
        let (count, seconds) = (done.load(Ordering::Relaxed), started.elapsed().as_secs_f64());
        format!(
            "scenarios={count} per-second={:.0} virtual-days={} violations={violations}",
            per(count, seconds),
            virtual_ms.load(Ordering::Relaxed) / 86_400_000,
        )
    };
    let failed = until_found(
        |_| {
            let minute = started.elapsed().as_secs() / 60;
            if minutes.fetch_max(minute, Ordering::Relaxed) < minute {
                println!("after {minute} min: {}", line(0));
            }
            limit.is_none_or(|limit| started.elapsed() < limit)
        },
        |index| {
            let outcome = at_night(index, from.saturating_add(index));
            done.fetch_add(1, Ordering::Relaxed);
            virtual_ms.fetch_add(outcome.duration_ms, Ordering::Relaxed);
            outcome.violation.is_some().then_some(outcome)
        },
    );
    for (index, outcome) in &failed {
        let again = if is_long(*index) { "sim-long DAYS=1 FROM" } else { "sim MIXED=1 SEED" };
        let seed = from.saturating_add(*index);
        println!("seed {seed}: {:?}; replay with `make {again}={seed}`", outcome.violation);
    }
    if let Some((index, outcome)) = failed.first() {
        let seed = from.saturating_add(*index);
        if is_long(*index) {
            long::shrink(seed, LONG_DAYS, outcome.duration_ms);
        } else {
            replay(&draw(seed, Profile::default()));
        }
    }
    println!("{}", line(failed.len()));
    failed.is_empty()
}

const fn is_long(index: u64) -> bool {
    index % LONG_EVERY == LONG_EVERY - 1
}

fn at_night(index: u64, seed: u64) -> Outcome {
    if is_long(index) { long::run_days(seed, LONG_DAYS) } else { qbft_sim::run(seed, Profile::default()) }
}
