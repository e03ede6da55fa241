//! Runs scenarios by seed and says how many promises they broke.

use clap::Parser;
use std::{process::ExitCode, time::Instant};

/// Simulated QBFT networks, one per seed.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// Run this seed alone, and print how it went.
    #[arg(long)]
    seed: Option<u64>,
    /// First seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Seats.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Heights that every live node has to reach.
    #[arg(long, default_value_t = 20)]
    heights: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        println!("{:#?}", qbft_sim::draw::draw(seed, arguments.nodes, arguments.heights));
        println!("{:#?}", qbft_sim::run(seed, arguments.nodes, arguments.heights));
    }
    let (from, seeds) = arguments.seed.map_or((arguments.from, arguments.seeds), |seed| (seed, 1));
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let failed = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (nodes, heights) = (arguments.nodes, arguments.heights);
                let mine = (from..from.saturating_add(seeds)).filter(move |seed| seed % threads == thread);
                scope.spawn(move || {
                    mine.filter_map(|seed| Some((seed, qbft_sim::run(seed, nodes, heights).violation?)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    for (seed, violation) in failed.iter().take(10) {
        println!("seed {seed}: {violation:?}; replay with `make sim SEED={seed}`");
    }
    let seconds = started.elapsed().as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = seeds as f64 / seconds;
    println!("scenarios={seeds} per-second={rate:.0} violations={}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
