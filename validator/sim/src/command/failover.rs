//! `--failover`: identities that move between processes, by seed; then every known mistake, which must be found.

use qbft_sim::{
    cores::{on_every_core, until_found},
    failover::{Cause, Flaw, Report, Violation, run},
};
use std::time::Instant;

/// A mistake that this many scenarios do not show is not found.
const FLAW_SEEDS: u64 = 20_000;

#[derive(Default)]
struct Sum {
    failovers: u64,
    signed: u64,
    swaps: u64,
    conflicts: u64,
    broken: u64,
    downtimes: Vec<(Cause, u64)>,
}

/// Runs seeds `from..from + seeds`; whether every promise was kept and every mistake found.
pub(crate) fn run_seeds(from: u64, seeds: u64) -> bool {
    let began = Instant::now();
    let reports = on_every_core(|index| index < seeds, |index| Some(run(from + index, None)));
    let sum = add_up(from, reports);
    let rate = super::per(seeds, began.elapsed().as_secs_f64());
    println!(
        "scenarios={seeds} per-second={rate:.0} votes={} swaps={} broken-promises={}",
        sum.signed, sum.swaps, sum.broken
    );
    let causes = [
        ("planned", Cause::Planned),
        ("crash", Cause::Crash),
        ("pause", Cause::Pause),
        ("several", Cause::Several),
    ];
    for (name, cause) in causes {
        let mut of_cause: Vec<u64> =
            sum.downtimes.iter().filter(|(of, _)| *of == cause).map(|(_, ms)| *ms).collect();
        let [p50, p99, max] = percentiles(&mut of_cause);
        println!("downtime cause={name} failovers={} p50-ms={p50} p99-ms={p99} max-ms={max}", of_cause.len());
    }
    let missed = Flaw::ALL.into_iter().filter(|flaw| !is_found(*flaw)).count();
    println!("mistakes={} found={}", Flaw::ALL.len(), Flaw::ALL.len() - missed);
    let mut all: Vec<u64> = sum.downtimes.iter().map(|(_, ms)| *ms).collect();
    let [p50, p99, max] = percentiles(&mut all);
    println!(
        "failovers={} conflicting-signatures={} downtime-p50-ms={p50} downtime-p99-ms={p99} downtime-max-ms={max}",
        sum.failovers, sum.conflicts
    );
    sum.broken == 0 && missed == 0
}

fn add_up(from: u64, reports: Vec<(u64, Report)>) -> Sum {
    let mut sum = Sum::default();
    for (index, report) in reports {
        if let Some(violation) = &report.violation {
            if sum.broken < 10 {
                println!("seed {}: {violation:?}", from + index);
            }
            sum.broken += 1;
            sum.conflicts += u64::from(matches!(violation, Violation::Conflict { .. }));
        }
        sum.failovers += report.failovers;
        sum.signed += report.signed;
        sum.swaps += report.swaps;
        sum.downtimes.extend(report.downtimes);
    }
    sum
}

/// Whether some seed shows the mistake, and as what.
fn is_found(flaw: Flaw) -> bool {
    let found = until_found(
        |index| index < FLAW_SEEDS,
        |seed| run(seed, Some(flaw)).violation.filter(|violation| *violation != Violation::Stuck),
    );
    match found.first() {
        Some((seed, violation)) => println!("mistake {flaw:?}: found by seed {seed}, {violation:?}"),
        None => println!("mistake {flaw:?}: not found by {FLAW_SEEDS} seeds"),
    }
    !found.is_empty()
}

fn percentiles(values: &mut [u64]) -> [u64; 3] {
    values.sort_unstable();
    let at = |share: usize| values.get((values.len() * share / 100).min(values.len().saturating_sub(1)));
    [at(50), at(99), values.last()].map(|value| value.copied().unwrap_or(0))
}
