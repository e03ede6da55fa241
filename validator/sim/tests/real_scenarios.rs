//! Real schedules by seed: a few whenever tests run, as many as wanted by `make sim-real`.

use clap::Parser;
use qbft_sim::{Outcome, cores::on_every_core, real, scenario::Scenario, shrink::shrink};
use std::{process::ExitCode, time::Instant};

/// Simulated networks with real keys, bytes, ledgers and the contract, one per seed.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 12)]
    seeds: u64,
    /// First seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this seed alone, and shrink it if it breaks a promise.
    #[arg(long)]
    seed: Option<u64>,
    /// Run this plan alone, a line as printed for a seed.
    #[arg(long)]
    plan: Option<String>,
}

fn main() -> ExitCode {
    let ours = ["--seeds", "--from", "--seed", "--plan", "--help"];
    if std::env::args().nth(1).is_some_and(|first| !ours.contains(&first.as_str())) {
        // `cargo test -- <filter>` hands its words to every test binary.
        println!("real scenarios: not asked for");
        return ExitCode::SUCCESS;
    }
    let Arguments { seeds, from, seed, plan } = Arguments::parse();
    let alone = match plan.map(|plan| plan.parse::<Scenario>()) {
        Some(Ok(scenario)) => Some(scenario),
        Some(Err(error)) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
        None => seed.map(real::scenario),
    };
    if let Some(scenario) = alone {
        return if replay(&scenario) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let started = Instant::now();
    let failed = sweep(from, seeds);
    for (seed, why) in failed.iter().take(10) {
        println!("seed {seed}: {why}; replay with `make sim-real SEED={seed}`");
    }
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let rate = seeds as f64 / seconds.max(0.001);
    println!("real-scenarios={seeds} per-second={rate:.1} violations={}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one scenario and says how it went; what breaks a promise is shrunk. `true` if none was broken.
fn replay(scenario: &Scenario) -> bool {
    println!("plan: {scenario}");
    let outcome = real::run(scenario.clone());
    println!("{outcome:?}");
    let Ok(Outcome { violation, .. }) = outcome else { return false };
    let Some(violation) = violation else { return true };
    let (small, violation) = shrink(scenario, &violation, |less| real::run(less.clone()).ok()?.violation);
    println!("shrunk to {violation:?}; replay with `make sim-real PLAN=\"{small}\"`");
    false
}

/// Runs seeds on every core; those that broke a promise, and which.
fn sweep(from: u64, seeds: u64) -> Vec<(u64, String)> {
    let why = |seed| match real::run(real::scenario(seed)) {
        Ok(outcome) => outcome.violation.map(|violation| format!("{violation:?}")),
        Err(fault) => Some(fault.to_string()),
    };
    let failed = on_every_core(|index| index < seeds, |index| why(from.saturating_add(index)));
    failed.into_iter().map(|(index, why)| (from.saturating_add(index), why)).collect()
}
