//! The table, the JSON document and the last line.

use crate::run::{LATE_REFUSALS, Result, VAULTS};
use std::path::Path;

const MISSED_PERCENT: f64 = 1.0;
const ADDED_P99: f64 = 3.0;
const FULL_STRENGTH_SECONDS: f64 = 6.0;
/// Between two blocks, when the vaults are overloaded or one is away.
pub(crate) const LONGEST_GAP_SECONDS: u32 = 30;

/// Writes the JSON document.
pub(crate) fn keep(result: &Result, out: &Path) -> anyhow::Result<()> {
    if let Some(dir) = out.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(out, serde_json::to_string_pretty(result)? + "\n")?;
    println!("{}", out.display());
    Ok(())
}

/// Each bar that the figures do not hold.
pub(crate) fn missed_bars(result: &Result) -> Vec<String> {
    let mut missed = Vec::new();
    let mut hold = |name: &str, value: f64, bar: f64| {
        if value.is_nan() || value > bar {
            missed.push(format!("{name} is {value:.2}, at most {bar:.2} is wanted"));
        }
    };
    hold("missed-percent", result.missed_percent, MISSED_PERCENT);
    hold("added-p99-over-latency", result.added_p99_over_latency, ADDED_P99);
    hold("conflicts", if conflicts(result) == 0 { 0.0 } else { f64::INFINITY }, 0.0);
    hold("forks", if result.forks == 0 { 0.0 } else { f64::INFINITY }, 0.0);
    if result.with_outage {
        hold(
            "full-strength-seconds",
            result.full_strength_seconds.unwrap_or(f64::NAN),
            FULL_STRENGTH_SECONDS,
        );
    }
    for phase in result.phases.iter().filter(|phase| phase.name == LATE_REFUSALS) {
        hold("missed-percent with late refusals", phase.missed_percent, MISSED_PERCENT);
    }
    for phase in &result.phases {
        let gap = if phase.blocks == 0 { f64::NAN } else { phase.longest_gap_seconds };
        hold(&format!("longest gap of {}", phase.name), gap, f64::from(LONGEST_GAP_SECONDS));
    }
    missed
}

fn conflicts(result: &Result) -> u64 {
    result.audit.conflicts + result.journal_conflicts
}

/// Prints everything for people, then the line for machines.
pub(crate) fn print(result: &Result) {
    println!(
        "{} validators, a vault each, {} ms and {} ms of way, {} % throttled, blocks every {} s",
        result.validators, result.latency_ms, result.network_ms, result.throttled_percent, result.period_s
    );
    println!(
        "{:15} {:>6} {:>8} {:>7} {:>11} {:>11} {:>13}  by seat, missed %",
        "phase", "blocks", "missed %", "late %", "vote p50 ms", "vote p99 ms", "longest gap s"
    );
    for phase in &result.phases {
        let seats: Vec<String> =
            phase.missed_percent_by_seat.iter().map(|seat| format!("{seat:.2}")).collect();
        println!(
            "{:15} {:6} {:8.2} {:7.2} {:11.1} {:11.1} {:13.2}  {}",
            phase.name,
            phase.blocks,
            phase.missed_percent,
            phase.late_percent,
            phase.vote_p50_ms,
            phase.vote_p99_ms,
            phase.longest_gap_seconds,
            seats.join(" ")
        );
    }
    for phase in result.phases.iter().filter(|phase| !phase.vaults.is_empty()) {
        let vaults: Vec<String> =
            phase.vaults.iter().map(|(what, count)| format!("{what} {count}")).collect();
        println!("asked in {}: {}", phase.name, vaults.join(", "));
    }
    for bar in missed_bars(result) {
        println!("missed: {bar}");
    }
    let phase = |name: &str| result.phases.iter().find(|phase| phase.name == name);
    let full =
        result.full_strength_seconds.map_or_else(|| "none".to_owned(), |seconds| format!("{seconds:.2}"));
    println!(
        "missed-percent={:.2} added-p99-over-latency={:.2} conflicts={} late-percent={:.2} added-p99-with-late-refusals={:.2} unexplained={} forks={} round-changes={} signatures={} overload-blocks={} away-blocks={} full-strength-seconds={full}",
        result.missed_percent,
        result.added_p99_over_latency,
        conflicts(result),
        phase(VAULTS).map_or(0.0, |phase| phase.late_percent),
        result.added_p99_with_late_refusals,
        result.audit.unexplained,
        result.forks,
        result.round_changes,
        result.audit.signatures,
        phase("overload").map_or(0, |phase| phase.blocks),
        ["vault refuses", "vault hangs"]
            .iter()
            .filter_map(|name| phase(name))
            .map(|phase| phase.blocks)
            .sum::<u64>(),
    );
}
