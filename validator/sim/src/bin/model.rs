//! Explores every state of small networks and prints what was found.

use clap::Parser;
use qbft_sim::explore::{
    Setting,
    search::{Found, Search},
    walk::{Walked, decides, walk},
};
use std::{
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// Moves of a walk.
const WALK: u32 = 150;

/// Every reachable state of four seats, one of which may do anything.
#[derive(Parser)]
struct Arguments {
    /// Two crashes too.
    #[arg(long)]
    full: bool,
    /// States at which a search gives up; it then says that it is not complete.
    #[arg(long, default_value_t = 60_000_000)]
    limit: usize,
    /// Walks in single steps that check each search.
    #[arg(long, default_value_t = 60)]
    walks: u64,
    /// Seed of the first walk.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One in so many states is shown to be no dead end.
    #[arg(long, default_value_t = 500)]
    sample: usize,
}

/// One setting's outcome.
struct Row {
    setting: Setting,
    found: Found,
    walked: Walked,
    seconds: f64,
}

impl Row {
    fn is_good(&self) -> bool {
        let Self { found, walked, .. } = self;
        found.violation.is_none() && found.is_complete && walked.unknown.is_empty() && walked.stuck == 0
    }
}

fn explore(setting: Setting, arguments: &Arguments) -> Row {
    let started = Instant::now();
    let (search, found) = Search::run(setting.clone(), arguments.limit);
    let mut walked = Walked::default();
    if found.is_complete {
        for seed in arguments.seed..arguments.seed.saturating_add(arguments.walks) {
            let one = walk(&setting, &search, seed, WALK);
            walked.steps += one.steps;
            walked.stuck += one.stuck;
            walked.unknown.extend(one.unknown);
        }
        for mut replicas in search.sample(arguments.sample) {
            walked.sampled += 1;
            walked.stuck += u64::from(!decides(&mut replicas));
        }
    }
    Row { setting, found, walked, seconds: started.elapsed().as_secs_f64() }
}

fn print(row: &Row) {
    let Row { setting, found, walked, seconds } = row;
    println!(
        "{:<25} | {:>6} | {:>7} | {:>9} | {:>11} | {:>5} | {:>8} | {:>7.1} | {:>7} | {:>7}",
        setting.name,
        setting.rounds,
        setting.crashes,
        found.states,
        found.transitions,
        found.depth,
        if found.is_complete { "yes" } else { "no" },
        seconds,
        walked.steps,
        walked.sampled,
    );
    if let Some((violation, way)) = &found.violation {
        println!("violation: {violation:?}, reached by");
        for step in way {
            println!("  {step}");
        }
    }
    for step in walked.unknown.iter().take(3) {
        println!("a walk left what was explored: {step}");
    }
    if walked.stuck > 0 {
        println!("{} states from which the honest seats alone did not decide", walked.stuck);
    }
}

fn settings(is_full: bool) -> Vec<Setting> {
    let standard = Setting::standard();
    let with = |rounds, crashes| standard.iter().map(move |one| Setting { rounds, crashes, ..one.clone() });
    let more = is_full.then(|| with(2, 2));
    with(2, 1).chain(more.into_iter().flatten()).collect()
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = settings(arguments.full);
    println!(
        "configuration             | rounds | crashes |    states | transitions | depth | complete | seconds |  walked | sampled"
    );
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(2);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(setting) = settings.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = explore(setting.clone(), &arguments);
                    print(&row);
                    rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(row);
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let states: usize = rows.iter().map(|row| row.found.states).sum();
    let transitions: u64 = rows.iter().map(|row| row.found.transitions).sum();
    let violations = rows.iter().filter(|row| row.found.violation.is_some()).count();
    let unknown: usize = rows.iter().map(|row| row.walked.unknown.len()).sum();
    let stuck: u64 = rows.iter().map(|row| row.walked.stuck).sum();
    let complete = if rows.iter().all(|row| row.found.is_complete) { "yes" } else { "no" };
    println!(
        "states={states} transitions={transitions} complete={complete} unexplored={unknown} dead-ends={stuck} violations={violations}"
    );
    if rows.iter().all(Row::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
