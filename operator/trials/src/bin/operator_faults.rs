//! `make operator-faults`: every fault at every write of every scenario, against an operator on a real API server.

use anyhow::Context as _;
use clap::Parser;
use futures::StreamExt;
use operator_trials::{
    faults::{
        plan::{Fault, Plan},
        report::{self, Report, draw, plans},
        scenario::Scenario,
        trial::{self, Reference, Surroundings},
    },
    world,
};
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

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
    /// Plans at the same time; they wait more than they work.
    #[arg(long, default_value_t = 16)]
    jobs: usize,
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
    let client = world::client().await;
    world::establish_crds(&client).await;
    let around = Arc::new(Surroundings::new(client, args.operator.clone(), args.kept.clone()).await?);
    let start = Instant::now();
    let references = references(&around, &args).await?;
    let chosen = chosen(&args, &references);
    println!("{} plans, {} at a time", chosen.len(), args.jobs);
    let mut report = Report::default();
    let mut running = futures::stream::iter(chosen)
        .map(|plan| {
            let (around, references) = (&around, &references);
            async move {
                let outcome = match references.get(&plan.scenario) {
                    Some(reference) => trial::disturbed(around, plan, reference).await,
                    None => Err(anyhow::anyhow!("{} has no undisturbed run", plan.scenario)),
                };
                (plan, outcome)
            }
        })
        .buffer_unordered(args.jobs);
    let mut done = 0_usize;
    while let Some((plan, outcome)) = running.next().await {
        done += 1;
        if done.is_multiple_of(50) {
            println!("{done} plans after {} s", start.elapsed().as_secs());
        }
        report.add(plan, outcome);
    }
    let plants = args.plan.is_none() && args.only.is_none();
    let found = if plants { planted(&around, &references).await? } else { 0 };
    println!("{}", report.table());
    if let Some(folder) = args.json.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&args.json, format!("{:#}\n", report.json(start.elapsed()))).context("the result")?;
    println!("planted-found={found} {}", report.summary(start.elapsed()));
    Ok(if report.is_clean() && (!plants || found == Plan::PLANTED.len()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs what must not end well; an oracle that lets one of them pass is none.
async fn planted(around: &Surroundings, references: &BTreeMap<Scenario, Reference>) -> anyhow::Result<usize> {
    let mut found = 0;
    for plan in Plan::PLANTED {
        let reference = references.get(&plan.scenario).context("an undisturbed run")?;
        let verdict = trial::disturbed(around, plan, reference).await?;
        let named = match plan.fault {
            Fault::LieKey => &verdict.keys_lost,
            Fault::LieTwo => &verdict.quorum_broken,
            _ => &verdict.diverged,
        };
        match named.first() {
            Some(first) => println!("{plan} was planted and found: {first}"),
            None => println!("{plan} was planted, and nobody saw it"),
        }
        found += usize::from(!named.is_empty());
    }
    Ok(found)
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
