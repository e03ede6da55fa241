//! Runs scenarios and says how many promises they broke.

mod command;

use clap::Parser;
use command::{failover, long, recovery, reseat, seeds, soak};
use qbft_sim::{draw::Profile, scenario::Scenario};
use std::process::ExitCode;

/// Simulated QBFT networks, one per seed.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
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
    /// Seats.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Heights that every live node has to reach; 20, and fewer for many seats, unless given.
    #[arg(long)]
    heights: Option<u64>,
    /// Draw the seats of each seed, from 1 to 31.
    #[arg(long)]
    mixed: bool,
    /// Go on with seeds of all sizes and long schedules for so many hours (0: until stopped).
    #[arg(long)]
    night: Option<f64>,
    /// Four nodes for so many virtual days, with a fault now and then.
    #[arg(long)]
    long: Option<u64>,
    /// `--nodes` nodes for so many virtual hours of 2 s blocks without a fault: memory and messages.
    #[arg(long)]
    soak: Option<u64>,
    /// First block after a quorum is back, with so many seeds a case.
    #[arg(long)]
    recovery: Option<u64>,
    /// Identities that move between processes, with so many seeds; and every known mistake.
    #[arg(long)]
    failover: Option<u64>,
    /// Seats lost for good and others named, with so many seeds.
    #[arg(long)]
    reseat: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seats = (!arguments.mixed).then_some(arguments.nodes);
    let profile = Profile { seats, heights: arguments.heights };
    let is_good = if let Some(plan) = &arguments.plan {
        match plan.parse::<Scenario>() {
            Ok(scenario) => seeds::replay(&scenario),
            Err(error) => {
                println!("{error}");
                false
            }
        }
    } else if let Some(seed) = arguments.seed {
        seeds::replay(&qbft_sim::draw::draw(seed, profile))
    } else if let Some(seeds) = arguments.recovery {
        recovery::run(seeds)
    } else if let Some(seeds) = arguments.failover {
        failover::run_seeds(arguments.from, seeds)
    } else if let Some(seeds) = arguments.reseat {
        reseat::run(seeds)
    } else if let Some(hours) = arguments.soak {
        soak::run(arguments.nodes, hours)
    } else if let Some(days) = arguments.long {
        long::run(arguments.from, days)
    } else if let Some(hours) = arguments.night {
        seeds::night(arguments.from, hours)
    } else {
        seeds::run(arguments.from, arguments.seeds, profile)
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
