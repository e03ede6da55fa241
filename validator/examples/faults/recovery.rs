//! How soon after its quorum is back a halted chain makes its next block.

use crate::{
    lab::{Lab, Setting},
    node::Node,
    watch::Seen,
};
use futures::future::try_join_all;
use std::{process::ExitCode, time::Duration};
use tokio::time::{Instant, sleep};

/// How long a block may take before the run is given up.
const PATIENCE: Duration = Duration::from_mins(2);
/// Seconds until the first block, at most.
const BAR: f64 = 6.0;
/// The seat that stays dead when the quorum is back, as many as may be.
const DEAD: usize = 0;
/// The seat whose return makes the quorum.
const BACK: usize = 1;

/// How the quorum is lost and comes back.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Loss {
    /// Both seats are killed; one is started again.
    Kill,
    /// Every node is cut off from every other; the links heal, but one seat was killed meanwhile.
    Partition,
    /// Both processes are stopped; one goes on.
    Stop,
    /// The links come and go all the time, never for long enough.
    Flicker,
}

pub(crate) const LOSSES: [Loss; 4] = [Loss::Kill, Loss::Partition, Loss::Stop, Loss::Flicker];

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// Which outages to measure.
pub(crate) struct Plan {
    pub(crate) seconds: Vec<u64>,
    pub(crate) by: Vec<Loss>,
    pub(crate) times: u64,
    pub(crate) delay_ms: Vec<u64>,
}

impl Plan {
    fn outages(&self) -> impl Iterator<Item = (u64, Loss)> {
        let lengths = (0..self.times).flat_map(|_| &self.seconds);
        lengths.flat_map(|seconds| self.by.iter().map(|loss| (*seconds, *loss)))
    }
}

struct Row {
    delay: Duration,
    loss: Loss,
    seconds: u64,
    first: f64,
    block: u64,
}

/// Measures the planned outages, in a lab for each delay, all labs beside each other.
pub(crate) async fn run(setting: &Setting, plan: &Plan) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(setting.kernel.cuts, "links cannot be cut here: the kernel lacks nftables, see above");
    let (can, cannot): (Vec<u64>, Vec<u64>) =
        plan.delay_ms.iter().partition(|delay| **delay == 0 || setting.kernel.long_ways);
    let lab = |(index, delay): (usize, &u64)| {
        Ok(all(setting, u8::try_from(index)?, Duration::from_millis(*delay), plan))
    };
    let labs = can.iter().enumerate().map(lab).collect::<anyhow::Result<Vec<_>>>()?;
    let rows: Vec<Row> = try_join_all(labs).await?.into_iter().flatten().collect();
    println!(
        "real processes: 4 validators, blocks every 2 s, one seat dead for good when the quorum is back; bar {BAR:.2} s"
    );
    println!("delay ms  quorum lost by  outage s  first block after s  block");
    for Row { delay, loss, seconds, first, block } in &rows {
        println!("{:8}  {loss:14}  {seconds:8}  {first:19.2}  {block:5}", delay.as_millis());
    }
    for delay in &cannot {
        println!("{delay:8}  left out: no TUN devices or no policy routing in this kernel");
    }
    let worst = rows.iter().map(|row| row.first).fold(0.0, f64::max);
    println!(
        "real-worst-recovery-seconds={worst:.2} bar={BAR:.2} outages={} left-out={}",
        rows.len(),
        cannot.len() * plan.outages().count()
    );
    Ok(if worst <= BAR && !rows.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn all(setting: &Setting, index: u8, delay: Duration, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let mut lab = Lab::start(setting, index, delay).await?;
    let mut rows = Vec::new();
    for (seconds, loss) in plan.outages() {
        let (back, first) = measure(&mut lab, loss, Duration::from_secs(seconds)).await?;
        let first_after = first.at.saturating_duration_since(back).as_secs_f64();
        eprintln!("{} ms, {loss}, {seconds} s: {first_after:.2} s", delay.as_millis());
        rows.push(Row { delay, loss, seconds, first: first_after, block: first.number });
        lab.compare().await?;
    }
    Ok(rows)
}

/// Loses the quorum for so long and gives it back. Tells when it was back, and the first block after.
async fn measure(lab: &mut Lab, loss: Loss, length: Duration) -> anyhow::Result<(Instant, Seen)> {
    let began = Instant::now();
    lose(lab, loss)?;
    // What was decided in the last moment may still be told of.
    sleep(Duration::from_secs(2)).await;
    let height = lab.watch.height();
    while began.elapsed() < length {
        if matches!(loss, Loss::Flicker) {
            lab.links.heal()?;
            sleep(Duration::from_millis(300)).await;
            isolate(lab)?;
        }
        sleep(Duration::from_millis(1500).min(length.saturating_sub(began.elapsed()))).await;
    }
    let halted = lab.watch.height();
    anyhow::ensure!(
        halted == height || matches!(loss, Loss::Flicker),
        "the chain went on from {height} to {halted} without a quorum"
    );
    let back = Instant::now();
    give_back(lab, loss)?;
    let first = lab.watch.above(halted, PATIENCE).await?;
    revive(lab, loss)?;
    lab.settle().await?;
    Ok((back, first))
}

fn lose(lab: &mut Lab, loss: Loss) -> anyhow::Result<()> {
    match loss {
        Loss::Kill => [DEAD, BACK].iter().try_for_each(|node| lab.nodes[*node].kill()),
        Loss::Stop => [DEAD, BACK].iter().try_for_each(|node| lab.nodes[*node].signal("STOP")),
        Loss::Partition | Loss::Flicker => {
            isolate(lab)?;
            lab.nodes[DEAD].kill()
        }
    }
}

fn isolate(lab: &Lab) -> anyhow::Result<()> {
    lab.links.part(&[&[0], &[1], &[2], &[3]])
}

fn give_back(lab: &mut Lab, loss: Loss) -> anyhow::Result<()> {
    match loss {
        Loss::Kill => lab.nodes[BACK].start(),
        Loss::Stop => lab.nodes[BACK].signal("CONT"),
        Loss::Partition | Loss::Flicker => lab.links.heal(),
    }
}

fn revive(lab: &mut Lab, loss: Loss) -> anyhow::Result<()> {
    match loss {
        Loss::Stop => lab.nodes[DEAD].signal("CONT"),
        Loss::Kill | Loss::Partition | Loss::Flicker => Node::start(&mut lab.nodes[DEAD]),
    }
}
