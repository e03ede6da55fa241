//! `make operator-faults`: every fault at every write of every scenario, against an operator on a real API server.

use anyhow::Context as _;
use clap::Parser;
use futures::StreamExt;
use operator_trials::{
    faults::{
        plan::{Fault, Plan},
        report::{self, Report, draw, plans},
        scenario::Scenario,
        trial::{self, Reference, Surroundings, Verdict},
    },
    world,
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio::signal::unix::{SignalKind, signal};

/// Fault injection between operator and API server.
#[derive(Debug, Parser)]
struct Args {
    /// The operator's program.
    #[arg(long)]
    operator: PathBuf,
    /// One plan, as a violation's replay line gives it.
    #[arg(long)]
    plan: Option<Plan>,
    /// At most so many plans, drawn evenly over scenarios and faults.
    #[arg(long)]
    plans: Option<usize>,
    /// Which ones are drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only plans whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// At most so many plans at the same time; they wait more than they work, and begin as the machine keeps up.
    #[arg(long, default_value_t = 24)]
    jobs: usize,
    /// Ends, with what was found so far, after so many seconds.
    #[arg(long)]
    within: Option<u64>,
    /// Where the result goes.
    #[arg(long, default_value = "target/bench/operator-faults.json")]
    json: PathBuf,
    /// Where the output of operators that went wrong goes.
    #[arg(long, default_value = "target/operator-faults")]
    kept: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let start = Instant::now();
    let mut tally = Tally::default();
    let ended = tokio::select! {
        ended = run(&args, start, &mut tally) => ended.map(|()| true),
        () = stopped(args.within) => Ok(false),
    };
    // Whatever ended it, what was found is said.
    let complete = tally.conclude(&args, start, *ended.as_ref().unwrap_or(&false))?;
    ended?;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A signal, or the end of the time that was given.
async fn stopped(within: Option<u64>) {
    let time = async {
        match within {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let asked = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => println!("the time is over"),
        () = asked => println!("SIGTERM"),
        _ = tokio::signal::ctrl_c() => println!("SIGINT"),
    }
}

/// All that an invocation has to say at its end.
#[derive(Default)]
struct Tally {
    report: Report,
    chosen: usize,
    planted: usize,
    found: usize,
}

impl Tally {
    fn add(&mut self, plan: Plan, outcome: anyhow::Result<Verdict>) {
        if plan.fault.is_lie() {
            self.found += usize::from(is_found(plan, outcome));
        } else {
            self.report.add(plan, outcome);
        }
    }

    /// Prints and stores everything; whether all of it is as it should be.
    fn conclude(&self, args: &Args, start: Instant, ended: bool) -> anyhow::Result<bool> {
        println!("{}\n{}", self.report.table(), self.report.spent());
        if let Some(folder) = args.json.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let json = format!("{:#}\n", self.report.json(start.elapsed()));
        std::fs::write(&args.json, json).context("the result")?;
        let cut = if ended {
            String::new()
        } else {
            format!("cut-off-after={} of={} ", self.report.progress().0, self.chosen)
        };
        println!("{cut}planted-found={} {}", self.found, self.report.summary(start.elapsed()));
        Ok(ended && self.report.is_clean() && self.found == self.planted)
    }
}

async fn run(args: &Args, start: Instant, tally: &mut Tally) -> anyhow::Result<()> {
    let client = world::client().await;
    world::establish_crds(&client).await;
    let around = Surroundings::new(client, args.operator.clone(), args.kept.clone()).await?;
    let references = references(&around, args).await?;
    let chosen = chosen(args, &references);
    let plants = if args.plan.is_none() && args.only.is_none() { Plan::PLANTED.as_slice() } else { &[] };
    (tally.chosen, tally.planted) = (chosen.len(), plants.len());
    println!("{} plans, {} at a time, after {} s", chosen.len(), args.jobs, start.elapsed().as_secs());
    let mut running = futures::stream::iter(plants.iter().copied().chain(chosen))
        .map(|plan| {
            let (around, references) = (&around, &references);
            async move {
                around.calm().await;
                let outcome = match references.get(&plan.scenario) {
                    Some(reference) => trial::disturbed(around, plan, reference).await,
                    None => Err(anyhow::anyhow!("{} has no undisturbed run", plan.scenario)),
                };
                (plan, outcome)
            }
        })
        .buffer_unordered(args.jobs);
    while let Some((plan, outcome)) = running.next().await {
        tally.add(plan, outcome);
        let (done, bad) = tally.report.progress();
        if done.is_multiple_of(20) {
            println!("{done} of {} plans after {} s, {bad} bad", tally.chosen, start.elapsed().as_secs());
        }
    }
    Ok(())
}

/// What must not end well; an oracle that lets one of them pass is none.
fn is_found(plan: Plan, outcome: anyhow::Result<Verdict>) -> bool {
    let verdict = match outcome {
        Ok(verdict) => verdict,
        Err(error) => {
            println!("{plan} was planted, and could not be run: {error:#}");
            return false;
        }
    };
    let named = match plan.fault {
        Fault::LieKey => &verdict.keys_lost,
        Fault::LieTwo => &verdict.quorum_broken,
        _ => &verdict.diverged,
    };
    match named.first() {
        Some(first) => println!("{plan} was planted and found: {first}"),
        None => println!("{plan} was planted, and nobody saw it"),
    }
    !named.is_empty()
}

/// The undisturbed runs of every scenario that is asked for.
async fn references(around: &Surroundings, args: &Args) -> anyhow::Result<BTreeMap<Scenario, Reference>> {
    let is_asked = |scenario: &Scenario| match (&args.plan, &args.only) {
        (Some(plan), _) => plan.scenario == *scenario,
        (None, Some(only)) => Fault::all()
            .any(|fault| Plan { scenario: *scenario, fault, at: 0 }.to_string().contains(only.as_str())),
        (None, None) => true,
    };
    let asked: Vec<Scenario> = Scenario::ALL.into_iter().filter(is_asked).collect();
    let runs: Vec<_> = futures::stream::iter(asked)
        .map(|scenario| async move {
            let plan = Plan { scenario, fault: Fault::None, at: 0 };
            around.calm().await;
            (scenario, trial::undisturbed(around, plan).await)
        })
        .buffer_unordered(args.jobs)
        .collect()
        .await;
    let mut references = BTreeMap::new();
    for (scenario, run) in runs {
        let run = run?;
        anyhow::ensure!(
            run.verdict.is_clean(),
            "nothing was disturbed, and yet: {}",
            report::complaint(&run.verdict)
        );
        println!(
            "{scenario}: {} writes, {} transactions, {} objects, {:.1} s",
            run.writes.len(),
            run.transactions,
            run.state.len(),
            run.verdict.took.as_secs_f64()
        );
        references.insert(scenario, run);
    }
    Ok(references)
}

fn chosen(args: &Args, references: &BTreeMap<Scenario, Reference>) -> Vec<Plan> {
    if let Some(plan) = args.plan {
        return vec![plan];
    }
    let all = references.iter().flat_map(|(scenario, reference)| plans(*scenario, reference));
    let named =
        all.filter(|plan| args.only.as_ref().is_none_or(|only| plan.to_string().contains(only.as_str())));
    draw(named.collect(), args.plans.unwrap_or(usize::MAX), args.seed)
}
