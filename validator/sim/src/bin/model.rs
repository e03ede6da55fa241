//! Explores every state of a small network and prints what was found.

use clap::Parser;
use qbft_sim::explore::{
    Setting,
    search::{Found, Search},
    walk::{Walked, decides, walk},
};
use std::{process::ExitCode, time::Instant};

/// Every reachable state of four seats, one of which may do anything.
#[derive(Parser)]
struct Arguments {
    /// Crashes of honest seats, all together.
    #[arg(long, default_value_t = 1)]
    crashes: u8,
    /// Rounds, from 0.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// States at which a search gives up; it then says `complete=no`.
    #[arg(long, default_value_t = 20_000_000)]
    limit: usize,
    /// Walks in single steps that check each search.
    #[arg(long, default_value_t = 60)]
    walks: u64,
    /// Seed of the first walk.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One in so many states is checked to be no dead end.
    #[arg(long, default_value_t = 500)]
    sample: usize,
}

/// One setting's outcome.
struct Row {
    name: &'static str,
    found: Found,
    walked: Walked,
    seconds: f64,
}

impl Row {
    fn is_good(&self) -> bool {
        self.found.violation.is_none()
            && self.found.is_complete
            && self.walked.unknown.is_empty()
            && self.walked.stuck == 0
    }
}

fn explore(setting: &Setting, arguments: &Arguments) -> Row {
    let started = Instant::now();
    let (search, found) = Search::run(setting.clone(), arguments.limit);
    let mut walked = Walked::default();
    if found.is_complete {
        for seed in arguments.seed..arguments.seed.saturating_add(arguments.walks) {
            let one = walk(setting, &search, seed, 150);
            walked.steps += one.steps;
            walked.stuck += one.stuck;
            walked.unknown.extend(one.unknown);
        }
        for mut replicas in search.sample(arguments.sample) {
            walked.sampled += 1;
            walked.stuck += u64::from(!decides(&mut replicas));
        }
    }
    Row { name: setting.name, found, walked, seconds: started.elapsed().as_secs_f64() }
}

fn print(row: &Row) {
    let complete = if row.found.is_complete { "yes" } else { "no" };
    println!(
        "{:<26} | {:>9} | {:>11} | {:>5} | {:>8} | {:>6.1} | {:>6} | {:>7}",
        row.name,
        row.found.states,
        row.found.transitions,
        row.found.depth,
        complete,
        row.seconds,
        row.walked.steps,
        row.walked.sampled,
    );
    if let Some((violation, way)) = &row.found.violation {
        println!("violation: {violation:?}, reached by");
        way.iter().for_each(|step| println!("  {step}"));
    }
    row.walked.unknown.iter().take(3).for_each(|step| println!("a walk left what was explored: {step}"));
    if row.walked.stuck > 0 {
        println!("{} states from which honest seats did not decide", row.walked.stuck);
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut settings = Setting::standard();
    for setting in &mut settings {
        setting.crashes = arguments.crashes;
        setting.rounds = arguments.rounds;
    }
    println!(
        "configuration              |    states | transitions | depth | complete | seconds |  walked | sampled"
    );
    let rows: Vec<_> = std::thread::scope(|scope| {
        let [first, second, third] = &settings;
        let arguments = &arguments;
        let other = scope.spawn(move || [explore(second, arguments), explore(third, arguments)]);
        let mut rows = vec![explore(first, arguments)];
        rows.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        rows
    });
    rows.iter().for_each(print);
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
