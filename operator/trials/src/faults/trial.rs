//! One plan from an empty namespace to its verdict.

mod patience;
mod process;
mod settle;
mod stage;
mod supervisor;

pub use stage::Surroundings;

use crate::faults::{
    network::Ballots,
    oracle::{
        state::{Masked, differences, masked},
        treasure::{self, ByHand},
    },
    plan::{Fault, Plan},
};
use stage::Stage;
use std::time::{Duration, Instant};

/// A run that is not where it should be by then, of the time that the machine gave it, never will be: several of the operator's
/// longest pauses.
const PATIENCE: Duration = Duration::from_mins(2);

/// Longer than the operator waits before it looks at a settled object again.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// How a plan ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which.
    pub plan: Plan,
    /// Whether the fault happened; a run may need fewer writes than the undisturbed one.
    pub is_reached: bool,
    /// How the final state differs from the undisturbed run's.
    pub diverged: Vec<String>,
    /// Keys, disks and genesis that were lost or rewritten.
    pub keys_lost: Vec<String>,
    /// What the operator did to the quorum, and what the chain refused.
    pub quorum_broken: Vec<String>,
    /// Proposals that the operator opened twice.
    pub opened_twice: Vec<String>,
    /// Votes that it should have cast and did not.
    pub votes_lost: Vec<String>,
    /// From the first step to the settled end.
    pub took: Duration,
    /// Where the time went.
    pub spent: Spent,
}

/// A run's parts, so that a slow one can be told from a slow machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// The namespace, its players, the operator's start and the undisturbed beginning.
    pub beginning: Duration,
    /// The steps, and until the state was the wanted one.
    pub steps: Duration,
    /// Until everything was silent.
    pub quiet: Duration,
}

impl Verdict {
    /// Nothing was wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let all =
            [&self.diverged, &self.keys_lost, &self.quorum_broken, &self.opened_twice, &self.votes_lost];
        all.iter().all(|lines| lines.is_empty())
    }
}

/// What an undisturbed run gives.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The final state.
    pub state: Masked,
    /// Its writes, in order.
    pub writes: Vec<String>,
    /// Its transactions.
    pub transactions: usize,
    /// What it did with proposals.
    pub ballots: Ballots,
    /// How it ended.
    pub verdict: Verdict,
}

/// Runs a scenario undisturbed.
pub async fn undisturbed(around: &Surroundings, plan: Plan) -> anyhow::Result<Reference> {
    let mut stage = Stage::set(around, plan).await?;
    let outcome = rehearse(&mut stage).await;
    let reference = match outcome {
        Ok(took) => Reference {
            state: masked(&stage.log.now()),
            writes: stage.gate.written().into_iter().map(|written| written.what).collect(),
            transactions: stage.gate.transactions(),
            ballots: stage.network.ballots(),
            verdict: verdict(&stage, plan, None, Vec::new(), Spent { steps: took, ..Spent::default() }),
        },
        Err(error) => {
            let kept = stage.keep_output();
            stage.clear().await;
            return Err(error.context(format!("undisturbed {}; the operator said: {kept}", plan.scenario)));
        }
    };
    stage.clear().await;
    Ok(reference)
}

async fn rehearse(stage: &mut Stage) -> anyhow::Result<Duration> {
    stage.begin().await?;
    let start = Instant::now();
    stage.gate.arm(Fault::None, 0);
    stage.steps().await?;
    stage.quiet().await?;
    let took = start.elapsed();
    // What every other run is held against must be the end: silent for longer than the operator lets anything wait.
    loop {
        let before = masked(&stage.log.now());
        tokio::time::sleep(LONGEST_PAUSE).await;
        stage.quiet().await?;
        if masked(&stage.log.now()) == before {
            return Ok(took);
        }
        anyhow::ensure!(start.elapsed() < 5 * PATIENCE, "an undisturbed run does not come to rest");
    }
}

/// Runs a plan and holds it against the undisturbed run.
pub async fn disturbed(around: &Surroundings, plan: Plan, reference: &Reference) -> anyhow::Result<Verdict> {
    let set = Instant::now();
    let mut stage = Stage::set(around, plan).await?;
    let outcome = disturb(&mut stage, plan, reference, set).await;
    let judged = outcome.map(|(diverged, spent)| verdict(&stage, plan, Some(reference), diverged, spent));
    if !judged.as_ref().is_ok_and(Verdict::is_clean) {
        eprintln!("{plan}: output of the operator in {}", stage.keep_output());
    }
    stage.clear().await;
    judged
}

async fn disturb(
    stage: &mut Stage,
    plan: Plan,
    reference: &Reference,
    set: Instant,
) -> anyhow::Result<(Vec<String>, Spent)> {
    stage.begin().await?;
    let start = Instant::now();
    stage.arm(plan, reference).await?;
    let steps = stage.steps().await;
    let mut diverged = match steps {
        Ok(()) => stage.becomes(&reference.state).await,
        Err(error) => vec![format!("a step did not end: {error:#}")],
    };
    stage.end_fault();
    let reached = Instant::now();
    if diverged.is_empty() {
        // Settled means silent: two passes over everything write nothing, and nothing moves any more.
        if let Err(error) = stage.quiet().await {
            diverged.push(format!("{error:#}"));
        }
        diverged.extend(differences(&reference.state, &masked(&stage.log.now())));
    }
    let spent = Spent { beginning: start - set, steps: reached - start, quiet: reached.elapsed() };
    Ok((diverged, spent))
}

fn verdict(
    stage: &Stage,
    plan: Plan,
    reference: Option<&Reference>,
    mut diverged: Vec<String>,
    spent: Spent,
) -> Verdict {
    let hands: Vec<ByHand> = stage.by_hand.clone();
    diverged.extend(stage.panics());
    let ballots = stage.network.ballots();
    let wanted = reference.map_or_else(|| ballots.clone(), |reference| reference.ballots.clone());
    if ballots.ended != wanted.ended {
        diverged.push(format!("proposals ended as {:?} instead of {:?}", ballots.ended, wanted.ended));
    }
    Verdict {
        plan,
        is_reached: stage.gate.is_reached(),
        diverged,
        keys_lost: treasure::lost(&stage.log.all(), &hands),
        quorum_broken: stage.network.violations(),
        opened_twice: ballots.twice(&wanted),
        votes_lost: ballots.lost(&wanted),
        took: spent.steps + spent.quiet,
        spent,
    }
}
